"""The built-in emulator with its state in the working folder, for `--api emulator` and the `emulator` commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.cli.errors import CommandFailed
from reconciler.cli.surroundings import Surroundings
from reconciler.diagnostics import Diagnostic
from reconciler.emulator import Emulator, StateError
from reconciler.journal import store

STATE = Path(".reconciler") / "emulator.db"


@contextmanager
def in_process(world: Surroundings, state: Path = STATE) -> Iterator[Emulator]:
    """The emulator over its state file, made where it is missing; raises `CommandFailed` when that cannot be."""
    try:
        prepare_folder(state)
        emulator = Emulator(state, clock=world.clock.now, settings=world.emulator_settings)
    except StateError as error:
        raise unusable(state, str(error)) from None
    except OSError as error:
        raise unusable(state, error.strerror or type(error).__name__) from None
    with emulator:
        yield emulator


def prepare_folder(state: Path) -> None:
    """Make the folder of the state file, with a note to Git to leave it alone."""
    if state.parent.name == STATE.parent.name:
        store.prepare_folder(state.parent)
    else:
        state.parent.mkdir(parents=True, exist_ok=True)


def unusable(state: Path, problem: str) -> CommandFailed:
    """The failure for a state file that cannot be used."""
    return CommandFailed(
        Diagnostic(
            code="emulator-state",
            summary=f"the emulator's state {state} cannot be used: {problem}",
            hint="remove the file to start from the beginning, or run in a folder that can be written to",
        )
    )
