"""The stories of the documents, played on the emulator: with UPDATE_GOLDEN=1 their output is written anew.

A YAML block is a file of the name in its first line, and a console block is run where the one before it left off.
"""

import os
import re
from pathlib import Path

import pytest

from tests.cli.test_doc_examples import run_block
from tests.support.program import Program, write_manifest

STORIES = sorted((Path(__file__).parents[2] / "docs" / "stories").glob("*.md"))
_BLOCK = re.compile(r"^```(yaml|console)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", STORIES, ids=lambda page: page.stem)
def test_a_story_runs_as_documented(program: Program, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "laptop")
    program.environ = {**program.environ, "USER": "ana"}

    def play(found: re.Match[str]) -> str:
        kind, block = found.groups()
        if kind == "yaml":
            write_manifest(block, block.partition("\n")[0].removeprefix("# "))
            return found[0]
        return f"```console\n{run_block(program, block)}```\n"

    text = page.read_text(encoding="utf-8")
    actual = _BLOCK.sub(play, text)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        page.write_text(actual, encoding="utf-8")
    assert actual == page.read_text(encoding="utf-8")


def test_there_are_stories() -> None:
    assert STORIES
