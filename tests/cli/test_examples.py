"""The examples of the documents, planned against the emulator's organization and applied to it."""

from pathlib import Path

import pytest

from tests.support import golden
from tests.support.program import Program

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = ("organization", "apko-files")


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
