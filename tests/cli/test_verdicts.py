"""The last line of `apply`, `wait` and `revert` says how the run ended, in words that match the exit code."""

import json
from pathlib import Path

import pytest

from reconciler.cli import main
from reconciler.emulator import Edit, EmulatorSettings, Fault, Status
from reconciler.emulator import ReportedResult as ResultFault
from tests.support.program import Program, Result, write_manifest

HEAD = "organization: example.com\nrepositories:\n"
TWO = f"{HEAD}  custom-nginx: {{packages: [curl]}}\n  orders-api: {{packages: [curl]}}\n"
STARTS = ("complete", "finished with errors", "interrupted", "canceled", "refused")


@pytest.fixture(autouse=True)
def _quiet(program: Program) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)


def last(result: Result) -> str:
    """The verdict: below the report on standard output, else below the error on standard error."""
    line = (result.out or result.err).splitlines()[-1]
    assert line.split(" ", 1)[1].startswith(STARTS), result.out + result.err
    assert ("complete" in line) is (result.code == 0)
    return line


def run_id(program: Program) -> str:
    found: str = json.loads(program.run("history", "--json").out)["runs"][0]["id"]
    return found


def test_complete(program: Program) -> None:
    write_manifest(TWO)
    result = program.run("apply", "--yes")
    assert (result.code, last(result)) == (0, "Apply complete: 2 repositories updated, 8 builds succeeded.")
    assert "\nVerified: all 8 new images contain the requested configuration.\n" in result.out
    waited = program.run("wait")
    assert (waited.code, last(waited)) == (0, "Wait complete: 2 repositories updated, 8 builds succeeded.")
    again = program.run("apply", "--yes")
    assert (again.code, last(again)) == (0, "Apply complete: no changes.")


def test_a_saved_plan(program: Program) -> None:
    write_manifest(TWO)
    program.run("plan", "-o", "p.plan")
    result = program.run("apply", "p.plan", "--no-wait")
    assert (result.code, last(result)) == (0, "Apply complete: 2 repositories updated, builds not waited for.")
    again = program.run("apply", "p.plan", "--no-wait")
    assert (again.code, last(again)) == (0, "Apply complete: 2 repositories already up to date.")


def test_a_bad_manifest(program: Program) -> None:
    write_manifest(TWO.replace("packages", "pakages"))
    result = program.run("apply", "--yes")
    assert (result.code, last(result)) == (1, "Apply refused: 2 errors. Nothing was changed.")


def test_a_blocked_plan(program: Program) -> None:
    write_manifest(f'{HEAD}  "custom-*": {{packages: [no-such-package]}}\n')
    plan = program.run("plan")
    assert plan.code == 1
    assert plan.out.splitlines()[-1].startswith("This plan cannot be applied: ")
    assert plan.out.count("would not build") == 1
    assert plan.err.count("no-such-package") == 1
    result = program.run("apply", "--yes")
    assert result.code == 1
    assert last(result).endswith(" repositories have errors. Nothing was changed.")


def test_a_failed_write(program: Program) -> None:
    write_manifest(TWO)
    for method in ("PUT", "PATCH"):
        program.play(Fault(effect=Status(status=400, message="no"), method=method, times=None))
    result = program.run("apply", "--yes")
    assert (result.code, last(result)) == (3, "Apply finished with errors: 2 failed (custom-nginx, orders-api).")


def test_a_repository_that_changed_since_the_plan(program: Program) -> None:
    write_manifest(TWO)
    program.run("plan", "-o", "p.plan")
    with program.emulator() as emulator:
        emulator.edit(emulator.repository("orders-api")["id"], {"contents": {"packages": ["vim"]}}, replace=True)
    result = program.run("apply", "p.plan", "--no-wait")
    assert result.code == 4
    assert last(result) == "Apply finished with errors: 1 updated, 1 changed since the plan (orders-api)."


def test_refused_canceled_and_no_terminal(program: Program) -> None:
    write_manifest(TWO)
    declined = program.run("apply", answer="no\n")
    assert (declined.code, last(declined)) == (5, "Apply canceled. Nothing was changed.")
    unasked = program.run("apply")
    assert unasked.code == 5
    assert last(unasked) == "Apply refused: cannot ask for confirmation (use --yes). Nothing was changed."
    assert "cannot ask for confirmation: standard input is not a terminal" in unasked.err
    write_manifest(f"{HEAD}  '*': {{packages: []}}\n")
    guarded = program.run("apply", "--yes")
    assert guarded.code == 5
    assert last(guarded) == "Apply refused: the removal guard does not allow this plan. Nothing was changed."
    plan = program.run("plan")
    assert (plan.code, program.run("plan", "--detailed-exitcode").code) == (0, 1)
    assert plan.out.splitlines()[-1].startswith("This plan cannot be applied: ")
    assert "--max-removal" in plan.out.splitlines()[-1]


def test_failed_builds(program: Program) -> None:
    write_manifest(TWO)
    program.play(Fault(effect=ResultFault(result="Failure"), times=None))
    result = program.run("apply", "--yes")
    assert result.code == 6
    assert last(result) == "Apply finished with errors: 2 updated, 8 builds failed (custom-nginx, orders-api)."
    assert "Verified: only 0 of 8 new images contain the requested configuration (8 builds failed)." in result.out


def test_builds_that_do_not_finish_in_time(program: Program) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0, build_seconds=(900.0, 900.0))
    write_manifest(TWO)
    result = program.run("apply", "--yes", "--wait-timeout", "5m")
    assert result.code == 7
    assert last(result) == "Apply finished with errors: 2 updated, 8 builds running when time ran out."
    assert "Verified: all" not in result.out


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_token_that_is_rejected(program: Program, options: list[str]) -> None:
    write_manifest(TWO)
    for method in ("PUT", "PATCH"):
        program.play(Fault(effect=Status(status=401, message="expired"), method=method, times=None))
    result = program.run("apply", "--yes", "--parallelism", "1", *options)
    assert result.code == 8
    line = json.loads(result.out.splitlines()[-1])["verdict"] if options else last(result)
    assert line.startswith("Apply finished with errors: token rejected, 1 failed (")
    assert "1 not attempted (" in line
    if options:
        assert result.err.splitlines()[-1] == line


def test_interrupted(program: Program) -> None:
    write_manifest(TWO)
    world = program.world()
    program.clock.on_wait = lambda _: world.stop.set()
    code = main(["apply", "--yes"], world)
    out = world.stdout.getvalue()  # type: ignore[attr-defined]
    assert last(Result(code, out, "")).startswith("Apply interrupted: 2 updated, ")
    assert code == 130


def test_revert_ends_with_what_the_manifest_still_requests(program: Program) -> None:
    write_manifest(TWO)
    program.run("apply", "--yes", "--no-wait")
    result = program.run("revert", run_id(program), "--yes", "--no-wait")
    assert (result.code, last(result)) == (0, "Revert complete: 2 repositories reverted, builds not waited for.")
    for text in (result.err, program.run("plan").err):
        assert "the manifest still requests what " in text
        assert "manifests/web.yaml:3: custom-nginx\n" in text
        assert "manifests/web.yaml:4: orders-api\n" in text
    program.run("apply", "--yes", "--no-wait")
    assert "still requests" not in program.run("plan").err


def test_revert_of_what_the_manifest_no_longer_requests(program: Program) -> None:
    write_manifest(TWO)
    program.run("apply", "--yes", "--no-wait")
    write_manifest(f"{HEAD}  custom-go: {{packages: [curl]}}\n")
    result = program.run("revert", run_id(program), "--yes", "--no-wait")
    assert "still requests" not in result.err
    assert "still requests" not in program.run("plan").err


def test_a_comparison_speaks_of_the_change(program: Program) -> None:
    write_manifest(TWO, "base.yaml")
    write_manifest(TWO.replace("orders-api: {packages: [curl]}", "orders-api: {packages: [curl, jq]}"), "new.yaml")
    result = program.run("plan", "new.yaml", "--base", "base.yaml", "--format", "json=p.json", "--format", "text")
    line = result.out.splitlines()[-1]
    assert line == "Plan: this change causes 1 to update; 2 repositories already different."
    assert json.loads(Path("p.json").read_bytes())["caused_counts"] == {"create": 0, "update": 1, "reset": 0}


def test_somebody_else(program: Program) -> None:
    """What is changed while its builds run is not called complete."""
    write_manifest(TWO)
    other = Edit(edit="orders-api", overlay={"contents": {"packages": ["vim"]}}, when="before")
    program.play(Fault(effect=other, method="GET", path="/registry/v1/buildreports$", nth=3))
    result = program.run("apply", "--yes")
    assert result.code == 4
    assert "1 changed by somebody else (orders-api)" in last(result)
