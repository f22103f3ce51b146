"""From the words of a command line to the command's module, and from whatever goes wrong to an exit code."""

from __future__ import annotations

import contextlib
import errno
import importlib
import keyword
import os

from reconciler.cli.arguments import HelpShown, Options, UsageError, parse
from reconciler.cli.exit_codes import ExitCode

# What a stream or a file says that takes no more; a reader that has left says something else.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# A reader that leaves before these have written anything stops them as Ctrl-C does.
_WRITING = ("apply", "revert", "wait")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from reconciler.cli.surroundings import Surroundings

    class _Command(Protocol):
        """What a module in `commands` offers."""

        def execute(self, options: Options, world: Surroundings) -> int:
            """Carry the command out; the exit code."""
            ...


def dispatch(argv: list[str], world: Surroundings) -> int:
    """Parse and run one command line; the exit code. No exception leaves here."""
    try:
        options = parse(argv)
    except HelpShown as shown:
        world.stdout.write(str(shown))
        return ExitCode.DONE
    except UsageError as error:
        world.stderr.write(str(error))
        return ExitCode.USAGE
    return _run(options, world)


def _module(command: str) -> str:
    """The name of a command's module: `import` cannot be one."""
    return f"{command}_" if keyword.iskeyword(command) else command


def _run(options: Options, world: Surroundings) -> int:
    try:
        command: _Command = importlib.import_module(f"reconciler.cli.commands.{_module(options.command)}")
        code = command.execute(options, world)
        _flush(world)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            world.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _silence(world)
        return ExitCode.INTERRUPTED if options.command in _WRITING else ExitCode.ERROR
    except Exception as error:  # noqa: BLE001 - no traceback ever reaches a user
        return _failed(error, options, world)
    return code


def _failed(error: Exception, options: Options, world: Surroundings) -> int:
    from reconciler.api.errors import ApiError, TokenRejected
    from reconciler.cli.errors import CommandFailed
    from reconciler.cli.output import print_problems
    from reconciler.diagnostics import Diagnostic

    match error:
        case CommandFailed():
            print_problems(error.problems, options, world)
            return error.code
        case ApiError():
            print_problems((error.diagnostic,), options, world)
            return ExitCode.TOKEN if isinstance(error, TokenRejected) else ExitCode.ERROR
        case OSError() if error.errno in _NO_ROOM:
            problem = Diagnostic(
                code="output-not-written",
                summary=f"the output could not be written whole: {error.strerror}",
                hint="make room there, or send it elsewhere",
            )
            print_problems((problem,), options, world)
            return ExitCode.ERROR
        case _:
            if options.debug:
                import traceback

                world.stderr.write("".join(traceback.format_exception(error)))
            problem = Diagnostic(
                code="internal-error",
                summary=f"this is a defect in reconciler: {type(error).__name__}: {error}",
                hint="run again with --debug and report what it prints",
            )
            print_problems((problem,), options, world)
            return ExitCode.ERROR


def _flush(world: Surroundings) -> None:
    """Write out what is left; a reader that is gone by now changes nothing about what was done."""
    try:
        world.stdout.flush()
    except OSError as error:
        _silence(world)
        if error.errno in _NO_ROOM:
            raise


def _silence(world: Surroundings) -> None:
    """Point standard output away after its reader left, so that the interpreter's last flush stays quiet."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), world.stdout.fileno())
    except (OSError, ValueError):
        return
