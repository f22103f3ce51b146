"""The options of every command, as argparse declares them. Imported for `--help`, so it imports next to nothing."""

from __future__ import annotations

import argparse

from reconciler import __version__
from reconciler.cli import shared_arguments
from reconciler.cli.argument_types import path, port
from reconciler.cli.build_arguments import add_builds, add_logs
from reconciler.cli.manifest_arguments import add_fmt, add_import
from reconciler.cli.plan_arguments import add_file, add_planning, add_sources
from reconciler.cli.run_arguments import add_carrying_out, add_limits, add_revert, add_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from typing import Any, Literal, NoReturn, TypeAlias

    from reconciler.api.defaults import ApiVersion

    # argparse gives the type no public name.
    _Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001

FORMATS = ("text", "json")
PLAN_FORMATS = (*FORMATS, "markdown", "html")
_SHOW_PLANS = frozenset({"plan", "show"})


class Options(argparse.Namespace):
    """What a command line asks for; each command reads its own attributes."""

    command: str
    subcommand: str
    api: str | None
    api_version: ApiVersion
    org: str | None
    format: list[str]
    color: str
    verbose: bool
    debug: bool
    parallelism: int
    max_rps: float | None
    path: Path
    manifest: Path
    detailed_exitcode: bool
    show_unchanged: bool
    yes: bool
    wait: bool
    wait_timeout: float
    repo_timeout: float | None
    on_error: Literal["continue", "stop"]
    batch: str | None
    max_failed: int | None
    run: str | None
    repositories: list[str]
    build: str | None
    since: float | datetime
    result: list[str]
    limit: int | None
    follow: bool
    tag: str | None
    tail: int | None
    host: str
    port: int
    faults: Path | None
    state: Path | None
    repo: list[str]
    exclude: list[str]
    prune: bool
    max_removal: float | None
    check_packages: bool
    resolve: bool
    base: Path | None
    against: Path | None
    output: Path | None
    folder: Path
    split: Literal["repository", "folder"] | None
    check: bool


class UsageError(Exception):
    """The command line itself is wrong; the text is argparse's usage and message."""


class HelpShown(Exception):  # noqa: N818 - it reads as what happened
    """Help or the version was asked for; the text is it."""


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:
        raise HelpShown(f"reconciler {__version__}\n")


class _Parser(argparse.ArgumentParser):
    """A parser that neither prints nor exits. What `fill` adds to it is added when it is used: one of many is."""

    fill: Callable[[_Parser], None] | None = None

    def parse_known_args(self, *args: Any, **named: Any) -> Any:
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)
        return super().parse_known_args(*args, **named)

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


def formats(command: str) -> tuple[str, ...]:
    """What a command can be asked for with `--format`: pages are made of plans alone."""
    return PLAN_FORMATS if command in _SHOW_PLANS else FORMATS


def _parser() -> _Parser:
    parser = _Parser(
        prog="reconciler",
        description="Plan and apply Chainguard Custom Assembly from one manifest.",
        epilog="Try it without a token: reconciler plan --api emulator",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, does, fill in _COMMANDS:
        _add(commands, name, does, fill)
    return parser


def _add(commands: _Commands, name: str, does: str, fill: Callable[[_Parser], None]) -> None:
    told = does[0].upper() + does[1:] + "."
    commands.add_parser(name, help=does, description=told, allow_abbrev=False).fill = fill


def _validate(command: _Parser) -> None:
    shared_arguments.path(command)
    shared_arguments.org(command)
    shared_arguments.output(command)


def _explain(command: _Parser) -> None:
    command.add_argument("repositories", nargs=1, metavar="REPO", help="the repository")
    shared_arguments.path(command)
    shared_arguments.connection(command)
    shared_arguments.output(command)


def _plan(command: _Parser) -> None:
    shared_arguments.path(command)
    shared_arguments.connection(command)
    shared_arguments.output(command)
    add_planning(command)
    add_sources(command)
    command.add_argument("--detailed-exitcode", action="store_true", help="exit 2 when there are changes")
    shared_arguments.show_unchanged(command)


def _apply(command: _Parser) -> None:
    shared_arguments.path(command, "a manifest file or a folder of them, or a saved plan (default: manifests/)")
    shared_arguments.connection(command)
    shared_arguments.output(command)
    add_planning(command)
    shared_arguments.show_unchanged(command)
    add_carrying_out(command)


def _wait(command: _Parser) -> None:
    add_run(command, "the run's id or the beginning of it (default: the newest run)", optional=True)
    add_limits(command)
    shared_arguments.connection(command)
    shared_arguments.output(command)


def _revert(command: _Parser) -> None:
    add_run(command, "the run's id or the beginning of it, as `reconciler history` shows it")
    add_revert(command)
    add_carrying_out(command)
    shared_arguments.connection(command)
    shared_arguments.output(command)


def _history(command: _Parser) -> None:
    add_run(command, "the run's id or the beginning of it, to show that run in detail", optional=True)
    shared_arguments.output(command)


def _show(command: _Parser) -> None:
    command.add_argument("path", type=path, metavar="FILE", help="the saved plan")
    shared_arguments.output(command)
    shared_arguments.show_unchanged(command)


def _snapshot(command: _Parser) -> None:
    add_file(command, "the file to write", required=True)
    shared_arguments.manifest(command)
    shared_arguments.connection(command)
    shared_arguments.common(command)


def _repos(command: _Parser) -> None:
    command.add_argument("repositories", nargs="*", metavar="GLOB", help="only repositories whose name matches")
    shared_arguments.manifest(command)
    shared_arguments.connection(command)
    shared_arguments.output(command)


def _builds(command: _Parser) -> None:
    add_builds(command)
    shared_arguments.connection(command)
    shared_arguments.output(command)


def _logs(command: _Parser) -> None:
    add_logs(command)
    shared_arguments.connection(command)
    shared_arguments.common(command)


def _doctor(command: _Parser) -> None:
    shared_arguments.manifest(command)
    shared_arguments.connection(command)
    shared_arguments.output(command)


def _import(command: _Parser) -> None:
    add_import(command)
    shared_arguments.connection(command)
    shared_arguments.common(command)


def _fmt(command: _Parser) -> None:
    shared_arguments.path(command)
    add_fmt(command)
    shared_arguments.common(command)


def _schema(command: _Parser) -> None:
    shared_arguments.common(command)


def _emulator(command: _Parser) -> None:
    actions = command.add_subparsers(dest="subcommand", metavar="ACTION", parser_class=_Parser, required=True)
    _add(actions, "serve", "serve it on a loopback port until interrupted", _serve)
    _add(actions, "reset", "empty its state, so that it starts from the beginning", _reset)


def _serve(serve: _Parser) -> None:
    serve.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=port, default=8080, help="port; 0 takes any free one (default: 8080)")
    serve.add_argument("--faults", type=path, metavar="FILE", help="JSON file of faults to play")
    _reset(serve)


def _reset(action: _Parser) -> None:
    action.add_argument(
        "--state", type=path, metavar="FILE", help="where its state is kept (default: .reconciler/emulator.db)"
    )
    shared_arguments.common(action)


_COMMANDS = (
    ("validate", "read the manifest alone and report every problem; no network", _validate),
    ("explain", "print what the manifest asks of one repository, and where it says so", _explain),
    ("plan", "compare the manifest with the live state; changes nothing", _plan),
    ("apply", "plan, ask, write, and follow the builds to their end", _apply),
    ("wait", "follow the builds of a recorded run to their end, and report as apply does", _wait),
    ("revert", "go back to what stood before a run, where nothing has changed since", _revert),
    ("history", "list the recorded runs of this folder, or show one of them", _history),
    ("show", "print a saved plan again; no network", _show),
    ("snapshot", "write the live state that planning needs, for `plan --against FILE`", _snapshot),
    ("repos", "list the organisation's repositories", _repos),
    ("builds", "list recent builds, the newest failure first", _builds),
    ("logs", "print the log of one build, by default of the newest failure", _logs),
    ("doctor", "check the API, the token and what it may do, before an apply finds out", _doctor),
    ("import", "write the live state as manifests, or take it into those that are there", _import),
    ("fmt", "lay manifest files out in the canonical way; prints the files that change", _fmt),
    ("schema", "print the JSON Schema of the manifest, for editors", _schema),
    ("emulator", "the built-in emulator of the API", _emulator),
)
