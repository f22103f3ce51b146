"""Build reports: results, times, and the configuration that a build was made with."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.api import build_reports, endpoints
from reconciler.api.answers import ReportAnswer
from reconciler.api.build_reports import Window, configs_from_texts
from reconciler.api.overlay_update import merge_overlay
from reconciler.api.schema import overlay_from_wire, timestamp_from_wire
from reconciler.core.builds import Build, BuildConfig, Result
from reconciler.core.diff import Field, Item, items_of
from reconciler.core.guarded import GUARDED
from reconciler.core.overlay import Overlay, PemFile, User
from tests.api.fakes import NODE, ORGANIZATION
from tests.api.test_mapping import FULL

REPORT = f"{NODE}/{'2' * 16}"
APKO: dict[str, Any] = {
    "contents": {
        "repositories": ["https://x.test"],
        "packages": ["git", "curl=8.1"],
        "runtime_repositories": ["https://b.test", "https://a.test"],
        "runtime_keyring": [{"name": "k.pub", "content": FULL["contents"]["runtimeKeyring"][0]["content"]}],
    },
    "environment": {"B": "2", "A": ""},
    "annotations": {"x": "y"},
    "accounts": {
        "run-as": "65532",
        "users": [
            {"username": "u", "uid": 7, "gid": 0, "groupname": "g", "shell": "/bin/sh", "homedir": "/home/u"},
            {"username": "a", "uid": 8, "gid": None},
        ],
        "groups": [{"groupname": "g", "gid": 0, "members": ["u", "a"]}],
    },
    "certificates": {"additional": [{"name": "c", "content": "x"}], "providers": ["p"]},
    "archs": ["x86_64"],
    "cmd": "x",
}
# What the Guarded Entrypoint does stands among the variables.
ALL = frozenset(Field) - {Field.UNRECOGNIZED, *GUARDED}


def build_from_wire(item: dict[str, object]) -> Build:
    return build_reports.build_from_wire(ReportAnswer.model_validate(item))


def config_from_text(text: str) -> BuildConfig | None:
    config, _, _ = configs_from_texts(text, "")
    return config


@pytest.mark.parametrize("config", [APKO, FULL])
def test_both_spellings_of_a_configuration(config: dict[str, Any]) -> None:
    overlay = overlay_from_wire(FULL)
    assert isinstance(overlay, Overlay)
    found = config_from_text(json.dumps(config))
    assert found is not None
    assert found.parts == ALL
    assert found.entries == frozenset(items_of(overlay))


def test_only_what_a_configuration_speaks_of() -> None:
    found = config_from_text('{"contents": {"packages": ["git"]}, "environment": {}, "accounts": {"run-as": "u"}}')
    assert found is not None
    assert found.parts == {Field.PACKAGES, Field.ENVIRONMENT, Field.RUN_AS}
    assert found.entries == {Item(Field.PACKAGES, "git", "git"), Item(Field.RUN_AS, "", "u")}


def test_what_cannot_be_understood_is_silence() -> None:
    found = config_from_text('{"contents": {"packages": "git", "x": 1}, "accounts": [], "annotations": {"a": "b"}}')
    assert found is not None
    assert found.parts == {Field.ANNOTATIONS}
    found = config_from_text('{"accounts": {"users": "x", "groups": [5], "run-as": "u"}}')
    assert found is not None
    assert found.parts == {Field.RUN_AS}


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "{", "contents:\n- x", '"x"', "\ud800", '{"cmd": "x"}'])
def test_no_configuration(text: str) -> None:
    assert config_from_text(text) is None


def test_equal_texts_are_read_once() -> None:
    text = json.dumps(APKO) + " " * 7
    assert configs_from_texts(text, text) is configs_from_texts(str(text), str(text))
    assert configs_from_texts.cache_info().maxsize is not None


def test_the_locked_configuration_is_filled_up_from_what_was_asked_for() -> None:
    asked = '{"contents": {"packages": ["git"]}, "environment": {"A": "b"}}'
    item: dict[str, object] = {
        "id": REPORT,
        "config": asked,
        "lockedConfig": '{"contents": {"packages": ["git=2.1-r0", "zlib=1-r0"]}}',
    }
    build = build_from_wire(item)
    assert build.config == config_from_text(asked)
    assert build.locked == config_from_text(
        '{"contents": {"packages": ["git=2.1-r0", "zlib=1-r0"]}, "environment": {"A": "b"}}'
    )


@pytest.mark.parametrize("locked", ["", "{", "[]", '{"contents": {"packages": [{"name": "git"}]}}'])
def test_a_locked_configuration_that_tells_nothing_leaves_what_was_asked_for(locked: str) -> None:
    build = build_from_wire({"id": REPORT, "config": '{"contents": {"packages": ["git"]}}', "lockedConfig": locked})
    assert build.content == config_from_text('{"contents": {"packages": ["git"]}}')


def test_a_locked_configuration_alone_says_what_was_asked_for_too() -> None:
    build = build_from_wire({"id": REPORT, "lockedConfig": '{"contents": {"packages": ["git=2.1-r0"]}}'})
    assert build.config == build.locked == config_from_text('{"contents": {"packages": ["git=2.1-r0"]}}')


@pytest.mark.parametrize(
    ("result", "completed", "expected"),
    [
        ("Success", "2026-08-04T10:00:00Z", Result.SUCCESS),
        ("Success", None, Result.SUCCESS),
        ("Failure", "2026-08-04T10:00:00Z", Result.FAILURE),
        ("Unknown", None, Result.RUNNING),
        ("Unknown", "2026-08-04T10:00:00Z", Result.UNKNOWN),
        (None, None, Result.RUNNING),
        ("", None, Result.RUNNING),
        (0, None, Result.RUNNING),
        ([], None, Result.RUNNING),
        ("Cancelled", "2026-08-04T10:00:00Z", Result.UNKNOWN),
        ("Cancelled", None, Result.RUNNING),
        (7, "2026-08-04T10:00:00Z", Result.UNKNOWN),
    ],
)
def test_results(result: object, completed: object, expected: Result) -> None:
    assert build_from_wire({"id": REPORT, "result": result, "completedAt": completed}).result is expected


def test_odd_fields_of_a_report_are_not_fatal() -> None:
    build = build_from_wire({"id": REPORT, "startedAt": 5, "config": 5, "digest": [], "warnings": "x", "log": None})
    assert (build.started, build.config, build.digest, build.warnings, build.log) == (None, None, "", (), "")
    assert build.repository_id == NODE
    with pytest.raises(ValidationError):
        build_from_wire({"id": ""})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-08-04T10:00:00Z", 1_785_837_600.0),
        ("2026-08-04T10:00:00.5Z", 1_785_837_600.5),
        ("2026-08-04T10:00:00.123456789Z", 1_785_837_600.123456),
        ("2026-08-04T12:00:00+02:00", 1_785_837_600.0),
        ("2026-08-04T10:00:00", 1_785_837_600.0),
        ("1970-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("soon", None),
        (None, None),
        (1_785_837_600, None),
    ],
)
def test_times(text: object, seconds: float | None) -> None:
    assert timestamp_from_wire(text) == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-5.5, "1970-01-01T00:00:00Z"),
        (1_785_837_600, "2026-08-04T10:00:00Z"),
        (1_785_837_600.25, "2026-08-04T10:00:00.250000Z"),
    ],
)
def test_times_to_send(seconds: float, text: str) -> None:
    assert dict(endpoints.reports(ORGANIZATION, Window(since=seconds)).parameters)["startedSince"] == text


def test_a_user_and_a_key_in_wire_spelling() -> None:
    assert merge_overlay(None, Overlay(runtime_keyring=(PemFile(name="k", pem="x\n"),)))["contents"] == {
        "runtimeKeyring": [{"name": "k", "content": "x\n"}]
    }
    assert User(username="a", uid=8) in [
        entry.value for entry in getattr(config_from_text(json.dumps(APKO)), "entries", ())
    ]


def test_a_report_tells_what_its_build_was_made_from() -> None:
    contents = {"packages": ["nginx", "git"], "repositories": ["https://r"], "build_repositories": ["https://b"]}
    config = json.dumps({"contents": {**contents, "keyring": ["k"]}, "archs": ["amd64"], "environment": {"A": "b"}})
    locked = json.dumps({"contents": {"packages": ["git=2-r0", "nginx=1-r0"]}})
    build = build_from_wire({"id": REPORT, "config": config, "lockedConfig": locked})
    assert build.recipe is not None
    assert build.recipe.locked == ("git=2-r0", "nginx=1-r0")
    contents["buildRepositories"] = contents.pop("build_repositories")
    assert build.recipe.config.document() == {"contents": {**contents, "keyring": ["k"]}, "archs": ["amd64"]}


def test_a_lock_alone_tells_the_names() -> None:
    build = build_from_wire({"id": REPORT, "lockedConfig": '{"contents": {"packages": ["git=2-r0"]}}'})
    assert build.recipe is not None
    assert (build.recipe.config.packages, build.recipe.locked) == (("git",), ("git=2-r0",))


@pytest.mark.parametrize("config", ["", "{", "[]", "{}", '{"contents": 1}'])
def test_a_report_that_does_not_tell_has_no_recipe(config: str) -> None:
    assert build_from_wire({"id": REPORT, "config": config, "lockedConfig": config}).recipe is None
