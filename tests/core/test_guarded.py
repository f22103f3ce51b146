"""The Guarded Entrypoint: what its settings need, what looks like a mistake, and what an image shows of it."""

from typing import Any

import pytest

from reconciler.core import planner
from reconciler.core.builds import Build, BuildConfig, Lacking, Proven, Result, Target, Unproven, prove
from reconciler.core.diff import Field, items_of
from reconciler.core.guarded import nanoseconds, reference_problem, wrapper_items
from reconciler.core.layers import Layer, Precedence, merge
from reconciler.core.overlay import EMPTY, Overlay, Section, fingerprint, make_overlay, passed_through
from reconciler.core.secrets import argument_looks_secret, is_secret_reference, looks_secret
from reconciler.core.state import Address, Desired, DesiredRepository, Live, LiveRepository, Organization
from reconciler.diagnostics import Place
from tests.support.overlays import managed, overlay

ON: dict[str, Any] = {"guarded_entrypoint": True}
CHECKS = [{"tcp": "db:5432", "timeout": "30s"}, {"path": "/run/ready", "on_failure": "continue"}]
COMMAND = {"mode": "prepend", "command": ["/bin/sh", "-c"]}
SHOWN = {
    "PATH": "/bin",
    "GUARDED_FAIL_MODE": "open",
    "GUARDED_PREFLIGHT_0": "tcp=db:5432,timeout=30s,interval=500ms,on_failure=fail",
    "GUARDED_PREFLIGHT_1": "path=/run/ready,timeout=30s,interval=500ms,on_failure=continue",
    "GUARDED_COMMAND_MODE": "prepend",
    "GUARDED_COMMAND": '["/bin/sh","-c"]',
}


def proof(asked: dict[str, Any], shown: dict[str, str], entrypoint: str = "") -> Any:
    items = wrapper_items(shown, entrypoint)
    config = BuildConfig(frozenset(items), frozenset(item.field for item in items))
    build = Build(id="1", repository_id="r", started=None, ended=None, result=Result.SUCCESS, config=config)
    return prove(build, Target(repository="r", id="r", before=EMPTY, after=overlay(asked), since=0))


def test_an_image_that_shows_all_of_it_proves_it() -> None:
    asked = {**ON, "fail_mode": "open", "preflight": CHECKS, "command_override": COMMAND}
    assert isinstance(proof(asked, SHOWN), Proven)


@pytest.mark.parametrize(
    "asked",
    [
        {"fail_mode": "closed"},
        {"preflight": [*CHECKS, {"path": "/more"}]},
        {"preflight": CHECKS[::-1]},
        {"preflight": [{"tcp": "db:5432", "timeout": "31s"}]},
        {"command_override": {"mode": "override", "command": ["/bin/sh", "-c"]}},
        {"command_override": {"mode": "prepend", "command": ["/bin/sh"]}},
        {"command_override": {}},
    ],
)
def test_what_an_image_shows_otherwise_is_lacking(asked: dict[str, Any]) -> None:
    assert isinstance(proof({**ON, **asked}, SHOWN), Lacking)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"fail_mode": "closed"},
        {"command_override": {}},
        {"command_override": {"mode": "default"}},
        {"preflight": [{"tcp": "a:1", "timeout": "0", "interval": "0.5s"}]},
    ],
)
def test_defaults_are_what_they_stand_for(asked: dict[str, Any]) -> None:
    shown = {"GUARDED_PREFLIGHT_0": "tcp=a:1"}
    assert isinstance(proof({**ON, **asked}, shown, "/usr/bin/guarded-entrypoint /bin/app"), Proven)


def test_an_image_that_shows_nothing_of_a_wrapper_tells_nothing() -> None:
    assert isinstance(proof({**ON, "preflight": CHECKS}, {"PATH": "/bin"}, "/bin/app"), Unproven)
    assert wrapper_items({"GUARDED_DISABLE": "1"}, "") == ()


def test_more_than_ten_checks_stay_in_their_order() -> None:
    shown = {f"GUARDED_PREFLIGHT_{number}": f"path=/{number}" for number in range(12)}
    (checks,) = (item.value for item in wrapper_items(shown, "") if item.field is Field.PREFLIGHT)
    assert isinstance(checks, tuple)
    assert [check.path for check in checks] == [f"/{number}" for number in range(12)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30e9), ("1h2m3.5s", 3723.5e9), ("500ms", 5e8), ("0", 0), (".5s", 5e8), ("1.s", 1e9), ("-5s", -5e9),
        ("3µs", 3e3), ("+1ns", 1), ("", None), ("1", None), ("abc", None), ("1d", None), ("1h30", None), ("s", None),
    ],
)  # fmt: skip
def test_durations(text: str, expected: float | None) -> None:
    assert nanoseconds(text) == expected


def layer(strength: Precedence, asked: dict[str, Any], *emptied: Field) -> Layer:
    return Layer(
        precedence=strength,
        kind=strength,
        place=Place(file="x"),
        overlay=overlay(asked),
        managed=managed(asked),
        emptied=frozenset(emptied),
    )


def test_whole_settings_come_from_the_strongest_layer_that_has_them() -> None:
    weak = layer(Precedence.PROFILE, {**ON, "preflight": CHECKS, "command_override": COMMAND, "fail_mode": "open"})
    strong = layer(Precedence.ENTRY, {"preflight": [{"path": "/own"}], "command_override": {}})
    assert merge((weak, strong)).overlay == overlay(
        {**ON, "fail_mode": "open", "preflight": [{"path": "/own"}], "command_override": {}}
    )


def test_fingerprints_of_overlays_without_it_are_those_of_earlier_versions() -> None:
    assert fingerprint(EMPTY) == "sha256:7fef747d43643d0b3f8e584a700cce0c68ece3c0ffba971dd355de2599229608"
    assert fingerprint(make_overlay(guarded_entrypoint=True)) != fingerprint(EMPTY)


def test_an_empty_command_differs_from_an_absent_one() -> None:
    assert overlay({**ON, "command_override": {}}) != overlay(ON)
    assert [item.field for item in items_of(overlay({"command_override": {}}))] == [Field.COMMAND_OVERRIDE]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": True, "b": 0}, {"a": "true"}),
        ({"a": [1, "2"]}, {"a": ["1", "2"]}),
        ({}, None),
        ({"a": False}, {"a": "0"}),
    ],
)
def test_content_that_is_passed_through_is_compared_as_texts(one: object, other: object) -> None:
    assert passed_through(one) == passed_through(other)


REFERENCES = [
    "cg+vault://secret/data/db#password",
    "cg+vault://secret/data/db?version=3#password",
    "cg+consul://app/db/password",
    "cg+gsm://projects/p/secrets/db-password/versions/latest",
]


@pytest.mark.parametrize("value", REFERENCES)
def test_references_are_no_secrets(value: str) -> None:
    assert reference_problem(value) == ""
    assert is_secret_reference(value)
    assert not looks_secret("DB_PASSWORD", value)


@pytest.mark.parametrize(
    "value", ["cg+vault://x", "cg+gsm://p/s", "cg+aws://x", "cg+x", "cg+vault:x#y", "cg+consul://"]
)
def test_references_of_another_form_are_reported(value: str) -> None:
    assert reference_problem(value)


@pytest.mark.parametrize(
    ("argument", "before", "expected"),
    [
        ("hunter2", "--token", True), ("--password=x7Gq", "", True), ("${TOKEN}", "--token", False),
        ("--password=${X}", "", False), ("-v", "--token", False), ("app", "", False), ("--level=debug", "", False),
        ("ghp_abcd1234abcd", "", True),
    ],
)  # fmt: skip
def test_secrets_in_arguments(argument: str, before: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert argument_looks_secret(argument, before) is expected


def test_what_only_the_live_overlay_holds_is_warned_about() -> None:
    """Names that are not known, and a reference that is left where the wrapper goes."""
    asked = overlay({**ON, "packages": ["git"]})
    live = overlay({**ON, "fail_mode": "half", "environment": {"KEY": "cg+consul://x"}})
    assert codes(asked, frozenset({Section.PACKAGES}), live) == ["unknown-enum-name"]
    off = overlay({})
    assert codes(off, frozenset({Section.GUARDED_ENTRYPOINT, Section.FAIL_MODE}), live) == ["reference-without-wrapper"]


def test_a_setting_that_stays_without_the_wrapper_blocks_the_step() -> None:
    live = overlay({**ON, "preflight": CHECKS})
    assert codes(overlay({}), frozenset({Section.GUARDED_ENTRYPOINT}), live) == ["guarded-entrypoint-required"]


def codes(asked: Overlay, sections: frozenset[Section], live: Overlay) -> list[str]:
    """The codes of what planning one repository finds."""
    place = Place(file="m.yaml")
    desired = DesiredRepository(address=Address(name="r"), place=place, overlay=asked, managed=sections)
    organization = Organization(id="0" * 40, name="example.com")
    repository = LiveRepository(id="0" * 40 + "/1", name="r", overlay=live)
    found = planner.plan(
        Desired(organization="example.com", repositories=(desired,)),
        Live(organization=organization, repositories=(repository,)),
    )
    return [one.code for one in found.diagnostics]
