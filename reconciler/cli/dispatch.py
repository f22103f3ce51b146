"""Run one command, and turn whatever goes wrong into a message and an exit code."""

import errno
import os
import traceback
from contextlib import suppress

from reconciler.api.errors import ApiError, TokenRejected
from reconciler.cli import settings
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.output import print_problems
from reconciler.cli.parser import HelpShown, Options, UsageError, command_module
from reconciler.diagnostics import Diagnostic

# Output that was closed from the start, or a disk that takes no more; a reader that has left is a broken pipe.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF)
# A reader that leaves before these have written anything stops them as Ctrl-C does.
_WRITING = ("apply", "revert", "wait")


def run_command(options: Options, ctx: Context) -> int:
    """Run one command and return its exit code. No exception leaves here but those of `help`."""
    try:
        ctx.settings = settings.resolve(options, ctx)
        code = command_module(options.command).execute(options, ctx)
        _flush(ctx)
    except KeyboardInterrupt:
        with suppress(OSError):
            ctx.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except (HelpShown, UsageError):
        raise  # of the command `help`
    except BrokenPipeError:
        _silence(ctx)
        return ExitCode.INTERRUPTED if options.command in _WRITING else ExitCode.ERROR
    except Exception as error:  # noqa: BLE001 - no traceback ever reaches a user
        return _failed(error, options, ctx)
    return code


def _failed(error: Exception, options: Options, ctx: Context) -> int:
    match error:
        case CommandFailed():
            print_problems(error.problems, options, ctx)
            return error.exit_code
        case ApiError():
            print_problems((error.diagnostic,), options, ctx)
            return ExitCode.TOKEN if isinstance(error, TokenRejected) else ExitCode.ERROR
        case OSError() if error.errno in _NO_ROOM:
            problem = Diagnostic(
                code="output-not-written",
                summary=f"the output could not be written whole: {error.strerror}",
                hint="make room there, or send it elsewhere",
            )
            print_problems((problem,), options, ctx)
            return ExitCode.ERROR
        case _:
            if options.debug:
                ctx.stderr.write("".join(traceback.format_exception(error)))
            problem = Diagnostic(
                code="internal-error",
                summary=f"this is a defect in reconciler: {type(error).__name__}: {error}",
                hint="run again with --debug and report what it prints",
            )
            print_problems((problem,), options, ctx)
            return ExitCode.ERROR


def _flush(ctx: Context) -> None:
    """Write out what is left; a reader that is gone by now changes nothing about what was done."""
    try:
        ctx.stdout.flush()
    except OSError as error:
        _silence(ctx)
        if error.errno in _NO_ROOM:
            raise


def _silence(ctx: Context) -> None:
    """Point standard output away after its reader left, so that the interpreter's last flush stays quiet."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), ctx.stdout.fileno())
    except (OSError, ValueError):
        return
