"""Waves by label, with a soak time, paused and resumed, held back or reverted."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main
from tests.support.program import Program, write_manifest

MANIFEST = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl]}
  orders-api: {packages: [curl], labels: {tier: canary}}
  web-frontend: {packages: [curl]}
"""


def break_canary() -> None:
    write_manifest(MANIFEST.replace("orders-api: {packages: [curl]", "orders-api: {packages: [no-such-package]"))


def packages(program: Program) -> dict[str, list[str]]:
    names = ("custom-nginx", "orders-api", "web-frontend")
    with program.emulator() as emulator:
        found = {name: emulator.repository(name)["customOverlay"] or {} for name in names}
    return {name: (one.get("contents") or {}).get("packages", []) for name, one in found.items()}


def newest(program: Program) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(program.run("history", "--format", "json").out)["runs"][0]
    return found


def events(text: str, kind: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, text.splitlines()) if line["type"] == kind]


def test_a_wave_has_what_has_the_label(program: Program) -> None:
    write_manifest(MANIFEST)
    result = program.run("apply", "--yes", "--batch", "tier=canary,1,rest", "--json")
    assert result.code == 0, result.err
    assert [wave["steps"] for wave in events(result.out, "wave_started")] == [1, 1, 1]
    first = events(result.out, "step_finished")[0]
    assert first["repository"] == "orders-api"


def test_a_label_that_nothing_has_is_not_a_wave(program: Program) -> None:
    write_manifest(MANIFEST)
    result = program.run("apply", "--yes", "--batch", "tier=none,rest", "--json")
    assert [wave["of"] for wave in events(result.out, "wave_started")] == [1]


@pytest.mark.parametrize("sizes", ["tier=canary", "1,tier=canary", "tier=,rest"])
def test_a_label_cannot_come_last(program: Program, sizes: str) -> None:
    write_manifest(MANIFEST)
    assert program.run("apply", "--yes", "--batch", sizes).code == 64


@pytest.mark.parametrize("option", [("--soak", "5m"), ("--pause-after", "1"), ("--on-wave-failure", "revert")])
def test_what_needs_waves_asks_for_them(program: Program, option: tuple[str, str]) -> None:
    write_manifest(MANIFEST)
    result = program.run("apply", "--yes", *option)
    assert result.code == 64
    assert f"{option[0]} requires --batch" in result.err


def test_the_next_wave_waits_for_the_soak_time(program: Program) -> None:
    write_manifest(MANIFEST)
    before = program.clock.now()
    result = program.run("apply", "--yes", "--batch", "tier=canary,rest", "--soak", "30m")
    assert result.code == 0, result.err
    assert "wave 1 of 2 is verified; waiting 30m00s before the next one" in result.err
    assert program.clock.now() - before >= 1800


def test_an_interruption_ends_the_soak_time(program: Program) -> None:
    write_manifest(MANIFEST)
    world = program.world()
    program.clock.on_wait = lambda _: world.stop.set() if program.clock.waits[-1] == 1800 else None
    assert main(["apply", "--yes", "--batch", "tier=canary,rest", "--soak", "30m"], world) == 130
    assert packages(program) == {"custom-nginx": [], "orders-api": ["curl"], "web-frontend": []}


def test_a_run_is_paused_and_resumed(program: Program) -> None:
    write_manifest(MANIFEST)
    paused = program.run("apply", "--yes", "--batch", "tier=canary,1,rest", "--pause-after", "1")
    assert " paused " in program.run("history").out
    assert paused.code == 0, paused.err
    run = newest(program)["id"]
    verdict = paused.out.splitlines()[-1]
    assert verdict.startswith("Apply complete: 1 repository updated")
    assert verdict.endswith(f"; paused with 2 changes left: `reconciler resume {run}`.")
    assert packages(program)["custom-nginx"] == []
    resumed = program.run("resume", run, "--pause-after", "1")
    assert resumed.code == 0, resumed.err
    assert packages(program) == {"custom-nginx": ["curl"], "orders-api": ["curl"], "web-frontend": []}
    last = program.run("resume")
    assert last.code == 0, last.err
    assert "Resume complete: 1 repository updated" in last.out.splitlines()[-1]
    again = program.run("resume")
    assert (again.code, "[nothing-to-resume]" in again.err) == (1, True)


def test_a_resumed_run_asks_nothing_and_always_waits(program: Program) -> None:
    write_manifest(MANIFEST)
    Path("manifests/reconciler.toml").write_text("wait = false\n", encoding="utf-8")
    paused = program.run("apply", "--yes", "--wait", "--batch", "tier=canary,rest", "--pause-after", "1")
    assert paused.code == 0, paused.err
    for option in ("--no-wait", "--yes"):
        assert program.run("resume", option).code == 64
    resumed = program.run("resume")
    assert resumed.code == 0, resumed.err
    assert "Resume complete: 2 repositories updated" in resumed.out.splitlines()[-1]


def test_what_changed_meanwhile_is_left_alone(program: Program) -> None:
    write_manifest(MANIFEST)
    program.run("apply", "--yes", "--batch", "tier=canary,rest", "--pause-after", "1")
    with program.emulator() as emulator:
        emulator.edit("web-frontend", {"contents": {"packages": ["vim"]}})
    resumed = program.run("resume")
    assert resumed.code == 4
    assert packages(program) == {"custom-nginx": ["curl"], "orders-api": ["curl"], "web-frontend": ["vim"]}


def test_a_failed_wave_is_held_back_by_default(program: Program) -> None:
    write_manifest(MANIFEST)
    break_canary()
    result = program.run("apply", "--yes", "--no-check", "--batch", "tier=canary,rest")
    assert result.code == 3
    assert packages(program) == {"custom-nginx": [], "orders-api": ["no-such-package"], "web-frontend": []}


def test_a_failed_wave_is_reverted(program: Program) -> None:
    write_manifest(MANIFEST)
    break_canary()
    how = ("--no-check", "--batch", "tier=canary,rest", "--on-wave-failure", "revert")
    result = program.run("apply", "--yes", *how)
    assert result.code == 3, result.err
    assert packages(program) == {"custom-nginx": [], "orders-api": [], "web-frontend": []}
    assert "1 change reverted" in result.out.splitlines()[-1]
    assert "manifests/web.yaml:4: orders-api" in result.err
    runs = json.loads(program.run("history", "--format", "json").out)["runs"]
    assert [run["kind"] for run in runs] == ["revert", "apply"]
    assert f"reconciler resume {runs[1]['id']}" in result.out
    assert program.run("resume").code == 0
    assert packages(program)["custom-nginx"] == ["curl"]
