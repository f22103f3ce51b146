"""The command line: parse, wire up, call, render, exit code. Decisions are made in the layers below."""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn, TextIO

from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.parser import HelpShown, UsageError, parse


def run() -> NoReturn:
    """Run the program; exit with the code of `main`."""
    # Until a command has its context, what ends the process ends it as Ctrl-C does.
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    # The program has no plugins for pydantic, which else looks for some in every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if "_ARGCOMPLETE" in os.environ:
        # A shell asks what can be completed; by name, as the commands are.
        importlib.import_module("reconciler.cli.commands.completion").complete()
    code = main()
    for stream in (sys.stdout, sys.stderr):
        # A reader that is gone, or a stream that was closed from the start, changes nothing about what was done.
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    sys.exit(code)  # noqa: TID251 - the one place that ends the process


def main(argv: Sequence[str] | None = None, ctx: Any = None) -> int:
    """Run one command line and return the exit code.

    `argv` defaults to the arguments of this process, the `Context` to its streams, environment and clock.
    """
    stdout, stderr = (sys.stdout, sys.stderr) if ctx is None else (ctx.stdout, ctx.stderr)
    try:
        options = parse(sys.argv[1:] if argv is None else list(argv))
        # By name, as the commands are: help and usage errors load nothing but the parser.
        code: int = importlib.import_module("reconciler.cli.dispatch").run_command(options, ctx)
    except HelpShown as shown:
        return _show(str(shown), stdout, stderr)
    except UsageError as error:
        _print(str(error), stderr)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        _print("Interrupted.\n", stderr)
        return ExitCode.INTERRUPTED
    return code


def _show(text: str, stdout: TextIO | None, stderr: TextIO | None) -> ExitCode:
    """Print a result; report if it cannot be written, but not if the reader has closed the pipe."""
    problem = None if stdout is not None else "standard output is closed"
    try:
        if stdout is not None:
            stdout.write(text)
            stdout.flush()
    except BrokenPipeError:
        return ExitCode.ERROR
    except OSError as error:
        problem = error.strerror
    if problem is None:
        return ExitCode.DONE
    _print(f"error: could not write all of the output: {problem} [output-not-written]\n", stderr)
    return ExitCode.ERROR


def _print(text: str, stream: TextIO | None) -> None:
    if stream is None:
        return
    with suppress(OSError):  # there is no room, or nobody reads it
        stream.write(text)
        stream.flush()
