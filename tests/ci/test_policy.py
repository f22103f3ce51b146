"""The example of a policy reads what the plan document has; where `conftest` is installed, it judges a plan."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Program, write_manifest
from tests.support.runner import ROOT

POLICY = ROOT / "docs" / "ci" / "policy"
CONFTEST = shutil.which("conftest")
# A package that is not allowed, beside one that is, and a reset.
MANIFEST = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl, tcpdump]}
  orders-api: {reset: true}
"""
MESSAGES = ("custom-nginx: package tcpdump is not allowed", "orders-api would be reset; ask the platform team")


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    write_manifest(MANIFEST)
    program = Program()
    with program.emulator() as emulator:
        emulator.edit("orders-api", {"contents": {"packages": ["jq"]}})
    assert program.run("plan", "--format", "json=plan.json").code == 0
    found: dict[str, Any] = json.loads(Path("plan.json").read_text(encoding="utf-8"))
    return found


def test_every_key_that_the_policy_reads_is_in_the_plan_document(plan: dict[str, Any]) -> None:
    text = (POLICY / "plan.rego").read_text(encoding="utf-8")
    step = next(one for one in plan["steps"] if one["name"] == "custom-nginx")
    holders = {"input": plan, "step": step, "change": step["changes"][0]}
    paths = re.findall(r"\b(input|step|change)\.([a-z_.]+)", text)
    assert {holder for holder, _ in paths} == set(holders)
    for holder, path in paths:
        value = holders[holder]
        for key in path.split("."):
            assert key in value, f"{holder}.{path}"
            value = value[key]


def test_every_value_that_the_policy_compares_with_is_one_that_the_document_can_have() -> None:
    text = (POLICY / "plan.rego").read_text(encoding="utf-8")
    schema = (ROOT / "docs" / "plan.schema.json").read_text(encoding="utf-8")
    compared = re.findall(r'\w+\.(\w+) == "([\w.]+)"', text)
    assert len(compared) >= 6
    for _, value in compared:
        assert f'"{value}"' in schema


def test_what_the_policy_denies_is_there_to_be_denied(plan: dict[str, Any]) -> None:
    """The same facts by hand, so that the example keeps its meaning where `conftest` is not installed."""
    steps = {one["name"]: one for one in plan["steps"] if one["kind"] == "repository"}
    assert steps["orders-api"]["action"] == "reset"
    added = [one for one in steps["custom-nginx"]["changes"] if one["path"] == "contents.packages"]
    assert ("add", "tcpdump") in {(one["kind"], one["key"]) for one in added}


if CONFTEST is not None:

    def test_conftest_denies_the_plan(plan: dict[str, Any]) -> None:
        assert CONFTEST is not None
        argv = [CONFTEST, "test", "--no-color", "--policy", str(POLICY), "plan.json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=dict(os.environ))
        assert done.returncode == 1
        assert all(message in done.stdout for message in MESSAGES)
