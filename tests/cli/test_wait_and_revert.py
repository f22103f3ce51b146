"""Going on from a recorded run, and going back to what stood before it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main
from reconciler.emulator import EmulatorSettings
from tests.support.program import Program, write_manifest

TWO = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl]}
  orders-api: {packages: [curl]}
"""


def newest(program: Program) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(program.run("history", "--format", "json").out)["runs"][0]
    return found


def packages(program: Program) -> list[Any]:
    """The packages of both; None, an empty overlay and an empty list are the same to a reader."""
    with program.emulator() as emulator:
        found = [emulator.repository(name)["customOverlay"] for name in ("custom-nginx", "orders-api")]
    return [(one or {}).get("contents", {}).get("packages", []) for one in found]


def test_wait_follows_what_was_not_waited_for(program: Program) -> None:
    write_manifest(TWO)
    applied = program.run("apply", "--yes", "--no-wait")
    run = newest(program)["id"]
    assert run in applied.out
    waited = program.run("wait")
    assert waited.code == 0, waited.err
    assert "Wait complete: 2 repositories updated" in waited.out
    assert newest(program)["builds"]["success"] >= 2


def test_wait_again_tells_the_same_without_network(program: Program) -> None:
    write_manifest(TWO)
    assert program.run("apply", "--yes").code == 0
    first = program.run("wait", newest(program)["id"])
    assert first.code == 0
    Path(".reconciler/emulator.db").unlink()
    assert program.run("wait").out == first.out
    assert not Path(".reconciler/emulator.db").exists()


def test_an_interrupted_wait_says_how_to_continue(program: Program) -> None:
    program.settings = EmulatorSettings(queue_delay=1000)
    write_manifest(TWO)
    world = program.world()
    program.clock.on_wait = lambda _: world.stop.set()
    assert main(["apply", "--yes"], world) == 130
    program.clock.on_wait = None
    run = newest(program)
    assert (run["state"], run["exit_code"]) == ("interrupted", 130)
    assert f"reconciler wait {run['id']}" in world.stdout.getvalue()  # type: ignore[attr-defined]
    assert program.run("wait", run["id"]).code == 0


def test_what_takes_too_long_is_named(program: Program) -> None:
    program.settings = EmulatorSettings(queue_delay=1000)
    write_manifest(TWO)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    late = program.run("wait", "--repo-timeout", "60s")
    assert late.code == 7
    assert "orders-api" in late.out


@pytest.mark.parametrize("words", [["wait", "nonsense"], ["wait"], ["revert", "nonsense"]])
def test_a_run_that_is_not_there(program: Program, words: list[str]) -> None:
    result = program.run(*words)
    assert result.code == 1
    assert "Traceback" not in result.err
    assert "error" in result.err


def test_a_run_of_another_api(program: Program) -> None:
    write_manifest(TWO)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    result = program.run("wait", "--api", "https://api.example.com")
    assert result.code == 1
    assert "run-of-other-api" in result.err or "was made with the API emulator" in result.err


def test_revert_goes_back_and_can_be_reverted(program: Program) -> None:
    write_manifest(TWO)
    before = packages(program)
    assert program.run("apply", "--yes").code == 0
    after = packages(program)
    assert before != after
    run = newest(program)["id"]
    program.clock.time += 60
    back = program.run("revert", run, "--yes")
    assert back.code == 0, back.err
    assert packages(program) == before
    reverted = newest(program)
    assert (reverted["kind"], reverted["source"]) == ("revert", run)
    program.clock.time += 60
    assert program.run("revert", reverted["id"], "--yes", "--no-wait").code == 0
    assert packages(program) == after


def test_revert_leaves_what_has_changed_since(program: Program) -> None:
    write_manifest(TWO)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    run = newest(program)["id"]
    program.clock.time += 60
    write_manifest(TWO.replace("orders-api: {packages: [curl]}", "orders-api: {packages: [curl, git]}"))
    assert program.run("apply", "--yes", "--no-wait").code == 0
    program.clock.time += 60
    back = program.run("revert", run, "--yes", "--no-wait")
    assert back.code == 0
    assert "orders-api is left unchanged: it has changed since the run" in back.err
    assert "Revert complete: 1 repository reverted" in back.out
    program.clock.time += 60
    again = program.run("revert", run, "--yes")
    assert again.code == 0
    assert "Applied" not in again.out


def test_revert_asks(program: Program) -> None:
    write_manifest(TWO)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    after = packages(program)
    run = newest(program)["id"]
    assert program.run("revert", run).code == 5
    assert program.run("revert", run, answer="y\n").code == 5
    assert packages(program) == after
    assert program.run("revert", run, "--no-wait", answer="yes\n").code == 0


def test_a_run_that_finds_nothing_to_do_is_recorded_and_points_to_builds_that_nobody_followed(program: Program) -> None:
    write_manifest(TWO)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    wrote = newest(program)["id"]
    program.clock.time += 60
    again = program.run("apply", "--yes")
    assert again.code == 0
    assert f"reconciler wait {wrote}" in again.err
    nothing = newest(program)
    assert (nothing["state"], nothing["exit_code"], nothing["steps"]) == ("ended", 0, [])
    assert "no changes" in program.run("history").out
    waited = program.run("wait")
    assert "Wait complete: 2 repositories updated" in waited.out, "without a run, that which wrote is meant"
    assert "reconciler wait" not in program.run("apply", "--yes").err


def test_builds_of_a_run_whose_rest_was_resumed_are_left_to_be_followed(program: Program) -> None:
    program.settings = EmulatorSettings(queue_delay=1000)
    write_manifest(TWO)
    world = program.world()
    program.clock.on_wait = lambda _: world.stop.set()
    assert main(["apply", "--yes", "--batch", "1,rest"], world) == 130
    program.clock.on_wait = None
    first = newest(program)["id"]
    note = f"the builds of run {first} were not followed to completion"
    resumed = program.run("resume")
    assert (resumed.code, newest(program)["counts"]["applied"]) == (0, 1), resumed.err
    assert note in resumed.out + resumed.err
    for _ in range(2):
        assert note in program.run("apply", "--yes").err, "also below a run that had nothing to do"
    assert program.run("wait", first).code == 3, "the rest was not attempted by that run"
    assert "not followed" not in program.run("apply", "--yes").err


def test_builds_of_a_run_whose_repositories_were_written_again_are_not_left(program: Program) -> None:
    write_manifest(TWO)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    write_manifest(TWO.replace("curl", "jq"))
    assert program.run("apply", "--yes").code == 0
    assert "not followed" not in program.run("apply", "--yes").err


def test_a_folder_that_cannot_be_written_refuses_before_anything_is_sent(program: Program) -> None:
    """A file stands where the folder would be: that stops the superuser too."""
    from tests.support.served import served

    write_manifest(TWO)
    Path(".reconciler").write_text("", encoding="utf-8")
    with served(program.clock, program.settings) as (url, emulator):
        program.environ = {"RECONCILER_API": url, "CHAINGUARD_TOKEN": "a.b.c"}
        result = program.run("apply", "--yes")
        assert result.code == 1
        assert emulator.requests == []
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--batch", "nonsense"], "--batch"),
        (["--max-failed", "1"], "--max-failed"),
        (["--batch", "1,rest", "--no-wait"], "--no-wait"),
        (["--max-failed", "-1", "--batch", "1,rest"], "--max-failed"),
    ],
)
@pytest.mark.parametrize("command", [["apply"], ["revert", "x"]])
def test_options_that_do_not_go_together(program: Program, command: list[str], words: list[str], says: str) -> None:
    write_manifest(TWO)
    result = program.run(*command, *words)
    assert result.code == 64
    assert says in result.err


def test_waves(program: Program) -> None:
    write_manifest(TWO)
    result = program.run("apply", "--yes", "--batch", "1,rest")
    assert result.code == 0, result.err
    assert "Apply complete: 2 repositories updated" in result.out


def test_the_summary_names_the_run(program: Program) -> None:
    write_manifest(TWO)
    result = program.run("apply", "--yes", "--no-wait", "--format", "json")
    summary = json.loads(result.out.splitlines()[-1])
    assert summary["run"] == newest(program)["id"]
    assert re.fullmatch(r"[0-9a-z-]+", summary["run"])
