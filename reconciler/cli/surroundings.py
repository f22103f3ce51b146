"""What a command line runs in: streams, environment, clock, stop flag. Tests give their own; nothing is global.

Plain classes, and imports only where they are needed: every start of the program pays for this module.
"""

import os
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from reconciler.emulator import Settings
    from reconciler.engine.ports import Clock


class Surroundings:
    """The world as one run of the program sees it."""

    def __init__(
        self,
        *,
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        environ: Mapping[str, str],
        clock: "Clock",
        emulator_settings: "Settings | None" = None,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.environ = environ
        self.clock = clock
        self.emulator_settings = emulator_settings
        self.stop = threading.Event()

    @property
    def can_ask(self) -> bool:
        """Whether a person can read a question and answer it."""
        return self.stdin.isatty() and self.stderr.isatty()


def of_process() -> Surroundings:
    """The surroundings of this process."""
    from reconciler.cli.clock import SystemClock

    return Surroundings(
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        environ=os.environ,
        clock=SystemClock(),
    )
