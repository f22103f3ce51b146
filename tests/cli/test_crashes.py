"""`kill -9` at every step of an apply: nothing is lost, nothing is written twice, and the record tells the truth."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.crashing import WRITES, note_writes
from tests.support.program import Program, write_manifest

ROOT = Path(__file__).parents[2]
NAMES = ("custom-nginx", "custom-python", "orders-api")
MANIFEST = "organization: example.com\nrepositories:\n" + "".join(f"  {name}: {{packages: [curl]}}\n" for name in NAMES)
JOURNAL, RECORD, CLIENT = (
    "reconciler.journal:Journal",
    "reconciler.journal:RunRecord",
    "reconciler.api.client:WriteClient",
)

POINTS = [
    (JOURNAL, "begin", 1, False),
    (JOURNAL, "begin", 1, True),
    (RECORD, "about_to_write", 1, False),
    *((RECORD, "about_to_write", number, True) for number in (1, 3)),
    *((CLIENT, "write_overlay", number, True) for number in (1, 2)),
    (RECORD, "finished", 1, False),
    *((RECORD, "finished", number, True) for number in (2, 3)),
    (RECORD, "seen", 1, True),
    (RECORD, "end", 1, False),
]


def die(point: tuple[str, str, int, bool]) -> None:
    """Run an apply that kills itself at the point."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [json.dumps(point), "apply", "--yes", "--parallelism", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.crashing", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def history(program: Program) -> list[dict[str, Any]]:
    result = program.run("history", "--format", "json")
    assert result.code == 0, result.err
    runs: list[dict[str, Any]] = json.loads(result.out)["runs"]
    return runs


def packages(program: Program) -> list[Any]:
    with program.emulator() as emulator:
        overlays = [emulator.repository(name)["customOverlay"] for name in NAMES]
    return [(one or {}).get("contents", {}).get("packages") for one in overlays]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this platform has no such signal")
@pytest.mark.parametrize(
    "point", POINTS, ids=lambda point: f"{point[1]}-{point[2]}-{'after' if point[3] else 'before'}"
)
def test_an_apply_after_a_kill_ends_as_wanted(
    program: Program, point: tuple[str, str, int, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(MANIFEST)
    die(point)
    program.clock.time += 10_000
    died = history(program)
    assert len(died) == (0 if point[:1] + point[3:] == (JOURNAL, False) else 1)
    if died:
        _check_told(died[0], point)
    note_writes(monkeypatch.setattr)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert all("curl" in (found or []) for found in packages(program))
    assert Counter(WRITES.read_text(encoding="utf-8").split()) == dict.fromkeys(NAMES, 1)
    if died:
        waited = program.run("wait", died[0]["id"])
        assert waited.code in (0, 3), waited.err
        settled = history(program)[-1]
        assert settled["id"] == died[0]["id"]
        assert settled["counts"]["unknown"] == 0


def _check_told(run: dict[str, Any], point: tuple[str, str, int, bool]) -> None:
    """What is recorded is what had happened, by the writes that the API answered."""
    arrived = len(WRITES.read_text(encoding="utf-8").split()) if WRITES.exists() else 0
    counts = run["counts"]
    assert (run["state"], run["exit_code"]) == ("crashed", None)
    assert counts["applied"] <= arrived <= counts["applied"] + counts["unknown"]
    assert counts["unknown"] <= 1
    if point[1] in ("seen", "end"):
        assert counts["applied"] == len(NAMES)


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
