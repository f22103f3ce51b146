"""What is told of packages that cannot be installed, and of those that an image has already."""

import pytest

from reconciler.core.bases import find_bases
from reconciler.core.builds import Build, PackageConfig, Recipe, Result
from reconciler.core.layers import Layer, Precedence
from reconciler.core.overlay import EMPTY, Section
from reconciler.core.plan import Plan
from reconciler.core.planner import plan
from reconciler.core.resolution import (
    already_in_image,
    no_build_failure,
    resolution_errors,
    resolution_failure,
    with_resolution,
    without_resolution,
)
from reconciler.core.state import Address, Desired, DesiredRepository, Live, LiveRepository, Organization
from reconciler.core.steps import Action
from reconciler.diagnostics import Place, Severity
from tests.support.overlays import overlay

PACKAGES = ("curl", "curl-dev", "so:libx.so.1", "valkey")
LIVE = Live(
    organization=Organization(id="o", name="example.com"),
    repositories=tuple(LiveRepository(id=f"o/{name}", name=name, overlay=EMPTY) for name in ("api", "web")),
)


def entry(name: str, line: int) -> DesiredRepository:
    wanted, place = overlay({"packages": list(PACKAGES)}), Place(file="m.yaml", line=line)
    managed = frozenset({Section.PACKAGES})
    layer = Layer(precedence=Precedence.ENTRY, kind=Precedence.ENTRY, place=place, overlay=wanted, managed=managed)
    return DesiredRepository(address=Address(name=name), place=place, overlay=wanted, managed=managed, layers=(layer,))


DESIRED = Desired(organization="example.com", repositories=(entry("api", 1), entry("web", 2)))


def planned() -> Plan:
    return plan(DESIRED, LIVE)


@pytest.mark.parametrize(
    ("said", "summary"),
    [
        ("curl-8.1-r0.apk excludes valkey", 'packages "curl" and "valkey" cannot be installed together in api'),
        ('solving "curl-dev>2": no such package', 'package "curl-dev" cannot be installed in api'),
        ("so:libx.so.1: not there.", 'package "so:libx.so.1" cannot be installed in api'),
        ("curl-openssl is not there", "packages {all} cannot be installed together in api"),
    ],
)
def test_the_packages_that_the_api_names_are_reported(said: str, summary: str) -> None:
    found = planned()
    (one,) = resolution_errors([resolution_failure(found.writes[0], said)])
    everything = '"curl", "curl-dev", "so:libx.so.1" and 1 more'
    assert one.diagnostic.summary == summary.replace("{all}", everything)
    assert one.diagnostic.detail == said


def test_one_problem_is_reported_once_though_it_is_worded_otherwise_for_another_base() -> None:
    found = planned()
    (one,) = resolution_errors(
        resolution_failure(found.writes[0], f"curl and valkey on nginx {number}") for number in (1, 2)
    )
    assert one.repositories == ("api",)


@pytest.mark.parametrize("required", [False, True])
def test_what_was_not_asked_stops_a_plan_only_where_that_is_required(required: bool) -> None:  # noqa: FBT001 - a case
    found = planned()
    after = without_resolution(found, "why", required=required)
    (told,) = after.diagnostics
    assert told.detail == "why"
    assert told.severity is (Severity.ERROR if required else Severity.WARNING)
    assert (after.applyable, after.refused, after.failed) == (not required, required, False)


def test_what_does_not_resolve_stops_a_plan() -> None:
    found = planned()
    after = with_resolution(
        found, [resolution_failure(found.writes[0], "no")], [no_build_failure("web", 30)], required=False
    )
    assert [step.action for step in after.steps] == [Action.BLOCKED, Action.UPDATE]
    assert not after.applyable


def build(name: str, *packages: str) -> Build:
    recipe = Recipe(config=PackageConfig(packages=packages))
    id_ = f"o/{name}/{len(packages)}"
    return Build(id=id_, repository_id=f"o/{name}", started=1.0, ended=2.0, result=Result.SUCCESS, recipe=recipe)


def test_what_every_base_has_is_a_note() -> None:
    found = planned()
    builds = [build("api", "nginx", "curl"), build("web", "nginx", "curl", "valkey"), build("web", "valkey", "nginx")]
    notes = already_in_image(found.writes, find_bases(found.writes, builds, LIVE))
    assert [(one.summary, one.repositories) for one in notes] == [
        ('package "curl" is already in the image', ("api",)),
        ('package "valkey" is already in the image', ("web",)),
    ]
