"""The command line: parse, wire up, call, render, exit code. Decisions are made in other rooms.

This module and `arguments` are imported by every start of the program, so they import almost nothing; a command's own
module is imported when it runs.
"""

from __future__ import annotations

import gc
import os
import sys

from reconciler import __version__

TYPE_CHECKING = False  # what a type checker takes for true; importing it takes a third of `--version`
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn, TextIO

    from reconciler.cli.surroundings import Surroundings


def run() -> NoReturn:
    """The program: ends the process with the exit code of `main`."""
    collect_seldom()
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105 - what that would import takes longer than all of `--version`
            stream.flush()
        except (OSError, ValueError):
            pass  # its reader is gone, which changes nothing about what was done
    # Nothing is open any more, and to take every value apart would take a tenth of a plan.
    os._exit(code)  # the one place that ends the process


def collect_seldom() -> None:
    """Look for cycles less often: overlays hold none, and at every 700 new objects it takes a tenth of a large plan."""
    gc.set_threshold(50_000, 20, 100)


def main(argv: Sequence[str] | None = None, world: Surroundings | None = None) -> int:
    """Run one command line; the exit code. `world` is that of this process when it is not given."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments == ["--version"]:
        return _version(world.stdout if world else sys.stdout)
    from reconciler.cli.dispatch import dispatch
    from reconciler.cli.surroundings import of_process

    return dispatch(arguments, world or of_process())


def _version(stdout: TextIO) -> int:
    """Answered before anything is imported: scripts ask for it on every run."""
    try:
        stdout.write(f"reconciler {__version__}\n")
        stdout.flush()
    except OSError:
        return 1  # there is no room, or nobody reads it
    return 0
