"""Time as the client needs it: a clock, a way to wait, and whether to go on waiting at all. Nothing here decides."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """`now` gives seconds since the epoch; `sleep` may return early once `stopped` says that the run is interrupted."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = _wait
    stopped: Callable[[], bool] = lambda: False


def chance() -> float:
    """A number from 0 to 1 that nobody foresees."""
    from random import random  # only who has to try again needs it

    return random()  # noqa: S311 - it spreads pauses, and hides nothing
