"""Run one command, and turn whatever goes wrong into a message and an exit code."""

import argparse
import os
import traceback
from collections.abc import Sequence
from contextlib import suppress

from reconciler.api.errors import ApiError, TokenRejected
from reconciler.cli import output, settings
from reconciler.cli.context import Context, process_context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.output import print_problems
from reconciler.cli.parser import HelpShown, UsageError, command_module
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.views.diagnostics import early_end

# A reader that leaves before these have written anything stops them as Ctrl-C does; each ends with a verdict.
_WRITING = ("apply", "revert", "resume", "wait")


def run_command(parsed: argparse.Namespace, ctx: Context | None = None) -> int:
    """Run one command and return its exit code; `ctx` defaults to that of this process.

    No exception leaves here but those of `help`.
    """
    options, ctx = Options(**vars(parsed)), ctx or process_context()
    try:
        ctx.settings = settings.resolve(options, ctx)
        code: int = command_module(options.command).execute(options, ctx)
        output.annotate(options, ctx)
        _flush(ctx)
        if ctx.stop.is_set() and options.command not in _WRITING:
            # The interpreter ignores exceptions in callbacks, and with them the interruption.
            return _interrupted(options, ctx)
    except KeyboardInterrupt:
        return _interrupted(options, ctx)
    except (HelpShown, UsageError):
        raise  # of the command `help`
    except BrokenPipeError:
        _silence(ctx)
        return ExitCode.INTERRUPTED if options.command in _WRITING else ExitCode.ERROR
    except Exception as error:  # noqa: BLE001 - no traceback ever reaches a user
        return _failed(error, options, ctx)
    return code


def _interrupted(options: Options, ctx: Context) -> ExitCode:
    if options.command in _WRITING:
        ending = early_end(options.command, interrupted=True, errors=0, run=ctx.run_id, left=ctx.left)
        output.conclude(ending, ctx)
    else:
        with suppress(OSError):
            ctx.stderr.write("Interrupted.\n")
    return ExitCode.INTERRUPTED


def _failed(error: Exception, options: Options, ctx: Context) -> int:
    """Print what went wrong, and for a command that writes the verdict; return the exit code."""
    problems, code = _problems(error, options, ctx)
    print_problems(problems, options, ctx)
    with suppress(OSError, CommandFailed):  # one of them may be what went wrong
        output.annotate(options, ctx)
    if options.command in _WRITING:
        errors = sum(one.severity is Severity.ERROR for one in problems)
        ending = early_end(options.command, interrupted=False, errors=errors, run=ctx.run_id)
        output.conclude(ending, ctx)
    return code


def _problems(error: Exception, options: Options, ctx: Context) -> tuple[Sequence[Diagnostic], ExitCode]:
    match error:
        case CommandFailed():
            return error.problems, error.exit_code
        case ApiError():
            return (error.diagnostic,), ExitCode.TOKEN if isinstance(error, TokenRejected) else ExitCode.ERROR
        case OSError() if error.errno in output.NO_ROOM:
            problem = Diagnostic(
                code="output-not-written",
                summary=f"could not write all of the output: {error.strerror}",
                hint="free some space, or redirect the output to another file",
            )
            return (problem,), ExitCode.ERROR
        case _:
            if options.debug:
                ctx.stderr.write("".join(traceback.format_exception(error)))
            problem = Diagnostic(
                code="internal-error",
                summary=f"internal error in reconciler: {type(error).__name__}: {error}",
                hint="run again with --debug and report the traceback",
            )
            return (problem,), ExitCode.ERROR


def _flush(ctx: Context) -> None:
    """Write out what is left; a reader that is gone by now changes nothing about what was done."""
    try:
        ctx.stdout.flush()
    except OSError as error:
        _silence(ctx)
        if error.errno in output.NO_ROOM:
            raise


def _silence(ctx: Context) -> None:
    """Point standard output away after its reader left, so that the interpreter's last flush stays quiet."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), ctx.stdout.fileno())
    except (OSError, ValueError):
        return
