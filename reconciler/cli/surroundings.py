"""What a command line runs in: streams, environment, clock, stop flag. Tests give their own; nothing is global.

Plain classes, and imports only where they are needed: every start of the program pays for this module.
"""

from __future__ import annotations

import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import TextIO

    from reconciler.api.auth.sources import Run
    from reconciler.emulator import Settings
    from reconciler.engine.ports import Clock


class Surroundings:
    """The world as one run of the program sees it; without `run` it has no other programs, without `home` no user.

    `user` asks the system for the name of who runs the program, empty where it knows none.
    """

    def __init__(
        self,
        *,
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        environ: Mapping[str, str],
        clock: Clock,
        emulator_settings: Settings | None = None,
        home: Callable[[], Path | None] = lambda: None,
        run: Run | None = None,
        user: Callable[[], str] = str,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.environ = environ
        self.clock = clock
        self.emulator_settings = emulator_settings
        self.home = home
        self.run = run
        self.user = user
        self.stop = threading.Event()
        # Where lines go that come from any thread at any time; a display that is drawn in place takes its turn.
        self.notify: Callable[[str], None] = self._write_notice

    def _write_notice(self, text: str) -> None:
        self.stderr.write(text)
        self.stderr.flush()

    @property
    def can_ask(self) -> bool:
        """Whether a person can read a question and answer it."""
        return self.stdin.isatty() and self.stderr.isatty()


def of_process() -> Surroundings:
    """The surroundings of this process."""
    from reconciler.cli.clock import SystemClock
    from reconciler.cli.processes import home, run, user
    from reconciler.cli.signals import end_as_interrupted

    end_as_interrupted()
    return Surroundings(
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        environ=os.environ,
        clock=SystemClock(),
        home=home,
        run=run,
        user=user,
    )
