"""`--repo` and `--exclude`, `--base`, `snapshot` and `--against` on the command line."""

import json
import stat
from pathlib import Path

import pytest

from tests.support.golden import check
from tests.support.program import Program, write_manifest

GOLDEN = Path(__file__).parent / "golden"
TWO = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl]}
  orders-api: {packages: [curl]}
"""


def test_only_what_is_selected_is_written(program: Program) -> None:
    write_manifest(TWO + "  nowhere: {packages: [curl]}\n")
    result = program.run("apply", "--yes", "--no-wait", "--repo", "custom-*")
    assert result.code == 0
    assert "2 repositories are excluded by the selection: nowhere, orders-api." in result.out
    with program.emulator() as emulator:
        assert emulator.repository("orders-api")["customOverlay"] is None
        assert emulator.repository("custom-nginx")["customOverlay"]["contents"]["packages"] == ["curl"]


def test_what_is_left_out_is_in_the_document(program: Program) -> None:
    write_manifest(TWO)
    document = json.loads(program.run("plan", "--exclude", "orders-api", "--format", "json").out)
    assert document["left_out"] == {"count": 1, "names": ["orders-api"]}
    assert [step["repository"] for step in document["steps"]] == ["custom-nginx"]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_selecting_nothing(program: Program, command: str) -> None:
    write_manifest(TWO)
    result = program.run(command, "--repo", "custom-ngin")
    assert (result.code, result.out) == (1, "")
    verdict = "Apply refused: 1 error. Nothing was changed.\n"
    assert result.err.endswith(verdict) is (command == "apply")
    check(GOLDEN / "refusals" / "selects-nothing.txt", result.err.removesuffix(verdict))
    assert program.run(command, "--exclude", "*").code == 1


def test_what_a_change_causes(program: Program) -> None:
    write_manifest(TWO, "before.yaml")
    write_manifest(TWO.replace("custom-nginx: {packages: [curl]}", "custom-nginx: {packages: [curl, git]}"))
    result = program.run("plan", "--base", "before.yaml", "--detailed-exitcode")
    assert result.code == 2
    check(GOLDEN / "plan-with-base.txt", result.out)
    document = json.loads(program.run("plan", "--base", "before.yaml", "--format", "json").out)

    def told(part: str) -> list[tuple[str, list[str]]]:
        return [(step["repository"], [change["key"] for change in step["changes"]]) for step in document[part]]

    assert told("caused") == [("custom-nginx", ["git"])]
    assert told("already_different") == [("custom-nginx", ["curl"]), ("orders-api", ["curl"])]
    assert told("no_longer") == []
    assert document["counts"]["update"] == 2


def test_the_detailed_exit_code_speaks_of_what_the_change_causes(program: Program) -> None:
    write_manifest(TWO, "before.yaml")
    write_manifest(TWO)
    result = program.run("plan", "--base", "before.yaml", "--detailed-exitcode")
    assert result.code == 0
    assert "Caused by this change: nothing" in result.out
    assert program.run("plan", "--detailed-exitcode").code == 2


def test_what_only_the_base_wanted(program: Program) -> None:
    write_manifest(TWO, "before.yaml")
    write_manifest(TWO.replace("  orders-api: {packages: [curl]}\n", ""))
    document = json.loads(program.run("plan", "--base", "before.yaml", "--format", "json").out)
    assert [step["repository"] for step in document["no_longer"]] == ["orders-api"]


def test_a_repository_that_a_change_blocks_is_caused_by_it_and_still_requested(program: Program) -> None:
    write_manifest(TWO, "before.yaml")
    write_manifest(TWO.replace("custom-nginx: {packages: [curl]}", "custom-nginx: {packages: [curl, nope-pkg]}"))
    result = program.run("plan", "--base", "before.yaml", "--detailed-exitcode")
    assert result.code == 1
    caused, rest = result.out.split("Already different before this change")
    assert caused.index("Caused by this change\n") < caused.index("would not build")
    assert "~ custom-nginx   packages +curl\n" in rest
    assert "No longer requested: nothing" in rest
    assert "this change causes 1 repository with errors; 2 repositories already different." in rest
    document = json.loads(program.run("plan", "--base", "before.yaml", "--format", "json").out)
    (step,) = document["caused"]
    assert (step["action"], [one["key"] for one in step["changes"]]) == ("blocked", ["nope-pkg"])
    for name in ("markdown", "html"):
        page = program.run("plan", "--base", "before.yaml", "--format", name).out
        assert page.index("Caused by this change") < page.index("would not build") < page.index("Already different")
    skipped = program.run("plan", "--base", "before.yaml", "--detailed-exitcode", "--skip-blocked")
    assert "this change causes 1 repository with errors" in skipped.out


def test_what_the_base_could_not_have_either_is_not_caused(program: Program) -> None:
    wrong = "organization: example.com\nrepositories:\n"
    wrong += "".join(f"  {name}: {{packages: [nope-pkg]}}\n" for name in ("custom-nginx", "orders-api", "custom-go"))
    write_manifest(wrong, "before.yaml")
    write_manifest(wrong)
    result = program.run("plan", "--base", "before.yaml")
    assert "Caused by this change: nothing" in result.out
    assert "✗ 3 repositories" in result.out.split("Already different before this change")[1]


def test_one_look_at_the_live_state_serves_both(program: Program) -> None:
    write_manifest(TWO, "before.yaml")
    write_manifest(TWO)
    alone = program.run("plan", "--debug", "--no-check").err
    assert program.run("plan", "--base", "before.yaml", "--debug", "--no-check").err == alone


def test_a_base_with_errors_or_of_another_organization(program: Program) -> None:
    write_manifest(TWO)
    write_manifest(TWO.replace("packages", "pakages"), "before.yaml")
    result = program.run("plan", "--base", "before.yaml")
    assert (result.code, "before.yaml:3" in result.err) == (1, True)
    write_manifest(TWO.replace("example.com", "example.org"), "before.yaml")
    result = program.run("plan", "--base", "before.yaml")
    assert (result.code, "base-of-other-organization" in result.err) == (1, True)


def test_planning_against_a_snapshot_needs_no_network_and_no_token(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(TWO)
    taken = program.run("snapshot", "-o", "live.snapshot", "--debug")
    assert (taken.code, taken.out) == (0, "")
    assert "0 writes" in taken.err
    assert stat.S_IMODE(Path("live.snapshot").stat().st_mode) == 0o600
    planned = json.loads(program.run("plan", "--format", "json", "--no-resolve").out)
    monkeypatch.setattr("reconciler.api.http.Connection.__init__", lambda *_, **__: 1 // 0)
    program.environ = {}
    result = program.run("plan", "--against", "live.snapshot", "--format", "json", "--debug")
    assert (result.code, result.err) == (0, "requests: 0 reads, 0 writes\n")
    document = json.loads(result.out)
    assert document.pop("origin")["kind"] == "snapshot"
    assert planned.pop("forecast")["repositories"] == 2
    assert planned.pop("checked")["packages"] > 0
    assert document == planned


def test_a_plan_made_against_a_snapshot_can_be_applied(program: Program) -> None:
    write_manifest(TWO)
    program.run("snapshot", "-o", "live.snapshot")
    with program.emulator() as emulator:
        emulator.edit("orders-api", {"contents": {"packages": ["vim"]}})
    assert program.run("plan", "--against", "live.snapshot", "-o", "p").code == 0
    assert program.run("apply", "p", "--no-wait").code == 4


def test_a_snapshot_of_another_organization(program: Program) -> None:
    write_manifest(TWO)
    program.run("snapshot", "--org", "example.com/team-a", "-o", "live.snapshot")
    result = program.run("plan", "--against", "live.snapshot")
    assert (result.code, "snapshot-of-other-organization" in result.err) == (1, True)
    assert program.run("plan", "--against", "manifests/web.yaml").code == 1


def test_a_snapshot_needs_a_file(program: Program) -> None:
    assert program.run("snapshot", "--org", "example.com").code == 64
