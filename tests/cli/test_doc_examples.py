"""The examples of the documents are what the program prints: with UPDATE_GOLDEN=1 their output is written anew."""

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest

from reconciler.cli import main
from reconciler.cli.context import Context
from reconciler.cli.parser import COMMANDS, parse
from tests.support.program import Program, Stream

ROOT = Path(__file__).parents[2]
PAGES = ("docs/commands.md", "README.md")
_BLOCK = re.compile(r"^```console\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_RANDOM = re.compile(r"\b(\d{8}-\d{6})-[0-9a-f]{4}\b")


def printed(program: Program, command: str) -> str:
    """What one command line of a page prints, both streams in their order, without what is drawn at random."""
    both = Stream()
    both.isatty = lambda: False  # type: ignore[method-assign]
    world = Context(
        stdin=Stream(),
        stdout=both,
        stderr=both,
        environ=program.environ,
        clock=program.clock,
        emulator_settings=program.settings,
    )
    name, *words = shlex.split(command)
    assert name == "reconciler", command
    main(words, world)
    return _RANDOM.sub(r"\1-8fb8", both.getvalue())


def run_block(program: Program, block: str) -> str:
    """The block with the output of its commands as it is now."""
    commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    return "\n".join(f"$ {command}\n{printed(program, command)}" for command in commands)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_print_what_it_shows(
    program: Program, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.node", lambda: "laptop")
    program.environ = {**program.environ, "USER": "ana"}
    shutil.copytree(ROOT / "manifests", "manifests")
    Path("shared-journal").mkdir()  # of earlier runs
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    assert "```console" in text
    actual = _BLOCK.sub(lambda found: f"```console\n{run_block(program, found[1])}```\n", text)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(actual, encoding="utf-8")
    assert actual == path.read_text(encoding="utf-8")


def test_every_command_has_a_section_with_its_exit_codes() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL))
    for command in COMMANDS:
        assert f"`reconciler {command}" in sections[command]
        assert "\nExit codes: " in sections[command], command


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(str(one.relative_to(ROOT)) for one in (ROOT / "docs").glob("*.md"))]
)
def test_every_command_line_of_a_page_is_understood(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    for line in lines:
        command = re.split(r" [&>|] ?", line)[0].removesuffix("&")
        words = shlex.split(command, comments=True)
        if words[:1] == ["reconciler"]:
            parse(words[1:])
