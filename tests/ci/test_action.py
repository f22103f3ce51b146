"""`action.yml`, run as GitHub runs it: outputs, one comment, exit codes; and its text."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from reconciler.emulator import Emulator
from tests.support.code_host import CodeHostServer
from tests.support.runner import ROOT, Runner, load

MANIFEST = """\
organization: example.com
overlays: {tools: {packages: [jq]}}
repositories:
  custom-nginx: {packages: [curl]}
  orders-api: {overlays: {tools: dev}}
"""


@pytest.fixture
def github(runner: Runner, api: Emulator, host: CodeHostServer) -> Runner:
    """A runner with a job of pull request 7."""
    runner.environ |= {
        "GITHUB_API_URL": host.url,
        "GITHUB_REPOSITORY": "acme/images",
        "GITHUB_REF": "refs/pull/7/merge",
    }
    write(runner, MANIFEST)
    return runner


def write(runner: Runner, text: str, folder: str = "manifests") -> None:
    path = runner.workspace / folder / "web.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_plan_gives_outputs_a_comment_a_page_and_a_summary(github: Runner, host: CodeHostServer) -> None:
    ran = github.action(command="plan")
    assert ran.code == 0, ran.log
    assert {name: ran.outputs[name] for name in ("exit-code", "changes", "blocked")} == {
        "exit-code": "2",
        "changes": "3",  # a repository, an overlay and a binding
        "blocked": "0",
    }
    (upload,) = ran.uploads.items()
    assert upload[0] == "reconciler-plan"
    assert sorted(path.name for path in upload[1].iterdir()) == ["result.html", "result.json"]
    assert "custom-nginx" in ran.summary
    (comment,) = host.comments.values()
    assert "custom-nginx" in comment
    assert {token for _, _, token in host.requests} == {"Bearer ghs_of_the_job"}
    assert "ghs_of_the_job" not in ran.log


def test_the_comment_is_updated_and_tells_what_the_change_causes(github: Runner, host: CodeHostServer) -> None:
    write(github, MANIFEST, "target-branch")
    assert github.action(command="plan").code == 0
    write(github, MANIFEST.replace("[curl]", "[curl, git]"))
    ran = github.action(command="plan", base="target-branch")
    assert ran.code == 0, ran.log
    (comment,) = host.comments.values()
    assert "git" in comment
    assert json.loads((Path(ran.outputs["results"]) / "result.json").read_text())["caused_counts"]


def test_a_target_branch_without_manifests(github: Runner) -> None:
    ran = github.action(command="plan", base="target-branch/manifests")
    assert (ran.code, ran.outputs["exit-code"]) == (0, "2")
    assert "::notice title=reconciler::the target branch has no target-branch/manifests" in ran.log


def test_a_saved_plan_is_applied_and_followed(github: Runner, api: Emulator) -> None:
    planned = github.action(command="plan", comment="false")
    plan_file = Path(planned.outputs["plan-file"])
    assert not plan_file.is_relative_to(planned.outputs["results"])
    write(github, MANIFEST.replace("curl", "git"))
    ran = github.action(command="apply", plan_file=str(plan_file), comment="false")
    assert (ran.code, ran.outputs["exit-code"]) == (0, "0"), ran.log
    assert api.repository("custom-nginx")["customOverlay"]["contents"]["packages"] == ["curl"]
    (results,) = ran.uploads.values()
    assert sorted(path.name for path in results.iterdir()) == ["builds.xml", "result.html", "result.json"]
    assert "Apply complete" in ran.log + ran.summary


def test_no_changes(github: Runner) -> None:
    write(github, "organization: example.com\nrepositories: {}\n")
    ran = github.action(command="plan")
    assert (ran.code, ran.outputs["exit-code"], ran.outputs["changes"]) == (0, "0", "0"), ran.log


def test_a_bad_manifest_fails_the_step_with_an_annotation(github: Runner, host: CodeHostServer) -> None:
    write(github, MANIFEST.replace("packages: [curl]", "package: [curl]"))
    ran = github.action(command="plan")
    assert (ran.code, ran.outputs["exit-code"]) == (1, "1")
    assert "::error file=manifests/web.yaml,line=4" in ran.log
    assert host.comments == {}


def test_blocked_repositories_fail_the_step_and_are_commented(github: Runner, host: CodeHostServer) -> None:
    write(github, MANIFEST + "  nowhere: {packages: [curl]}\n")
    ran = github.action(command="plan")
    assert (ran.code, ran.outputs["blocked"], ran.outputs["changes"]) == (1, "1", "3"), ran.log
    assert "nowhere" in host.comments[1]


def test_a_code_host_that_fails_does_not_fail_the_step(github: Runner, host: CodeHostServer) -> None:
    host.failures = [403]
    ran = github.action(command="plan")
    assert (ran.code, ran.outputs["changes"]) == (0, "3")
    assert "refused the comment" in ran.log


@pytest.mark.parametrize("command", ["destroy", "plan; touch broken", "$(touch broken)", ""])
def test_a_wrong_command_is_refused_before_anything_runs(github: Runner, command: str) -> None:
    ran = github.action(command=command)
    assert (ran.code, set(ran.outputs.values()), ran.uploads) == (64, {""}, {})
    assert "::error title=reconciler::command must be plan, apply, drift or install" in ran.log
    assert not (github.workspace / "broken").exists()


def test_install_alone_runs_nothing(github: Runner, host: CodeHostServer) -> None:
    ran = github.action(command="install")
    assert (ran.code, ran.log, host.requests) == (0, "", [])


def test_inputs_are_arguments_and_never_commands(github: Runner) -> None:
    ran = github.action(command="plan", manifest="$(touch broken)", arguments="--repo custom-* `touch broken`")
    assert ran.code != 0
    assert not (github.workspace / "broken").exists()


def test_an_input_that_is_not_given_leaves_the_variable_of_the_job(github: Runner) -> None:
    github.environ["RECONCILER_ORG"] = "example.com"
    write(github, MANIFEST.partition("\n")[2])
    assert github.action(command="plan", comment="false").code == 0
    assert github.action(command="plan", comment="false", organization="nowhere.example").code == 1


def test_the_program_of_the_action_itself_is_installed_with_its_pins(tmp_path: Path) -> None:
    """With programs in place of Python's and pip's that write down how they were called."""
    install = load("action.yml")[0]["runs"]["steps"][0]
    assert install["name"] == "Install"
    temp = tmp_path / "runner temp"
    temp.mkdir()
    python = tmp_path / "python3"
    python.write_text(
        '#!/bin/sh\n[ "$1 $2" = "-m venv" ] && mkdir -p "$3/bin"\n'
        f'printf \'#!/bin/sh\\nprintf "%%s\\\\n" "$@" > "{tmp_path}/pip-arguments"\\n\' > "$3/bin/pip"\n'
        'chmod +x "$3/bin/pip"\n'
    )
    python.chmod(0o755)
    environ = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "RUNNER_TEMP": str(temp),
        "GITHUB_ACTION_PATH": "/actions/reconciler v1",
        "GITHUB_PATH": str(tmp_path / "path"),
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", install["run"]]
    subprocess.run(command, env=environ, check=True)
    assert (tmp_path / "pip-arguments").read_text().splitlines() == [
        "install",
        "--quiet",
        "--constraint",
        "/actions/reconciler v1/constraints.txt",
        "/actions/reconciler v1",
    ]
    assert (tmp_path / "path").read_text() == f"{temp}/reconciler/bin\n"


def test_the_page_names_every_input_and_output() -> None:
    action = load("action.yml")[0]
    page = (ROOT / "docs" / "pipeline.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z-]+)`", page))
    assert {*action["inputs"], *action["outputs"]} <= named
