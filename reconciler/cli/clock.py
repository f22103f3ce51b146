"""The real clock."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reconciler.engine.ports import Stop


class SystemClock:
    """Time as the operating system tells it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that nobody sets."""
        return time.monotonic()

    def wait(self, seconds: float, stop: Stop) -> None:
        """Return after `seconds`, or as soon as `stop` is set."""
        stop.wait(seconds)
