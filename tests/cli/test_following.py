"""Following builds through the whole command line, while things go wrong that no repository is to be blamed for."""

import json
import sqlite3
from typing import Any

import pytest

from reconciler.cli.client import STATE
from reconciler.emulator import EmulatorSettings, Status
from tests.support.program import Program, write_manifest

TWO = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl]}
  orders-api: {packages: [curl]}
"""
COUNTS = {"applied": 0, "already_done": 0, "stale": 0, "failed": 0, "not_attempted": 0, "unknown": 0}
CALM = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)


@pytest.fixture(autouse=True)
def _calm(program: Program) -> None:
    program.settings = CALM


def newest(program: Program) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(program.run("history", "--format", "json").out)["runs"][0]
    return found


def change_builds(statement: str) -> None:
    """Change what the emulator has recorded of its builds."""
    with sqlite3.connect(STATE) as db:
        db.execute(statement)
    db.close()


def test_a_build_that_succeeded_without_what_was_asked_is_a_failure(program: Program) -> None:
    write_manifest(TWO)
    program.clock.on_wait = lambda _: change_builds(
        """UPDATE builds SET locked = replace(locked, '"curl=', '"wget=') WHERE tag = 'latest'"""
    )
    applied = program.run("apply", "--yes")
    assert applied.code == 6
    assert "succeeded without contents.packages curl" in applied.out
    assert "Verified: only 6 of 8 new images contain the requested configuration." in applied.out
    program.clock.on_wait = None
    again = program.run("wait")
    assert again.code == 6
    assert again.out.strip() == applied.out[applied.out.index("applied:") :].strip().replace("Apply ", "Wait ")
    assert newest(program)["builds"] == {"success": 6, "failure": 2, "running": 0}
    assert "succeeded without contents.packages curl" in program.run("history", newest(program)["id"]).out


def test_an_api_that_is_down_for_two_minutes(program: Program) -> None:
    began = program.clock.now()

    def down(method: str, path: str) -> tuple[Status, ...]:
        away = 3 <= program.clock.now() - began <= 123
        return (Status(status=503, message="down"),) if away and method == "GET" else ()

    program.settings = EmulatorSettings(automatic_rebuilds=False, storm=down)
    write_manifest(TWO)
    applied = program.run("apply", "--yes")
    assert applied.code == 0, applied.err
    assert "could not read the build status, trying again" in applied.err
    assert "Verified: all 8 new images contain the requested configuration." in applied.out
    assert program.clock.now() - began > 123


@pytest.mark.parametrize("left", [["git"], []])
def test_what_somebody_else_changes_meanwhile_is_named_and_not_waited_for(program: Program, left: list[str]) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=False, queue_delay=100)
    write_manifest(TWO)

    def changed(now: float) -> None:
        program.clock.on_wait = None
        with program.emulator() as emulator:
            emulator.edit("orders-api", {"contents": {"packages": left}}, replace=True)

    program.clock.on_wait = changed
    applied = program.run("apply", "--yes")
    assert applied.code == 4
    assert "orders-api     changed by somebody else after the write" in applied.out
    assert "To see the difference: `reconciler plan`." in applied.out
    assert program.run("wait").code == 4


def test_one_that_takes_too_long_does_not_hold_up_the_others(program: Program) -> None:
    write_manifest(TWO)

    def late(_: float) -> None:
        change_builds(
            "UPDATE builds SET ended = ended + 1000000000000 WHERE repo_id ="
            " (SELECT id FROM repos WHERE name = 'orders-api')"
        )
        program.clock.on_wait = None

    program.clock.on_wait = late
    applied = program.run("apply", "--yes", "--repo-timeout", "60s")
    assert applied.code == 7
    assert "orders-api     4 running" in applied.out
    assert "custom-nginx   4 succeeded" in applied.out


def refuses(name: str, program: Program) -> None:
    """Let the API refuse every write to one repository."""
    with program.emulator() as emulator:
        id_ = emulator.repository(name)["id"]

    def storm(method: str, path: str) -> tuple[Status, ...]:
        return (Status(status=400, message="no"),) if method == "PATCH" and path.endswith(id_) else ()

    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0, storm=storm)


def test_a_failed_write_stops_the_rest_where_that_is_asked_for(program: Program) -> None:
    write_manifest(TWO)
    refuses("custom-nginx", program)
    stopped = program.run("apply", "--yes", "--on-error", "stop", "--parallelism", "1")
    assert stopped.code == 3
    assert "1 not attempted (" in stopped.out
    program.settings = CALM
    program.clock.time += 60
    later = program.run("apply", "--yes")
    assert (later.code, newest(program)["counts"]) == (0, COUNTS | {"applied": 2})


def test_a_failed_write_leaves_the_rest_alone_otherwise(program: Program) -> None:
    write_manifest(TWO)
    refuses("custom-nginx", program)
    result = program.run("apply", "--yes", "--parallelism", "1")
    assert result.code == 3
    assert "Apply finished with errors: 1 updated, 1 failed (" in result.out


THREE = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl, PACKAGE]}
  custom-python: {packages: [curl, git]}
  orders-api: {packages: [curl]}
"""


def test_a_canary_that_fails_to_build_holds_the_rest_back_and_a_later_apply_continues(program: Program) -> None:
    write_manifest(THREE.replace("PACKAGE", "no-such-package"))
    held = program.run("apply", "--yes", "--no-check", "--batch", "1,rest")
    assert held.code == 3
    assert "wave 1 of 2: 1 repository" in held.err
    assert "wave 2" not in held.err
    assert "custom-python" in held.out.partition("not attempted")[2]
    assert newest(program)["counts"] == COUNTS | {"applied": 1, "not_attempted": 2}
    write_manifest(THREE.replace("PACKAGE", "git"))
    program.clock.time += 60
    later = program.run("apply", "--yes", "--batch", "1,rest")
    assert later.code == 0, later.err
    assert "Apply complete: 3 repositories updated" in later.out


def test_as_many_may_fail_as_were_allowed(program: Program) -> None:
    write_manifest(THREE.replace("PACKAGE", "no-such-package"))
    result = program.run("apply", "--yes", "--no-check", "--batch", "1,rest", "--max-failed", "1")
    assert result.code == 6
    assert "Apply finished with errors: 3 updated" in result.out


def test_the_time_limit_is_that_of_all_waves_together(program: Program) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=False, queue_delay=40)
    write_manifest(THREE.replace("PACKAGE", "git"))
    began = program.clock.now()
    result = program.run("apply", "--yes", "--batch", "1,1,rest", "--wait-timeout", "100s")
    assert result.code == 3
    assert program.clock.now() - began < 130
    assert "1 not attempted (" in result.out
