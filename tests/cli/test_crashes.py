"""`kill -9` at every step of an apply: nothing is lost, nothing is written twice, and the record tells the truth."""

import json
import os
import signal
from collections import Counter
from typing import Any

import pytest

from tests.support.crashing import MOMENTS, WRITES, note_writes, run_until
from tests.support.program import Program, write_manifest

NAMES = ("custom-nginx", "orders-api")
MANIFEST = "organization: example.com\nrepositories:\n" + "".join(f"  {name}: {{packages: [curl]}}\n" for name in NAMES)
# Of an apply of two repositories, one after the other: its begin, intent, write and outcome of each, looks, its end.
LOOKS = 5
EVERY = 2 * (1 + 3 * len(NAMES) + LOOKS + 1)
kills = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this platform has no such signal")


def apply_until(moment: int) -> int | None:
    """An apply in a process of its own that kills itself at the moment."""
    return run_until(moment, ["apply", "--yes", "--parallelism", "1"])


def history(program: Program) -> list[dict[str, Any]]:
    result = program.run("history", "--format", "json")
    assert result.code == 0, result.err
    runs: list[dict[str, Any]] = json.loads(result.out)["runs"]
    return runs


def packages(program: Program) -> list[Any]:
    with program.emulator() as emulator:
        overlays = [emulator.repository(name)["customOverlay"] for name in NAMES]
    return [(one or {}).get("contents", {}).get("packages") for one in overlays]


@kills
def test_the_moments_are_those_of_a_whole_apply(program: Program) -> None:
    """A step more or less in an apply is one more or less to be killed at."""
    write_manifest(MANIFEST)
    assert apply_until(EVERY) == 0
    assert len(MOMENTS.read_text(encoding="utf-8").splitlines()) == EVERY


@kills
@pytest.mark.parametrize("moment", range(EVERY))
def test_an_apply_after_a_kill_ends_as_wanted(program: Program, moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(MANIFEST)
    assert apply_until(moment) == -signal.SIGKILL
    at = MOMENTS.read_text(encoding="utf-8").splitlines()[-1]
    program.clock.time += 10_000
    died = history(program)
    assert len(died) == (0 if at == "before begin" else 1)
    if died:
        _check_told(died[0], at)
    note_writes(monkeypatch.setattr)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert all("curl" in (found or []) for found in packages(program))
    assert Counter(WRITES.read_text(encoding="utf-8").split()) == dict.fromkeys(NAMES, 1)
    second, *others = history(program)
    assert (second["state"], second["exit_code"], others) == ("ended", 0, died)
    if died:
        _check_settled(program, died[0], second)


def _check_told(run: dict[str, Any], at: str) -> None:
    """What is recorded is what had happened, by the writes that the API answered."""
    arrived = len(WRITES.read_text(encoding="utf-8").split()) if WRITES.exists() else 0
    counts = run["counts"]
    if at == "after end":
        assert (run["state"], run["exit_code"], counts["applied"]) == ("ended", 0, len(NAMES))
        return
    assert (run["state"], run["exit_code"]) == ("crashed", None)
    assert counts["applied"] <= arrived <= counts["applied"] + counts["unknown"]
    assert counts["unknown"] <= 1
    if at.endswith(("seen", "end")):
        assert counts["applied"] == len(NAMES)


def _check_settled(program: Program, died: dict[str, Any], second: dict[str, Any]) -> None:
    """Once the first run is settled, both together wrote each repository once."""
    waited = program.run("wait", died["id"])
    assert waited.code in (0, 3), waited.err
    settled = history(program)[-1]
    assert settled["id"] == died["id"]
    assert settled["counts"]["unknown"] == 0
    assert settled["counts"]["applied"] + second["counts"]["applied"] == len(NAMES)


BOUND = """\
organization: example.com
overlays: {tools: {packages: [jq]}}
repositories: {orders-api: {overlays: {tools: dev}}}
"""
# Its begin, and for the overlay and the binding intent, write and outcome, each from both sides; and the first look.
BOUND_MOMENTS = 2 + 2 * 6 + 2


@kills
@pytest.mark.parametrize("moment", range(BOUND_MOMENTS))
def test_overlays_and_bindings_are_settled_after_a_kill(program: Program, moment: int) -> None:
    write_manifest(BOUND)
    assert apply_until(moment) == -signal.SIGKILL
    program.clock.time += 10_000
    died = history(program)
    assert all(run["state"] == "crashed" and run["counts"]["unknown"] <= 1 for run in died)
    second = program.run("apply", "--yes")
    assert second.code == 0, second.out + second.err
    assert program.run("plan", "--detailed-exitcode").code == 0
    if died:
        waited = program.run("wait", died[0]["id"])
        assert waited.code in (0, 3), waited.err
        newest, *_, settled = history(program)
        assert settled["counts"]["unknown"] == 0
        assert settled["counts"]["applied"] + newest["counts"]["applied"] == 2


def test_a_second_apply_in_the_folder_is_refused_and_says_who_is_at_work(program: Program) -> None:
    """The first one is at its question meanwhile."""
    write_manifest(MANIFEST)
    seen = []

    class Asking:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            seen.append(program.run("apply", "--yes"))
            return "no\n"

    from reconciler.cli import main

    world = program.world(answer="")
    world.stdin = Asking()  # type: ignore[assignment]
    assert main(["apply"], world) == 5
    (second,) = seen
    assert second.code == 5
    assert str(os.getpid()) in second.err
    assert program.run("apply", "--yes", "--no-wait").code == 0


# Its begin, intent, write and outcome of the first, and intent of the second, from both sides: the write comes next.
BEFORE_SECOND_WRITE = 2 * (1 + 3 + 1)


@kills
@pytest.mark.parametrize("settled", [True, False], ids=["after-wait", "at-once"])
def test_a_write_that_never_arrived_is_left_for_resume(
    program: Program, monkeypatch: pytest.MonkeyPatch, *, settled: bool
) -> None:
    write_manifest(MANIFEST)
    assert apply_until(BEFORE_SECOND_WRITE) == -signal.SIGKILL
    assert MOMENTS.read_text(encoding="utf-8").splitlines()[-1] == "before write_overlay"
    program.clock.time += 10_000
    if settled:
        waited = program.run("wait")
        assert waited.code == 3
        assert "write it with `reconciler resume`" in waited.out
    note_writes(monkeypatch.setattr)
    resumed = program.run("resume")
    assert resumed.code == 0, resumed.err
    assert Counter(WRITES.read_text(encoding="utf-8").split()) == dict.fromkeys(NAMES, 1)
    assert program.run("plan", "--detailed-exitcode").code == 0
    assert "[nothing-to-resume]" in program.run("resume").err


@kills
def test_a_write_that_never_arrived_is_not_written_over_what_is_there_now(program: Program) -> None:
    write_manifest(MANIFEST)
    assert apply_until(BEFORE_SECOND_WRITE) == -signal.SIGKILL
    program.clock.time += 10_000
    assert program.run("wait").code == 3
    with program.emulator() as emulator:
        emulator.edit("orders-api", {"contents": {"packages": ["vim"]}})
    assert program.run("resume").code == 4
    assert packages(program)[1] == ["vim"]
