"""The examples of the documents, planned against the emulator's organization and applied to it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support import golden
from tests.support.program import Program

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = ("organization", "apko-files", "overlays")


def example(name: str) -> str:
    """The folder of an example, linked into the current one so that output names no place of this machine."""
    Path(name).symlink_to(ROOT / "docs" / "examples" / name)
    return name


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_planned_without_a_problem(name: str, program: Program) -> None:
    result = program.run("plan", example(name))
    assert (result.code, result.err) == (0, "")
    golden.check(GOLDEN / f"example-{name}.txt", result.out)


@pytest.mark.parametrize("name", EXAMPLES)
def test_after_an_apply_an_example_asks_for_nothing_more(name: str, program: Program) -> None:
    folder = example(name)
    assert program.run("apply", folder, "--yes", "--no-wait").code == 0
    assert program.run("plan", folder, "--detailed-exitcode").code == 0


def test_every_file_of_an_example_is_named_in_it() -> None:
    for name in EXAMPLES:
        folder = ROOT / "docs" / "examples" / name
        told = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.*"))
        assert all(path.name in told for path in folder.rglob("*.*") if path.name != "README.md")


def test_overlays_are_applied_changed_and_reverted(program: Program) -> None:
    shutil.copytree(ROOT / "docs" / "examples" / "overlays", "overlays")
    assert program.run("apply", "overlays", "--yes").code == 0
    manifest = Path("overlays/manifest.yaml")
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("[bash, curl]", "[bash, curl, jq]"), encoding="utf-8")
    changed = program.run("apply", "overlays", "--yes", "--format", "json")
    assert changed.code == 0, changed.err
    summary = json.loads(changed.out.splitlines()[-1])
    tags = [tag for build in summary["builds"]["built"] for tag in build["tags"]]
    assert tags
    assert all(tag.endswith("-dev") for tag in tags)
    explained = json.loads(program.run("explain", "custom-nginx:1.29-dev", "overlays", "--json").out)
    assert "jq" in json.dumps(explained)
    assert program.run("revert", summary["run"], "--yes").code == 0
    manifest.write_text(text, encoding="utf-8")
    assert program.run("plan", "overlays", "--detailed-exitcode").code == 0
