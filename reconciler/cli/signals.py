"""Ctrl-C and SIGTERM while something is being written: the first stops gently, the second aborts."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from reconciler.cli.surroundings import Surroundings

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(world: Surroundings) -> Iterator[None]:
    """Within, a first interruption sets `world.stop` and a second one raises `KeyboardInterrupt`."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only; a test may run commands in another one
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if world.stop.is_set():
            raise KeyboardInterrupt
        world.stop.set()
        world.stderr.write("\nstopping: what is under way is finished; interrupt again to abort\n")
        world.stderr.flush()

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
