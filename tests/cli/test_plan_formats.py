"""The formats of a plan as the command line gives them: several in one run, and refused where there is no plan."""

import json
from pathlib import Path

import pytest

from tests.support.program import Program

MANIFEST = """
organization: example.com
repositories:
  custom-nginx:
    packages: [git]
"""


@pytest.fixture(autouse=True)
def manifest(program: Program) -> None:
    Path("manifests").mkdir()
    Path("manifests/web.yaml").write_text(MANIFEST, encoding="utf-8")


def test_every_format_in_one_run(program: Program) -> None:
    files = ("--format", "html=plan.html", "--format", "markdown=plan.md", "--format", "json=plan.json")
    result = program.run("plan", *files, "--format", "text")
    assert result.code == 0, result.err
    assert result.out.startswith("Plan for example.com")
    document = json.loads(Path("plan.json").read_text(encoding="utf-8"))
    assert document["counts"]["update"] == 1
    assert Path("plan.md").read_text(encoding="utf-8").startswith("<!-- reconciler:plan:")
    assert Path("plan.html").read_text(encoding="utf-8").startswith("<!doctype html>\n")


@pytest.mark.parametrize(("name", "start"), [("markdown", "<!-- reconciler:plan:"), ("html", "<!doctype html>")])
def test_a_page_can_go_to_standard_output(program: Program, name: str, start: str) -> None:
    result = program.run("plan", "--format", name)
    assert result.code == 0, result.err
    assert result.out.startswith(start)
    assert "custom-nginx" in result.out


@pytest.mark.parametrize("name", ["markdown", "html"])
@pytest.mark.parametrize("command", [["explain", "custom-nginx"], ["validate"], ["repos"], ["builds"]])
def test_other_commands_refuse_the_pages(program: Program, command: list[str], name: str) -> None:
    result = program.run(*command, "--format", f"{name}=page")
    assert result.code == 64
    assert result.out == ""
    assert f'unsupported format "{name}" for `{command[0]}`' in result.err
    assert "use one of text, json" in result.err
    assert not Path("page").exists()


def test_an_unknown_format_of_a_plan_is_refused_with_those_that_there_are(program: Program) -> None:
    result = program.run("plan", "--format", "pdf")
    assert result.code == 64
    assert "use one of text, json, markdown, html" in result.err


@pytest.mark.parametrize("name", ["text", "json", "markdown", "html"])
def test_a_saved_plan_can_be_shown_in_every_format(program: Program, name: str) -> None:
    assert program.run("plan", "-o", "saved.plan").code == 0
    result = program.run("show", "saved.plan", "--format", name)
    assert result.code == 0, result.err
    assert "custom-nginx" in result.out


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_a_comparison_has_its_own_parts_on_a_page(program: Program, name: str) -> None:
    Path("base").mkdir()
    Path("base/web.yaml").write_text(MANIFEST.replace("[git]", "[jq]"), encoding="utf-8")
    result = program.run("plan", "--base", "base", "--format", name)
    assert result.code == 0, result.err
    assert "Caused by this change" in result.out
    assert "No longer requested" in result.out
