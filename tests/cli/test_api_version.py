"""The main job through each generation of the API."""

import json
import shutil
from pathlib import Path

import pytest

from reconciler.emulator import Edit, EmulatorSettings, Fault, Status
from tests.support.golden import check
from tests.support.program import Program, without_run, write_manifest

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
ONE = """\
organization: example.com
repositories:
  custom-nginx:
    packages: [curl]
"""


@pytest.mark.parametrize("version", ["v1", "v2", "auto"])
def test_the_demo_is_the_same_through_each(program: Program, version: str) -> None:
    shutil.copytree(ROOT / "manifests", "manifests")
    first = program.run("plan", "--api-version", version)
    assert (first.code, first.err) == (0, "")
    check(GOLDEN / "demo-plan.txt", first.out)
    applied = program.run("apply", "--yes", "--parallelism", "1", "--api-version", version)
    assert applied.code == 0
    check(GOLDEN / "demo-apply.txt", without_run(applied.out))
    assert program.run("plan", "--detailed-exitcode", "--api-version", version).code == 0
    assert program.run("plan", "--detailed-exitcode").code == 0, "nor does v1 see anything left to do"


@pytest.mark.parametrize("command", [["repos"], ["builds", "--since", "72h"], ["repos", "--format", "json"]])
def test_lists_are_the_same_through_each(program: Program, command: list[str]) -> None:
    shutil.copytree(ROOT / "manifests", "manifests")
    one, two = (program.run(*command, "--api-version", version) for version in ("v1", "v2"))
    assert one.code == two.code == 0
    assert one.out == two.out != ""


def test_v2_costs_one_call_more_for_the_truth_about_accounts(program: Program) -> None:
    write_manifest(ONE)
    one, two = (program.run("plan", "--no-check", "--debug", "--api-version", version).err for version in ("v1", "v2"))
    assert (one, two) == ("requests: 5 reads, 0 writes\n", "requests: 6 reads, 0 writes\n")


@pytest.mark.parametrize("status", [403, 404, 501])
def test_auto_falls_back_to_v1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.chdir(tmp_path)
    program = Program(settings=EmulatorSettings(automatic_rebuilds=False, stagger=0.0, v2=status))  # type: ignore[arg-type]  # one of the three
    write_manifest(ONE)
    applied = program.run("apply", "--yes", "--api-version", "auto", "-v")
    assert applied.code == 0
    assert "API version" not in program.run("plan", "-v").err, "which asks nothing of v2"
    assert f"API version: v1, because v2 answered HTTP {status}\n" in applied.err
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"]["contents"]["packages"] == ["curl"]
    assert program.run("plan", "--api-version", "v2").code == 1


@pytest.mark.parametrize(("version", "path"), [("v2", "/registry/v2/repos"), ("auto", "/registry/v1/repos")])
def test_a_list_that_fails_plans_nothing(program: Program, version: str, path: str) -> None:
    write_manifest(ONE)
    program.play(Fault(effect=Status(status=500), path=path, times=None))
    result = program.run("plan", "--api-version", version)
    assert (result.code, result.out) == (1, "")
    assert 'could not list the repositories of "example.com"' in result.err


def test_an_overlay_that_changed_since_the_plan_is_left_alone(program: Program) -> None:
    write_manifest(ONE)
    theirs = {"environment": {"THEIRS": "1"}}
    program.play(
        Fault(
            effect=Edit(edit="custom-nginx", overlay=theirs), method="GET", path="/v2/repos/", repository="custom-nginx"
        )
    )
    result = program.run("apply", "--yes", "--format", "json", "--api-version", "v2")
    assert result.code == 4
    (summary,) = [line for line in map(json.loads, result.out.splitlines()) if line["type"] == "summary"]
    assert len(summary["stale"]) == 1


def test_a_lost_answer_is_settled_by_reading_back(program: Program) -> None:
    write_manifest(ONE)
    program.play(Fault(effect=Status(status=503, when="after"), method="PATCH"))
    assert program.run("apply", "--yes", "--no-wait", "--api-version", "v2").code == 0
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"]["contents"]["packages"] == ["curl"]


def test_a_write_that_came_out_as_something_else_is_a_failure_that_names_it(program: Program) -> None:
    write_manifest(ONE)
    other = Edit(edit="custom-nginx", overlay={"contents": {"packages": ["vim"]}}, when="after")
    program.play(Fault(effect=other, method="PATCH"), Fault(effect=Status(status=503, when="after"), method="PATCH"))
    result = program.run("apply", "--yes", "--no-wait", "--api-version", "v2")
    assert result.code == 3
    assert "the repository differs from what was sent: contents.packages" in result.out + result.err


def test_no_other_generation(program: Program) -> None:
    result = program.run("plan", "--api-version", "v3")
    assert result.code == 64
    assert "v3" in result.err
