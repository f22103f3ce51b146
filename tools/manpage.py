"""What argparse-manpage needs for the manual page: the parser with every command's options, and further sections.

`make man` runs it; as a program it prints the sections.
"""

import argparse
import re

from reconciler.cli.exit_codes import MEANINGS
from reconciler.cli.parser import Parser, make_parser

_FILES = {
    "manifests/": "The manifest, unless a path or RECONCILER_MANIFEST says otherwise.",
    "reconciler.toml": "Settings, beside the manifests; flags and environment variables come first.",
    ".reconciler/": "The journal of the runs in this folder, and the state of the emulator.",
}


def parser() -> Parser:
    """Return the parser; a running program declares only the options of the command that is used."""
    found = make_parser()
    for action in found._actions:  # noqa: SLF001 - argparse has no public list of them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                command.configure()
    return found


def sections() -> str:
    """Return the exit codes and the files as argparse-manpage includes them."""
    codes = [f".TP\n{code:d}\n{_text(meaning)}" for code, meaning in MEANINGS.items()]
    files = [f".TP\n{_text(name)}\n{_text(purpose)}" for name, purpose in _FILES.items()]
    return "\n".join(["[exit status]", *codes, "", "[files]", *files, ""])


def _text(text: str) -> str:
    r"""Return text for roff: no leading dot, `code` in bold."""
    escaped = re.sub(r"^([.'])", r"\\&\1", text.replace("\\", r"\e").replace("-", r"\-"))
    return re.sub(r"`([^`]+)`", r"\\fB\1\\fR", escaped)


if __name__ == "__main__":
    print(sections(), end="")
