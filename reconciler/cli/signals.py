"""Ctrl-C, SIGTERM and a closed terminal while something is being written: the first stops gently, the second aborts."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from reconciler.cli.surroundings import Surroundings

# A platform without terminals that hang up has no SIGHUP.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def end_as_interrupted() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, save those that whoever started it has set otherwise."""
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


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
        tell(world, "\nstopping: what is under way is finished; interrupt again to abort\n")

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS if not _unwanted(number)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _unwanted(number: int) -> bool:
    """Whether whoever started the program wants it to outlive its terminal, as `nohup` does."""
    return number not in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) is signal.SIG_IGN


def tell(world: Surroundings, text: str) -> None:
    """A line about an interruption, for whoever is still there to read it.

    After the terminal was closed a write to it fails, and a handler may have come in the middle of another write: both
    are no reason to leave work half done.
    """
    with suppress(OSError, RuntimeError, ValueError):
        world.stderr.write(text)
        world.stderr.flush()
