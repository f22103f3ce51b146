"""`reconciler completion`: the script that completes commands, options and repository names in a shell, offline."""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

import argcomplete
from argcomplete.shell_integration import shellcode

from reconciler import manifest
from reconciler.cli import flags
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import COMMANDS, Parser, make_parser
from reconciler.cli.settings import DEFAULT_MANIFEST
from reconciler.planfile.format import make_private_folder

_SHELLS = ("bash", "zsh", "fish")
_NAMES = Path(".reconciler") / "repositories.json"
# The arguments that take the name of a repository.
_REPOSITORY_METAVARS = frozenset({"REPO", "GLOB"})


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=_SHELLS, help="the shell that will load the script")
    flags.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Print the script; the shell asks the program itself for what can be completed."""
    ctx.stdout.write(shellcode(["reconciler"], shell=options.shell))
    return ExitCode.DONE


def complete() -> None:
    """Answer the shell that asks through argcomplete's variables, and end the process."""
    parser = make_parser("parsers")
    for word in os.environ.get("COMP_LINE", "").split():
        if word in COMMANDS:
            _prepare(parser, word)
    argcomplete.autocomplete(parser)


def remember_names(labels: Sequence[str]) -> None:
    """Keep the names of live repositories for completion; raises `OSError`."""
    make_private_folder(_NAMES.parent)
    _NAMES.write_text(json.dumps(sorted(labels)), encoding="utf-8")


def _prepare(parser: Parser, command: str) -> None:
    """Declare the options of one command, with a completer for the names of repositories."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            chosen: Parser = action.choices[command]
            chosen.configure()
            for argument in chosen._actions:  # noqa: SLF001
                if argument.metavar in _REPOSITORY_METAVARS:
                    argument.completer = _repository_names  # type: ignore[attr-defined]


def _repository_names(**_: object) -> list[str]:
    """Return the names of the manifest and of the last snapshot; none where neither can be read."""
    desired, _problems = manifest.load(Path(os.environ.get("RECONCILER_MANIFEST") or DEFAULT_MANIFEST))
    names = {str(entry.address) for entry in desired.repositories}
    try:
        names.update(str(name) for name in json.loads(_NAMES.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return sorted(names)
    return sorted(names)
