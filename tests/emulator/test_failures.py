"""Builds that cannot succeed, and why."""

import pytest

from reconciler.emulator import EmulatorSettings, solver
from tests.support.emulated import World, packages

SINCE = ("startedSince", "2023-11-14T22:13:20.250Z")


def built(overlay: object, name: str = "custom-node") -> tuple[World, dict[str, str]]:
    """Return the world after an update, and the last lines of the logs by result."""
    world = World(EmulatorSettings(automatic_rebuilds=False))
    world.put_overlay(name, overlay)
    world.clock.advance(30)
    return world, {each["result"]: each["log"] for each in world.reports(name, SINCE)}


def test_a_missing_package_fails_every_build() -> None:
    world, logs = built(packages("jq", "crul"))
    assert set(logs) == {"Failure"}
    assert 'solving "crul" constraint: could not find package that satisfies "crul"' in logs["Failure"]
    for report in world.reports("custom-node", SINCE):
        assert (report["digest"], report["lockedConfig"]) == ("", "")
        assert "crul" in report["config"]


def test_failed_work_is_shown_for_a_little_while() -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False))
    world.put_overlay("custom-node", packages("crul"))
    world.clock.advance(12)
    assert world.status("custom-node") == "FAILED"
    world.clock.advance(15)
    assert world.status("custom-node") == "UNKNOWN"


def test_a_version_that_is_not_there_names_those_that_are() -> None:
    _, logs = built(packages("bash=9.9.9-r0"))
    assert 'could not find package that satisfies "bash=9.9.9-r0"' in logs["Failure"]
    assert "bash-5.3-r3.apk disqualified" in logs["Failure"]


def test_two_providers_of_one_name_are_both_named() -> None:
    _, logs = built(packages("nodejs-20"))
    assert (
        "nodejs-20-20.19.5-r1.apk disqualified because nodejs-24-24.10.0-r0.apk already provides nodejs"
        in (logs["Failure"])
    )


def test_a_conflict_with_the_larger_dev_images_fails_those_alone() -> None:
    world, logs = built(packages("curl-rustls"))
    assert set(logs) == {"Success", "Failure"}
    assert "libcurl-openssl4" in logs["Failure"]
    assert "libcurl-rustls4" in logs["Failure"]
    assert 'conflicting file "usr/lib/libcurl.so.4.8.0"' in logs["Failure"]
    assert world.status("custom-node") == "UNKNOWN"
    assert len([each for each in world.reports("custom-node", SINCE) if each["result"] == "Failure"]) == 3


def test_what_is_listed_twice_is_a_warning() -> None:
    world, _ = built(packages("jq", "jq"))
    warnings = {warning for report in world.reports("custom-node", SINCE) for warning in report["warnings"]}
    assert 'package "jq" is listed more than once' in warnings


@pytest.mark.parametrize(
    ("wanted", "name", "version"),
    [
        (("bash",), "bash", "5.3-r3"),
        (("bash=5.2.37-r34",), "bash", "5.2.37-r34"),
        (("bash~5.2.37",), "bash", "5.2.37-r34"),
        (("bash~5.2",), "bash", "5.2.37-r34"),
        (("bash", "bash<5.3"), "bash", "5.2.37-r34"),
        (("bash>=5.2", "bash"), "bash", "5.3-r3"),
        (("nodejs",), "nodejs-24", "24.10.0-r0"),
        (("nodejs<23",), "nodejs-22", "22.20.0-r1"),
        (("nodejs-20", "npm"), "nodejs-20", "20.19.5-r1"),
        (("git",), "libcurl-openssl4", "8.16.0-r1"),
    ],
)
def test_constraints_choose_versions(wanted: tuple[str, ...], name: str, version: str) -> None:
    assert solver.solve(wanted)[name] == version


@pytest.mark.parametrize(
    "wanted",
    [
        ("bash~5.20",),
        ("bash=5.2.37",),
        ("bash~5.1",),
        ("bash>5.3-r3",),
        ("bash=5.3-r3", "bash=5.2.37-r34"),
        ("bash@local",),
        ("",),
        ("bash >",),
        ("go<1",),
        ("postgresql-17", "postgresql-18"),
        ("busybox", "busybox-full"),
    ],
)
def test_constraints_that_cannot_be_met(wanted: tuple[str, ...]) -> None:
    with pytest.raises(solver.Unsolvable):
        solver.solve(wanted)


@pytest.mark.parametrize(
    ("older", "newer"),
    [("1.9", "1.10"), ("1.2.3-r1", "1.2.3-r10"), ("9.9_p1", "10.0_p1"), ("1.2", "1.2.1"), ("20240101", "20250101")],
)
def test_versions_are_ordered_by_their_numbers(older: str, newer: str) -> None:
    assert solver.version_key(older) < solver.version_key(newer)
