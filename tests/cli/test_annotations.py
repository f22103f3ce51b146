"""Diagnostics for CI systems: `--format github`, `gitlab` and `sarif`, in whatever way a command ends."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.support.program import Program, write_manifest

WRONG = """\
organization: example.com
repositories:
  custom-nginx: {pakages: [curl]}
  custom-redis:
    environment: {DB_PASSWORD: "100%,:real-hunter2"}
"""
WARNING = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl], environment: {DB_PASSWORD: "hunter2-hunter2"}}
"""


def test_github_shows_each_problem_at_its_line(program: Program) -> None:
    write_manifest(WRONG)
    result = program.run("validate", "--format", "github")
    assert result.code == 1
    error, warning = result.out.splitlines()
    assert error == (
        "::error file=manifests/web.yaml,line=3,col=18,title=unknown-key::"
        'unknown key "pakages" in a repository\'s entry%0Ahint: did you mean `packages`?'
    )
    assert warning.startswith("::warning file=manifests/web.yaml,line=5,col=19,title=secret-in-manifest::")
    assert "hunter2" not in result.out


def test_github_commands_stand_next_to_the_result(program: Program) -> None:
    write_manifest(WARNING)
    result = program.run("plan", "--format", "github", "--no-check")
    assert result.code == 0
    assert "Plan: 1 to update." in result.out
    assert "\n::warning file=" in result.out


def test_paths_are_those_of_the_checkout(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(WRONG, "deploy/manifests/web.yaml")
    program.environ["GITHUB_WORKSPACE"] = str(Path.cwd())
    monkeypatch.chdir("deploy")
    assert "file=deploy/manifests/web.yaml,line=3" in program.run("validate", "--format", "github").out


def test_a_file_outside_of_the_checkout_is_not_named(program: Program) -> None:
    write_manifest(WRONG)
    program.environ["GITHUB_WORKSPACE"] = "/somewhere/else"
    assert program.run("validate", "--format", "github").out.startswith("::error title=unknown-key::")


def test_what_a_message_holds_ends_no_command(program: Program) -> None:
    write_manifest('organization: example.com\nrepositories:\n  "a%0A::error::b": {packages: [x]}\n')
    out = program.run("validate", "--format", "github").out
    assert len(out.splitlines()) == 1
    assert "a%250A::error::b" in out


def test_gitlab_code_quality(program: Program) -> None:
    write_manifest(WRONG)
    assert program.run("validate", "--format", "gitlab=quality.json").code == 1
    found: list[dict[str, Any]] = json.loads(Path("quality.json").read_text(encoding="utf-8"))
    assert [(one["check_name"], one["severity"], one["location"]["lines"]["begin"]) for one in found] == [
        ("unknown-key", "major", 3),
        ("secret-in-manifest", "minor", 5),
    ]
    assert {one["location"]["path"] for one in found} == {"manifests/web.yaml"}
    before = [one["fingerprint"] for one in found]
    write_manifest("# moved\n" + WRONG)
    program.run("validate", "--format", "gitlab=quality.json")
    assert [one["fingerprint"] for one in json.loads(Path("quality.json").read_text(encoding="utf-8"))] == before


def test_sarif(program: Program) -> None:
    write_manifest(WRONG)
    result = program.run("validate", "--format", "sarif")
    assert result.code == 1
    log = json.loads(result.out)
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["unknown-key", "secret-in-manifest"]
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("unknown-key", "error"),
        ("secret-in-manifest", "warning"),
    ]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location == {
        "artifactLocation": {"uri": "manifests/web.yaml"},
        "region": {"startLine": 3, "startColumn": 18},
    }


def test_a_log_without_problems_is_a_log(program: Program) -> None:
    write_manifest(WARNING.replace("DB_PASSWORD", "MODE").replace("hunter2-hunter2", "on"))
    assert program.run("plan", "--format", "sarif=log.sarif", "--format", "json").code == 0
    (run,) = json.loads(Path("log.sarif").read_text(encoding="utf-8"))["runs"]
    assert run["results"] == []


def test_what_the_plan_finds_is_among_them(program: Program) -> None:
    write_manifest(WRONG.replace("pakages", "packages").replace("custom-redis", "nowhere"))
    assert program.run("apply", "--yes", "--format", "sarif=log.sarif").code == 1
    (run,) = json.loads(Path("log.sarif").read_text(encoding="utf-8"))["runs"]
    assert "unknown-repository" in {one["ruleId"] for one in run["results"]}


def test_a_file_that_cannot_be_written_is_an_error(program: Program) -> None:
    write_manifest(WARNING)
    result = program.run("validate", "--format", "sarif=missing/log.sarif")
    assert result.code == 1
    assert "[output-not-written]" in result.err


def test_builds_as_junit(program: Program) -> None:
    write_manifest(WARNING.replace("DB_PASSWORD", "MODE").replace("hunter2-hunter2", "on"))
    assert program.run("apply", "--yes", "--format", "junit=apply.xml").code == 0
    (suite,) = ET.parse("apply.xml").getroot()  # noqa: S314 - our own file
    assert suite.attrib["name"] == "custom-nginx"
    assert (suite.attrib["failures"], suite.attrib["tests"]) == ("0", "4")
    listed = program.run("builds", "--org", "example.com", "--format", "junit")
    suites = ET.fromstring(listed.out)  # noqa: S314 - our own text
    assert "custom-nginx" in {one.attrib["name"] for one in suites}
    assert suites.findall(".//failure")
