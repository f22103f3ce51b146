"""The whole program in-process: a command line in, exit code and streams out, on a clock that only waiting moves."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.cli import main
from reconciler.cli.client import STATE
from reconciler.cli.context import Context, Finished
from reconciler.emulator import Emulator, EmulatorSettings, Fault
from tests.support.clock import FakeClock


class Stream(io.StringIO):
    """A text stream that says whether it is a terminal."""

    encoding = "utf-8"

    def __init__(self, text: str = "", *, terminal: bool = False) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@dataclass(frozen=True, slots=True)
class Result:
    """What one command line came to."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Program:
    """Runs one command line after another in the current folder, against the built-in emulator by default."""

    clock: FakeClock = field(default_factory=FakeClock)
    settings: EmulatorSettings = field(default_factory=EmulatorSettings)
    environ: dict[str, str] = field(default_factory=lambda: {"RECONCILER_API": "emulator"})
    home: Path | None = None
    processes: Callable[..., Finished] | None = None

    def run(self, *argv: str, answer: str | None = None) -> Result:
        """Run one command line; `answer` is typed on a terminal, without it there is none."""
        world = self.world(answer)
        code = main(list(argv), world)
        return Result(code, world.stdout.getvalue(), world.stderr.getvalue())  # type: ignore[attr-defined]

    def world(self, answer: str | None = None) -> Context:
        """Context of the next command line."""
        terminal = answer is not None
        return Context(
            stdin=Stream(answer or "", terminal=terminal),
            stdout=Stream(),
            stderr=Stream(terminal=terminal),
            environ=self.environ,
            clock=self.clock,
            emulator_settings=self.settings,
            home=lambda: self.home,
            run=self.processes,
        )

    def emulator(self) -> Emulator:
        """The emulator over the state that the commands share, to look at it or to change it behind their back."""
        STATE.parent.mkdir(exist_ok=True)
        return Emulator(STATE, clock=self.clock.now, settings=self.settings)

    def play(self, *faults: Fault) -> None:
        """Script what goes wrong in the next commands."""
        with self.emulator() as emulator:
            for fault in faults:
                emulator.faults.add(fault)


def write_manifest(text: str, name: str = "manifests/web.yaml") -> Path:
    """Write a manifest in the current folder."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def without_run(text: str) -> str:
    """Output with RUN in place of the id of a run, part of which is drawn at random."""
    return re.sub(r"\b\d{8}-\d{6}-[0-9a-f]{4}\b", "RUN", text)
