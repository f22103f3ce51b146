"""The command line's grammar: the commands, and the options object that each of them reads.

A command's own options are declared by `configure` in its module, which is imported when the command is used: `--help`
loads this module alone.
"""

import argparse
import importlib
import keyword
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from reconciler import __version__
from reconciler.cli import flags

# A mistyped letter or two; less alike is not meant.
_ALIKE = 0.7

COMMANDS = {
    "init": "write a commented first manifest",
    "validate": "check the manifest and report every problem (no network)",
    "explain": "show what one repository gets, each value with its source",
    "plan": "show what apply would change (read-only)",
    "drift": "show what was changed outside of reconciler since the last run",
    "apply": "plan, confirm, apply, and wait for the builds",
    "wait": "wait for the builds of a recorded run, and report as apply does",
    "resume": "continue a run that was paused, held back or interrupted",
    "revert": "restore the state from before a run, where nothing has changed since",
    "history": "list the recorded runs, or show one of them",
    "unlock": "break the lock that a killed run left on the shared journal",
    "journal": "push runs that could not be recorded in the shared journal",
    "show": "print a saved plan (no network)",
    "snapshot": "save the live state, for `plan --against FILE`",
    "comment": "post a plan or the result of an apply on a pull request, or update what was posted",
    "repos": "list the organization's repositories",
    "builds": "list recent builds, newest first",
    "logs": "print the log of a build (default: the newest)",
    "doctor": "check API access, token and permissions",
    "import": "write the live state as manifests, or add it to existing ones",
    "migrate": "write customizations as overlays and bindings, proved tag by tag (changes nothing)",
    "fmt": "format manifests",
    "schema": "print the JSON Schema of the manifest, for editors",
    "emulator": "serve or reset the built-in emulator of the API",
    "completion": "print the completion script for a shell",
    "version": "print the version",
    "help": "print the help of a command",
}


class UsageError(Exception):
    """The command line itself is wrong; the text is argparse's usage and message."""


class HelpShown(Exception):  # noqa: N818 - it reads as what happened
    """Help or the version was asked for; the text is it."""


class Parser(argparse.ArgumentParser):
    """A parser that neither prints nor exits, and asks the module of its command for the options when it is used."""

    def __init__(self, *args: Any, command: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.command = command
        # argparse takes `-5s` for an option, and would say that `--wait-timeout -5s` lacks its argument.
        self._negative_number_matcher = flags.NEGATIVE

    def configure(self) -> None:
        """Declare the command's options, once."""
        if self.command is not None:
            command, self.command = self.command, None
            command_module(command).configure(self)

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        raise UsageError(f"{self.format_usage()}{self.prog}: error: {message}\n")

    def print_help(self, _file: object = None) -> NoReturn:
        """Raise `HelpShown`."""
        raise HelpShown(self.format_help())

    def suggest(self, unknown: str) -> NoReturn:
        """Raise `UsageError` for a word or an option that is none, with what was probably meant."""
        word = unknown.partition("=")[0]
        known = [option for action in self._actions for option in action.option_strings]
        near = _nearest(word, known) if word.startswith("-") else ()
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        self.error(f"unrecognized argument: {unknown}{hint}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse an unknown command with the nearest ones instead of the list of all."""
        if isinstance(action, _Commands) and value not in action.choices:
            near = _nearest(str(value), action.choices)
            hint = f"did you mean {' or '.join(near)}?" if near else f"see {self.prog} --help"
            raise argparse.ArgumentError(None, f'unknown command "{value}"; {hint}')
        for one in value.split(",") if isinstance(action, flags.CommaList) else (value,):
            super()._check_value(action, one)


def _nearest(word: str, known: Iterable[str]) -> Sequence[str]:
    # By name, as the commands are: help suggests nothing.
    near: Sequence[str] = importlib.import_module("difflib").get_close_matches(word, list(known), cutoff=_ALIKE)
    return near


class _Parsers(Mapping[str, Parser]):
    """The parsers of the commands, each made when it is asked for: making all would be most of the time of help."""

    def __init__(self) -> None:
        self._given: dict[str, dict[str, Any]] = {}
        self._made: dict[str, Parser] = {}

    def add(self, name: str, given: dict[str, Any]) -> None:
        self._given[name] = given

    def __getitem__(self, name: str) -> Parser:
        if name not in self._made:
            self._made[name] = Parser(**self._given[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


class _Commands(argparse._SubParsersAction):  # type: ignore[type-arg]  # noqa: SLF001 - it has no public name
    """The commands; common options are also accepted before the command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parsers = _Parsers()
        self._name_parser_map: Any = self._parsers
        self.choices: Any = self._parsers

    def add_parser(self, name: str, *, help: str, **given: Any) -> None:  # type: ignore[override]  # noqa: A002
        """List a command."""
        self._choices_actions.append(self._ChoicesPseudoAction(name, (), help))
        self._parsers.add(name, {**given, "prog": f"{self._prog_prefix} {name}"})

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        given = {name: value for name, value in vars(namespace).items() if value not in (None, [], False)}
        command = self.choices.get(values[0])
        if command is not None:
            command.configure()
            command.set_defaults(**given)
        super().__call__(parser, namespace, values, option)
        unknown = getattr(namespace, "_unrecognized_args", None)
        if command is not None and unknown:
            command.suggest(unknown[0])


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:
        raise HelpShown(f"reconciler {__version__}\n")


def parse(argv: list[str]) -> argparse.Namespace:
    """Return the options of a command line; raises `UsageError` or `HelpShown`."""
    parser = make_parser()
    options = parser.parse_args(argv)
    if getattr(options, "command", None) is None:
        raise UsageError(parser.format_help())
    return options


def make_parser(commands_action: Any = _Commands) -> Parser:
    """Return the parser of the whole command line; completion gives argparse's own action for the commands."""
    parser = Parser(
        prog="reconciler",
        description="Plan and apply Chainguard Custom Assembly from one manifest.",
        epilog="First steps without a token: reconciler init --api emulator, then reconciler plan --api emulator",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    everywhere = parser.add_argument_group("options of most commands, before or after the command")
    flags.add_connection(everywhere)
    flags.add_journal(everywhere)
    flags.add_output(everywhere)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser, action=commands_action)
    for name, summary in COMMANDS.items():
        description = summary[0].upper() + summary[1:] + "."
        commands.add_parser(name, help=summary, description=description, allow_abbrev=False, command=name)
    return parser


def command_module(name: str) -> Any:
    """Import the module of a command, which has `configure(parser)` and `execute(options, ctx)`.

    The module of `import` has an underscore, as that word is a keyword.
    """
    return importlib.import_module(f"reconciler.cli.commands.{name}{'_' * keyword.iskeyword(name)}")
