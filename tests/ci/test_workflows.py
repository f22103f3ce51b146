"""The workflows of docs/ci, the component of GitLab and the hooks of pre-commit: their structure, and their scripts."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.emulator import Emulator
from tests.support.code_host import CodeHostServer
from tests.support.runner import ROOT, Runner, load

WORKFLOWS = sorted((ROOT / "docs" / "ci" / "github").glob("*.yml"))
MANIFEST = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"
_OURS = "example/reconciler@v1"


class _Strings(yaml.BaseLoader):
    """Every value as text: `on` stays a key."""


def workflow(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Strings)  # noqa: S506 - it makes text alone
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def write(runner: Runner, text: str, path: str = "manifests/web.yaml") -> None:
    (runner.workspace / path).parent.mkdir(parents=True, exist_ok=True)
    (runner.workspace / path).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_uses_inputs_that_exist_and_asks_for_the_permissions_it_needs(path: Path) -> None:
    known = load("action.yml")[0]["inputs"]
    found = workflow(path)
    assert {"name", "on", "permissions", "jobs"} <= set(found)
    for job in found["jobs"].values():
        permissions = job.get("permissions", found["permissions"])
        for step in job["steps"]:
            inputs = step.get("with", {})
            if step.get("uses") == _OURS:
                assert set(inputs) <= set(known)
                needed = _permissions(inputs)
                assert {name: permissions.get(name) for name in needed} == needed
            if step.get("run", "").startswith("reconciler") and "env" in step:
                assert permissions["id-token"] == "write"


def _permissions(inputs: dict[str, str]) -> dict[str, str]:
    """The permissions that a step with our action needs."""
    needed = {"contents": "read"}
    if inputs.get("identity"):
        needed["id-token"] = "write"
    if inputs.get("comment", "true") == "true":
        needed |= {"plan": {"pull-requests": "write"}, "drift": {"issues": "write"}}.get(inputs.get("command", ""), {})
    return needed


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.stem)
def test_no_script_has_an_expression_in_it(path: Path) -> None:
    """What an expression gives would be run as a part of the script."""
    of_file = workflow(path)["runs"]["steps"] if path.name == "action.yml" else steps(path)
    assert not [step["run"] for step in of_file if "${{" in step.get("run", "")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_workflow_has_a_secret_or_installs_by_name(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "pip install" not in text
    assert "pull_request_target" not in text


def test_pull_requests_of_forks_get_a_plan_without_identity(runner: Runner, api: Emulator) -> None:
    """The two scripts of the workflow, on two machines; the second has neither address nor token of the API."""
    write(runner, MANIFEST)
    snapshot, plan = [step["run"] for step in steps(ROOT / "docs/ci/github/fork.yml") if "run" in step]
    assert runner.script([snapshot], {}).code == 0
    ran = runner.script([plan], {"RECONCILER_API": "", "CHAINGUARD_TOKEN": ""})
    assert ran.code == 0, ran.log
    assert "custom-nginx" in ran.summary + ran.log


# GitLab


def component() -> tuple[dict[str, Any], dict[str, Any]]:
    spec, jobs = load("docs/ci/gitlab/component.yml")
    return spec["spec"]["inputs"], jobs


def job_lines(name: str) -> list[str]:
    """The lines that GitLab runs for a job, but the installation."""
    _, jobs = component()
    install, *before = jobs[".reconciler"]["before_script"]
    assert install == 'pip install --quiet "$REQUIREMENT"'
    assert jobs[name]["extends"] == ".reconciler"
    return [*before, *jobs[name]["script"]]


@pytest.fixture
def gitlab(runner: Runner, api: Emulator, host: CodeHostServer) -> Runner:
    """A runner with a job of merge request 7, in a clone whose target branch has a manifest."""
    _, jobs = component()
    inputs = {"requirement": "", "identity": "", "manifest": "manifests", "journal": "", "image": ""}
    variables = jobs[".reconciler"]["variables"]
    write(runner, MANIFEST)
    for argv in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Add manifests"]):
        git(runner, *argv)
    runner.environ |= {
        name: re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: inputs[found[1]], value)
        for name, value in variables.items()
    }
    runner.environ |= {
        "CI_API_V4_URL": host.url,
        "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(runner, "rev-parse", "HEAD").strip(),
        "GITLAB_TOKEN": "glpat-secret",
        "OIDC_TOKEN": "header.payload.signature",
    }
    return runner


def git(runner: Runner, *argv: str) -> str:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    done = subprocess.run(["git", *identity, *argv], cwd=runner.workspace, capture_output=True, text=True, check=True)
    return done.stdout


def test_every_input_of_the_component_is_used_and_every_used_one_exists() -> None:
    inputs, jobs = component()
    assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", yaml.safe_dump(jobs))) == set(inputs)
    scripts = [line for job in jobs.values() for line in [*job.get("script", ()), *job.get("before_script", ())]]
    assert not [line for line in scripts if "$[[" in line]


def test_a_merge_request_gets_a_note_with_what_it_causes(gitlab: Runner, host: CodeHostServer) -> None:
    write(gitlab, MANIFEST.replace("[curl]", "[curl, git]"))
    ran = gitlab.script(job_lines("reconciler-plan"), {})
    assert ran.code == 0, ran.log
    assert len(host.comments) == 1
    assert host.requests[-1] == ("POST", "/projects/42/merge_requests/7/notes", "glpat-secret")
    assert json.loads((gitlab.workspace / "plan.json").read_text())["caused_counts"]
    assert json.loads((gitlab.workspace / "quality.json").read_text()) == []


def test_a_bad_manifest_fails_the_job_and_is_in_the_report_of_quality(gitlab: Runner, host: CodeHostServer) -> None:
    write(gitlab, MANIFEST.replace("packages", "package"))
    assert gitlab.script(job_lines("reconciler-plan"), {}).code == 1
    assert host.comments == {}
    assert json.loads((gitlab.workspace / "quality.json").read_text())[0]["location"]["path"] == "manifests/web.yaml"


def test_the_identity_of_the_job_is_exchanged_for_a_token(gitlab: Runner, api: Emulator, host: CodeHostServer) -> None:
    """Apply and drift with nothing but the job's own OIDC token."""
    del gitlab.environ["CHAINGUARD_TOKEN"]
    identity = {"IDENTITY": f"{'0' * 40}/{'1' * 16}"}
    assert gitlab.script(job_lines("reconciler-apply"), {}).code == 8
    applied = gitlab.script(job_lines("reconciler-apply"), identity)
    assert applied.code == 0, applied.log
    assert (gitlab.workspace / "builds.xml").exists()
    api.edit("custom-nginx", {"contents": {"packages": ["vim"]}})
    drifted = gitlab.script(job_lines("reconciler-drift"), identity)
    assert (drifted.code, len(host.issues), host.closed) == (0, 1, set()), drifted.log


# The schemas of GitHub and GitLab, where the program that has them is installed

_CHECK = shutil.which("check-jsonschema")
if _CHECK is not None:

    @pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.stem)
    def test_the_schema_of_github_accepts_it(path: Path) -> None:
        schema = "github-actions" if path.name == "action.yml" else "github-workflows"
        assert check_schema(schema, path) == 0

    def test_the_schema_of_gitlab_accepts_the_jobs(tmp_path: Path) -> None:
        jobs = tmp_path / "jobs.yml"
        jobs.write_text(yaml.safe_dump(component()[1]), encoding="utf-8")
        assert check_schema("gitlab-ci", jobs) == 0


def check_schema(name: str, path: Path) -> int:
    assert _CHECK is not None
    argv = [_CHECK, "--builtin-schema", f"vendor.{name}", str(path)]
    return subprocess.run(argv, check=False).returncode


# pre-commit


def test_the_hooks_format_and_validate_a_folder_whatever_files_changed(runner: Runner) -> None:
    hooks = {hook["id"]: hook for hook in load(".pre-commit-hooks.yaml")[0]}
    write(
        runner, "organization:   example.com\nrepositories:\n    custom-nginx: {packages: [curl]}\n", "manifests/a.yaml"
    )
    write(runner, "repositories:\n    orders-api: {packages: [jq]}\n", "manifests/b.yaml")
    for id_ in ("reconciler-fmt", "reconciler-validate"):
        hook = hooks[id_]
        assert (hook["language"], hook["pass_filenames"]) == ("python", False)
        command = " ".join([hook["entry"], *hook["args"]])
        for _ in range(2):
            ran = runner.script([command], {})
            assert ran.code == 0, ran.log
    assert runner.script(["reconciler fmt --check manifests"], {}).code == 0
    write(runner, "repositories: {orders-api: {package: [jq]}}\n", "manifests/b.yaml")
    assert runner.script(["reconciler validate manifests"], {}).code == 1
