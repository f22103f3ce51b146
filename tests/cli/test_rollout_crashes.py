"""`kill -9` while a paused run is resumed, and while a failed wave is restored: nothing is lost or written twice."""

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.crashing import MOMENTS, WRITES, note_writes, run_until
from tests.support.program import Program, write_manifest

NAMES = ("custom-nginx", "orders-api", "web-frontend")
MANIFEST = "organization: example.com\nrepositories:\n" + "".join(f"  {name}: {{packages: [curl]}}\n" for name in NAMES)
kills = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this platform has no such signal")


def packages(program: Program) -> dict[str, list[str]]:
    with program.emulator() as emulator:
        overlays = {name: emulator.repository(name)["customOverlay"] or {} for name in NAMES}
    return {name: (one.get("contents") or {}).get("packages", []) for name, one in overlays.items()}


def runs(program: Program) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(program.run("history", "--format", "json").out)["runs"]
    return found


@kills
@pytest.mark.parametrize("moment", range(0, 18, 2))
def test_a_resume_that_dies_is_resumed(program: Program, moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(MANIFEST)
    paused = program.run("apply", "--yes", "--batch", "1,rest", "--pause-after", "1")
    assert paused.code == 0, paused.err
    assert run_until(moment, ["resume", "--parallelism", "1"]) == -signal.SIGKILL
    program.clock.time += 10_000
    died = runs(program)
    begun = MOMENTS.read_text(encoding="utf-8").splitlines()[-1] != "before begin"
    assert [run["state"] for run in died] == (["crashed"] if begun else []) + ["ended"]
    note_writes(monkeypatch.setattr)
    resumed = program.run("resume")
    if "[nothing-to-resume]" in resumed.err:  # it died with everything written
        assert "reconciler wait" in resumed.err
        resumed = program.run("wait")
    assert resumed.code == 0, resumed.err
    assert packages(program) == {name: ["curl"] for name in NAMES}
    assert Counter(WRITES.read_text(encoding="utf-8").split()) == dict.fromkeys(NAMES[1:], 1)


@kills
@pytest.mark.parametrize("moment", range(14, 26, 2))
def test_a_restored_wave_that_dies_can_be_reverted(program: Program, moment: int) -> None:
    write_manifest(MANIFEST.replace("custom-nginx: {packages: [curl]}", "custom-nginx: {packages: [no-such-package]}"))
    how = ("--no-check", "--batch", "1,rest", "--on-wave-failure", "revert", "--parallelism", "1")
    code = run_until(moment, ["apply", "--yes", *how])
    assert code in (-signal.SIGKILL, 3)
    program.clock.time += 10_000
    assert packages(program)["custom-nginx"] in ([], ["no-such-package"])
    assert Counter(Path(WRITES).read_text(encoding="utf-8").split())["custom-nginx"] <= 2
    first = runs(program)[-1]
    assert (first["kind"], first["counts"]["applied"]) == ("apply", 1)
    reverted = program.run("revert", first["id"], "--yes", "--no-wait", "--max-removal", "100%")
    assert reverted.code == 0, reverted.err
    assert packages(program) == {name: [] for name in NAMES}
