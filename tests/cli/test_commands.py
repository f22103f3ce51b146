"""`validate`, `repos`, `builds`, `logs` and what several commands share."""

import json

import pytest

from reconciler.emulator import EmulatorSettings
from tests.support.program import Program, write_manifest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"


def test_validate(program: Program) -> None:
    write_manifest(ONE)
    program.environ = {}
    result = program.run("validate")
    assert (result.code, result.out, result.err) == (0, "manifests: valid, 1 repository\n", "")


def test_validate_as_json(program: Program) -> None:
    write_manifest(ONE.replace("packages", "pakages"))
    result = program.run("validate", "--format", "json")
    document = json.loads(result.out)
    assert (result.code, document["valid"]) == (1, False)
    (problem,) = document["diagnostics"]
    assert (problem["file"], problem["line"], problem["severity"]) == ("manifests/web.yaml", 3, "error")


def test_repos(program: Program) -> None:
    write_manifest(ONE)
    result = program.run("repos", "custom-*", "--format", "json")
    rows = {row["repository"]: row for row in json.loads(result.out)["repositories"]}
    assert rows["custom-nginx"]["named"] is True
    assert rows["custom-python"]["named"] is False
    assert rows["custom-python"]["customised"] == {"contents.packages": 2}
    assert "legacy-php" not in rows
    assert "team-a/custom-node" in rows


def test_repos_without_a_manifest(program: Program) -> None:
    result = program.run("repos", "--org", "example.com", "--format", "json")
    assert {row["named"] for row in json.loads(result.out)["repositories"]} == {None}


def test_a_piped_table_is_not_cut(program: Program) -> None:
    result = program.run("repos", "--org", "example.com")
    with program.emulator() as emulator:
        assert emulator.repository("edge-gateway")["id"] in result.out


def test_repos_of_a_folder(program: Program) -> None:
    result = program.run("repos", "--org", "example.com/team-a", "--format", "json")
    names = [row["repository"] for row in json.loads(result.out)["repositories"]]
    assert names == ["checkout-api", "custom-node", "edge-gateway"]


def test_no_organization_anywhere(program: Program) -> None:
    result = program.run("repos")
    assert result.code == 1
    assert "--org" in result.err


@pytest.mark.parametrize("command", ["repos", "builds", "logs"])
def test_a_name_that_means_nothing(program: Program, command: str) -> None:
    result = program.run(command, "custom-ngin", "--org", "example.com")
    assert result.code == 1
    assert "custom-nginx" in result.err


def test_builds(program: Program) -> None:
    result = program.run("builds", "custom-python", "--org", "example.com", "--format", "json")
    builds = json.loads(result.out)["builds"]
    assert {build["repository"] for build in builds} == {"custom-python"}
    assert {build["result"] for build in builds} == {"success", "failure"}
    assert any(build["tags"] for build in builds)


def test_logs_of_the_newest_failure(program: Program) -> None:
    result = program.run("logs", "custom-python", "--org", "example.com")
    assert result.code == 0
    assert 'could not find package that satisfies "jqq"' in result.out
    assert result.out.endswith("\n")
    assert "(failure)" in result.err


def test_logs_of_one_build(program: Program) -> None:
    listed = program.run("builds", "custom-python", "--org", "example.com", "--format", "json")
    wanted = next(build for build in json.loads(listed.out)["builds"] if build["result"] == "success")
    for id_ in (wanted["id"], wanted["id"].rpartition("/")[2]):
        result = program.run("logs", "custom-python", "--org", "example.com", "--build", id_)
        assert result.code == 0
        assert wanted["id"] in result.err


def test_logs_of_a_build_that_is_not_there(program: Program) -> None:
    result = program.run("logs", "custom-python", "--org", "example.com", "--build", "0000")
    assert result.code == 1
    assert "0000" in result.err


def test_logs_of_a_name_that_means_several(program: Program) -> None:
    result = program.run("logs", "custom-node", "--org", "example.com")
    assert result.code == 1
    assert "team-a/custom-node" in result.err


def test_a_creation_from_another_repository(program: Program) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=False)
    write_manifest("organization: example.com\nrepositories: {team-b/py: {source: custom-python, packages: [git]}}\n")
    planned = program.run("plan", "--format", "json")
    assert json.loads(planned.out)["counts"]["create"] == 1
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert program.run("plan", "--detailed-exitcode").code == 0
    with program.emulator() as emulator:
        made, source = emulator.repository("team-b/py"), emulator.repository("custom-python")
    assert made["sync_config"]["source"] == source["sync_config"]["source"]
    assert made["customOverlay"]["contents"]["packages"] == ["git"]


def test_color_only_where_it_is_wanted(program: Program) -> None:
    write_manifest(ONE)
    assert "\x1b[" not in program.run("plan").out
    assert "\x1b[" in program.run("plan", "--color", "always").out
