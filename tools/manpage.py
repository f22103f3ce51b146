"""The parser of the whole command line, with every command's options declared: argparse-manpage draws it (`make man`)."""

import argparse

from reconciler.cli.parser import Parser, make_parser


def parser() -> Parser:
    """Return the parser; a running program declares only the options of the command that is used."""
    found = make_parser()
    for action in found._actions:  # noqa: SLF001 - argparse has no public list of them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                command.configure()
    return found
