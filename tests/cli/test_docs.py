"""The reference says what the program does."""

import argparse
import re
from pathlib import Path

from reconciler.cli import exit_codes
from reconciler.cli.exit_codes import ExitCode, first
from reconciler.cli.parser import Parser, make_parser
from tests.support import golden

DOCS = Path(__file__).parents[2] / "docs"


def parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """A parser and all that it has for commands, each with the options that it is given when it is used."""
    if isinstance(parser, Parser):
        parser.configure()
    found = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [deeper for one in action.choices.values() for deeper in parsers(one)]
    return found


def test_every_option_and_command_is_documented() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8") + (DOCS / "emulator.md").read_text(encoding="utf-8")
    for parser in parsers(make_parser()):
        assert parser.prog.removeprefix("reconciler").strip() in page
        for action in parser._actions:
            for option in action.option_strings:
                if option not in ("-h", "--help", "--version"):
                    assert f"`{option}" in page or f", `{option}" in page, f"{parser.prog} {option}"


def test_every_documented_option_exists() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8") + (DOCS / "emulator.md").read_text(encoding="utf-8")
    actions = [action for parser in parsers(make_parser()) for action in parser._actions]
    known = {option for action in actions for option in action.option_strings}
    documented = set(re.findall(r"`(--[a-z-]+)", page))
    assert documented <= known


def test_the_page_of_exit_codes_is_made_from_the_table() -> None:
    golden.check(DOCS / "exit-codes.md", exit_codes.page())


def test_the_table_of_exit_codes() -> None:
    page = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == [int(code) for code in ExitCode]
    (order,) = re.findall(r"the first of ([\d, ]+) in that order", page)
    codes = [ExitCode(int(code)) for code in order.split(", ")]
    for number, code in enumerate(codes):
        assert first(codes[number:]) is code
    assert first([]) is ExitCode.DONE
