"""The options of every command, as argparse declares them. Imported for `--help`, so it imports next to nothing."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from reconciler import __version__
from reconciler.api.defaults import API_URL

if TYPE_CHECKING:
    # argparse gives the type no public name.
    _Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001

DEFAULT_MANIFEST = Path("manifests")
FORMATS = ("text", "json")

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


class Options(argparse.Namespace):
    """What a command line asks for; each command reads its own attributes."""

    command: str
    subcommand: str
    api: str | None
    org: str | None
    format: list[str]
    color: str
    verbose: bool
    debug: bool
    parallelism: int
    path: Path
    manifest: Path
    detailed_exitcode: bool
    show_unchanged: bool
    yes: bool
    wait: bool
    wait_timeout: float
    repositories: list[str]
    build: str | None
    since: float
    host: str
    port: int
    faults: Path | None
    state: Path | None


class UsageError(Exception):
    """The command line itself is wrong; the text is argparse's usage and message."""


class HelpShown(Exception):  # noqa: N818 - it reads as what happened
    """Help or the version was asked for; the text is it."""


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:
        raise HelpShown(f"reconciler {__version__}\n")


class _Parser(argparse.ArgumentParser):
    """A parser that neither prints nor exits."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.format_usage()}{self.prog}: error: {message}\n")

    def print_help(self, file: object = None) -> NoReturn:  # noqa: ARG002 - argparse's signature
        raise HelpShown(self.format_help())


def parse(argv: list[str]) -> Options:
    """The options of a command line; raises `UsageError` or `HelpShown`."""
    parser = _parser()
    options = parser.parse_args(argv, namespace=Options())
    if getattr(options, "command", None) is None:
        raise UsageError(parser.format_help())
    return options


def duration(text: str) -> float:
    """Seconds from `90`, `90s`, `5m`, `1h30m`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise argparse.ArgumentTypeError(f'"{text}" is no duration; write it like 90s, 20m or 1h30m')
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 1 upwards')
    return int(text)


def _port(text: str) -> int:
    highest = 65535
    if not text.isascii() or not text.isdigit() or int(text) > highest:
        raise argparse.ArgumentTypeError(f'"{text}" is not a port (0 to {highest}; 0 takes any free one)')
    return int(text)


def _parser() -> _Parser:
    parser = _Parser(
        prog="reconciler",
        description="Plan and apply Chainguard Custom Assembly from one manifest.",
        epilog="Try it without a token: reconciler plan --api emulator",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_validate(commands)
    _add_plan(commands)
    _add_apply(commands)
    _add_repos(commands)
    _add_builds(commands)
    _add_logs(commands)
    _add_emulator(commands)
    return parser


def _command(commands: "_Commands", name: str, does: str) -> _Parser:
    return commands.add_parser(name, help=does, description=does[0].upper() + does[1:] + ".", allow_abbrev=False)


def _add_validate(commands: "_Commands") -> None:
    command = _command(commands, "validate", "read the manifest alone and report every problem; no network")
    _path(command)
    _org(command)
    _output(command)


def _add_plan(commands: "_Commands") -> None:
    command = _command(commands, "plan", "compare the manifest with the live state; changes nothing")
    _path(command)
    _connection(command)
    _output(command)
    command.add_argument("--detailed-exitcode", action="store_true", help="exit 2 when there are changes")
    _show_unchanged(command)


def _add_apply(commands: "_Commands") -> None:
    command = _command(commands, "apply", "plan, ask, write, and follow the builds to their end")
    _path(command)
    _connection(command)
    _output(command)
    _show_unchanged(command)
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--no-wait", dest="wait", action="store_false", help="do not follow the builds")
    command.add_argument(
        "--wait-timeout",
        type=duration,
        default=3600.0,
        metavar="TIME",
        help="how long to follow the builds, such as 90s or 20m (default: 60m)",
    )
    command.add_argument(
        "--parallelism", type=_positive, default=10, metavar="N", help="how many writes at a time (default: 10)"
    )


def _add_repos(commands: "_Commands") -> None:
    command = _command(commands, "repos", "list the organisation's repositories")
    command.add_argument("repositories", nargs="*", metavar="GLOB", help="only repositories whose name matches")
    _manifest(command)
    _connection(command)
    _output(command)


def _add_builds(commands: "_Commands") -> None:
    command = _command(commands, "builds", "list recent builds, the newest first")
    command.add_argument("repositories", nargs="*", metavar="REPO", help="only builds of these (names or globs)")
    _manifest(command)
    _since(command)
    _connection(command)
    _output(command)


def _add_logs(commands: "_Commands") -> None:
    command = _command(commands, "logs", "print the log of one build, by default of the newest failure")
    command.add_argument("repositories", nargs=1, metavar="REPO", help="the repository")
    command.add_argument("--build", metavar="ID", help="the build report's id, as `reconciler builds` shows it")
    _manifest(command)
    _since(command)
    _connection(command)
    _common(command)


def _add_emulator(commands: "_Commands") -> None:
    command = _command(commands, "emulator", "the built-in emulator of the API")
    actions = command.add_subparsers(dest="subcommand", metavar="ACTION", parser_class=_Parser, required=True)
    serve = _command(actions, "serve", "serve it on a loopback port until interrupted")
    serve.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=8080, help="port; 0 takes any free one (default: 8080)")
    serve.add_argument("--faults", type=Path, metavar="FILE", help="JSON file of faults to play")
    reset = _command(actions, "reset", "empty its state, so that it starts from the beginning")
    for action in (serve, reset):
        action.add_argument(
            "--state", type=Path, metavar="FILE", help="where its state is kept (default: .reconciler/emulator.db)"
        )
        _common(action)


def _path(command: _Parser) -> None:
    command.add_argument(
        "path",
        nargs="?",
        type=Path,
        default=DEFAULT_MANIFEST,
        metavar="PATH",
        help="a manifest file or a folder of them (default: manifests/)",
    )


def _manifest(command: _Parser) -> None:
    command.add_argument(
        "--manifest",
        type=Path,
        default=DEFAULT_MANIFEST,
        metavar="PATH",
        help="the manifest that names the organisation (default: manifests/)",
    )


def _since(command: _Parser) -> None:
    command.add_argument(
        "--since", type=duration, default=86400.0, metavar="TIME", help="how far to look back (default: 24h)"
    )


def _org(command: _Parser) -> None:
    command.add_argument("--org", metavar="NAME", help="organisation or folder: name, path or UIDP")


def _connection(command: _Parser) -> None:
    command.add_argument(
        "--api",
        metavar="URL",
        help=f"the API's address, or `emulator` (environment: RECONCILER_API; default: {API_URL})",
    )
    _org(command)


def _output(command: _Parser) -> None:
    command.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="FORMAT[=FILE]",
        help="text or json; with =FILE into a file; repeatable (default: text)",
    )
    _common(command)


def _show_unchanged(command: _Parser) -> None:
    command.add_argument("--show-unchanged", action="store_true", help="list unchanged repositories as well")


def _common(command: _Parser) -> None:
    command.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")
    command.add_argument("-v", "--verbose", action="store_true", help="say more")
    command.add_argument("--debug", action="store_true", help="tell how many requests were sent, and where defects are")
