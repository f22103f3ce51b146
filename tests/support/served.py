"""The emulator on a port of this machine, on the clock of the program that is tested."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.emulator import Emulator, EmulatorSettings
from reconciler.emulator.server import Server
from tests.support.clock import FakeClock


@contextmanager
def served(clock: FakeClock, settings: EmulatorSettings, state: Path | None = None) -> Iterator[tuple[str, Emulator]]:
    """Its URL, and the emulator to look at or to change; without a state file it begins with the seeded world."""
    with Emulator(state, clock=clock.now, settings=settings) as emulator:
        server = Server(emulator, "127.0.0.1", 0)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.port}", emulator
        finally:
            server.stop()
            thread.join()
