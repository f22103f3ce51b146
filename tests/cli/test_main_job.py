"""The main job, end to end on the emulator: plan, apply, follow, plan again."""

import json
import shutil
from pathlib import Path

from reconciler.cli.client import STATE
from reconciler.emulator import Drop, Edit, EmulatorSettings, Fault, Status
from tests.support.golden import check
from tests.support.program import Program, without_run, write_manifest

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]
QUIET = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)

ONE = """\
organization: example.com
repositories:
  custom-nginx:
    packages: [curl]
"""


def test_the_demo(program: Program) -> None:
    shutil.copytree(ROOT / "manifests", "manifests")
    first = program.run("plan")
    assert (first.code, first.err) == (0, "")
    check(GOLDEN / "demo-plan.txt", first.out)
    applied = program.run("apply", "--yes", "--parallelism", "1")
    assert applied.code == 0
    check(GOLDEN / "demo-apply.txt", without_run(applied.out))
    second = program.run("plan", "--detailed-exitcode")
    assert second.code == 0
    assert "No changes" in second.out


def test_the_readme_shows_the_plan_that_is_printed(program: Program) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (GOLDEN / "demo-plan.txt").read_text(encoding="utf-8") in readme


def test_plan_changes_nothing(program: Program) -> None:
    write_manifest(ONE)
    program.run("plan")
    with program.emulator() as emulator:
        before = emulator.repository("custom-nginx")
    program.run("plan", "--format", "json")
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx") == before


def test_detailed_exit_code(program: Program) -> None:
    write_manifest(ONE)
    assert program.run("plan").code == 0
    assert program.run("plan", "--detailed-exitcode").code == 2


def test_the_json_plan(program: Program) -> None:
    write_manifest(ONE)
    result = program.run("plan", "--format", "json")
    document = json.loads(result.out)
    assert (result.code, result.err) == (0, "")
    assert document["format_version"] == "1.0"
    assert document["api"] == "emulator"
    assert document["organization"]["name"] == "example.com"
    assert document["applyable"] is True
    assert document["counts"] == {
        "create": 0,
        "update": 1,
        "reset": 0,
        "unchanged": 0,
        "blocked": 0,
        "unknown": 0,
    }
    (step,) = document["steps"]
    assert (step["repository"], step["action"]) == ("custom-nginx", "update")
    (change,) = step["changes"]
    assert {key: change[key] for key in ("path", "kind", "before", "after")} == {
        "path": "contents.packages",
        "kind": "add",
        "before": None,
        "after": "curl",
    }


def test_several_formats_in_one_run(program: Program) -> None:
    write_manifest(ONE)
    result = program.run("plan", "--format", "json=plan.json", "--format", "text")
    assert "custom-nginx" in result.out
    assert json.loads(Path("plan.json").read_text())["counts"]["update"] == 1


def test_plan_costs_the_same_calls_for_one_repository_and_for_all(program: Program) -> None:
    write_manifest(ONE)
    one = program.run("plan", "--no-check", "--debug").err
    program.run("repos")
    shutil.rmtree("manifests")
    shutil.copytree(ROOT / "manifests", "manifests")
    assert program.run("plan", "--no-check", "--debug").err == one == "requests: 5 reads, 0 writes\n"


def test_only_yes_is_accepted(program: Program) -> None:
    write_manifest(ONE)
    for answer in ("", "\n", "y\n", "YES\n", "yes please\n"):
        result = program.run("apply", answer=answer)
        assert result.code == 5
        assert result.out.endswith("\nApply canceled. Nothing was changed.\n")
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"] is None
    assert program.run("apply", "--no-wait", answer="yes\n").code == 0


def test_without_a_terminal_and_without_yes_nothing_is_written(program: Program) -> None:
    write_manifest(ONE)
    result = program.run("apply")
    assert result.code == 5
    assert "--yes" in result.err
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"] is None


def test_apply_with_nothing_to_do_asks_nothing(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {custom-python: {packages: [jq, curl]}}\n")
    result = program.run("apply")
    assert result.code == 0
    assert "No changes" in result.out


def test_the_json_stream_of_an_apply(program: Program) -> None:
    program.settings = QUIET
    write_manifest(ONE)
    result = program.run("apply", "--yes", "--format", "json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert result.code == 0
    assert lines[0]["type"] == "version"
    assert lines[1]["type"] == "plan"
    assert lines[-1]["type"] == "summary"
    assert lines[-1]["applied"] == ["custom-nginx"]
    assert lines[-1]["failed"] == lines[-1]["stale"] == lines[-1]["not_attempted"] == []
    assert lines[-1]["builds"]["succeeded"] == 4
    assert {"apply_started", "step_finished", "wait_started", "builds_seen", "build_ended", "repository_done"} <= {
        line["type"] for line in lines
    }


def test_a_build_that_fails(program: Program) -> None:
    program.settings = QUIET
    write_manifest("organization: example.com\nrepositories: {custom-nginx: {packages: [crul]}}\n")
    result = program.run("apply", "--yes", "--no-check")
    assert result.code == 6
    assert 'could not find package that satisfies "crul"' in result.out
    assert "reconciler logs custom-nginx --build " in result.out


def test_builds_that_do_not_end_in_time(program: Program) -> None:
    program.settings = EmulatorSettings(queue_delay=10_000)
    write_manifest(ONE)
    result = program.run("apply", "--yes", "--wait-timeout", "2m")
    assert result.code == 7
    assert "custom-nginx" in result.out


def test_without_waiting(program: Program) -> None:
    write_manifest(ONE)
    result = program.run("apply", "--yes", "--no-wait")
    assert result.code == 0
    assert program.clock.waits == []


def test_a_repository_that_somebody_changed_meanwhile_is_left_alone(program: Program) -> None:
    write_manifest(ONE + "  orders-api: {packages: [curl]}\n")
    edit = Edit(edit="custom-nginx", overlay={"contents": {"packages": ["vim"]}})
    program.play(Fault(effect=edit, method="GET", path="^/registry/v1/repos", nth=2))
    result = program.run("apply", "--yes", "--parallelism", "1", "--no-wait")
    assert result.code == 4
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"]["contents"]["packages"] == ["vim"]
        assert emulator.repository("orders-api")["customOverlay"]["contents"]["packages"] == ["curl"]


def test_one_failure_does_not_touch_the_others(program: Program) -> None:
    write_manifest(ONE + "  orders-api: {packages: [curl]}\n")
    for method in ("PATCH", "PUT"):
        program.play(Fault(effect=Status(status=403, message="no"), method=method, repository="custom-nginx"))
    result = program.run("apply", "--yes", "--no-wait")
    assert result.code == 3
    assert "repo.update" in result.out
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"] is None
        assert emulator.repository("orders-api")["customOverlay"]["contents"]["packages"] == ["curl"]


def test_an_answer_that_is_lost_after_the_write_took_effect(program: Program) -> None:
    write_manifest(ONE)
    program.play(Fault(effect=Drop(when="after"), method="PATCH"))
    result = program.run("apply", "--yes", "--no-wait")
    assert result.code == 0
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"]["contents"]["packages"] == ["curl"]


def test_an_answer_that_is_lost_before_the_write_took_effect(program: Program) -> None:
    write_manifest(ONE)
    program.play(Fault(effect=Drop(when="before"), method="PATCH"))
    result = program.run("apply", "--yes", "--no-wait")
    assert result.code == 0
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"]["contents"]["packages"] == ["curl"]


def test_a_rebuild_with_the_old_configuration_is_not_taken_for_ours(program: Program) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=True, queue_delay=120.0)
    shutil.copytree(ROOT / "manifests", "manifests")
    start = program.clock.now()
    result = program.run("apply", "--yes")
    assert result.code == 0
    assert program.clock.now() - start > 120


def test_a_failed_look_at_the_builds_does_not_end_the_wait(program: Program) -> None:
    program.settings = QUIET
    write_manifest(ONE)
    program.play(Fault(effect=Status(status=503, html=True), path="buildreports", nth=2, times=18))
    result = program.run("apply", "--yes")
    assert result.code == 0
    assert result.err.count("could not read the build status") == 3


def test_unknown_content_survives_an_update(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {data-pipeline: {packages: [jq, uv, git]}}\n")
    program.run("plan")
    with program.emulator() as emulator:
        before = emulator.repository("data-pipeline")
    assert program.run("apply", "--yes", "--no-wait").code == 0
    with program.emulator() as emulator:
        after = emulator.repository("data-pipeline")
    before["customOverlay"]["contents"]["packages"].append("git")
    assert after == before


def test_state_is_kept_out_of_git(program: Program) -> None:
    write_manifest(ONE)
    program.run("plan")
    assert (STATE.parent / ".gitignore").read_text() == "*\n"


def test_reset_starts_from_the_beginning(program: Program) -> None:
    write_manifest(ONE)
    program.run("apply", "--yes", "--no-wait")
    assert program.run("plan", "--detailed-exitcode").code == 0
    assert program.run("emulator", "reset").code == 0
    assert program.run("plan", "--detailed-exitcode").code == 2
