"""The forecast at the end of a plan: when it is made, what it costs, and what a failure of it changes."""

import json
import re

import pytest

from reconciler.emulator import EmulatorSettings, Fault, Status
from tests.support.program import Program, write_manifest

TWO = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n  orders-api: {packages: [jq]}\n"
NOTHING = "organization: example.com\nrepositories: {custom-nginx: {}}\n"


def test_a_plan_ends_with_what_it_sets_going(program: Program) -> None:
    write_manifest(TWO)
    lines = program.run("plan").out.splitlines()
    assert re.fullmatch(r"This will start about \d+ builds in 2 repositories\.", lines[-3])
    assert re.fullmatch(r"Recent builds: median \w+, longest \w+ \(\d+ builds\)\.", lines[-2])
    assert lines[-1] == "Plan: 2 to update."


def test_as_many_builds_start_as_were_forecast(program: Program) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)
    write_manifest(TWO)
    foreseen = json.loads(program.run("plan", "--format", "json").out)["forecast"]
    lines = program.run("apply", "--yes", "--format", "json").out.splitlines()
    plan = next(json.loads(line)["plan"] for line in lines if json.loads(line)["type"] == "plan")
    assert plan["forecast"] == foreseen
    assert json.loads(lines[-1])["builds"]["succeeded"] == foreseen["builds"]


def test_a_plan_that_writes_nothing_has_none_and_asks_for_none(program: Program) -> None:
    write_manifest(NOTHING)
    program.play(Fault(effect=Status(status=500), path="buildreports", times=100))
    result = program.run("plan", "--format", "json")
    assert result.code == 0
    assert "forecast" not in json.loads(result.out)
    assert "buildreports" not in result.err


def test_a_plan_that_is_refused_starts_nothing(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {custom-nginx: {packages: [curl]}, nowhere: {}}\n")
    assert "forecast" not in json.loads(program.run("plan", "--format", "json").out)


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_reports_that_cannot_be_read_change_no_exit_code(program: Program, status: int) -> None:
    write_manifest(TWO)
    program.play(Fault(effect=Status(status=status), path="buildreports", times=1000))
    result = program.run("plan", "--detailed-exitcode")
    assert result.code == 2, result.err
    assert "Number of builds unknown: " in result.out


def test_a_saved_plan_was_forecast_when_it_was_reviewed(program: Program) -> None:
    write_manifest(TWO)
    assert "This will start" in program.run("plan", "-o", "p").out
    assert "This will start" not in program.run("show", "p").out
    assert "This will start" not in program.run("apply", "p", "--no-wait").out
