"""One pace for all threads of a client: a cap on the rate of requests, and slowing down together after a 429.

Each request takes a slot on a common time line. A 429 moves the line: whoever holds a slot before the end of the pause
takes another one. Which failures slow the client down is not decided here.
"""

import threading
from collections import deque

from reconciler.api.timing import Timing

# A rate that nobody capped is taken from the requests of these seconds when it has to be halved.
_MEASURED_SECONDS = 10.0
_MOST_MEASURED = 200
_SLOWEST = 0.5
_DOUBLES_IN = 30.0
_FREE_ABOVE = 100.0


class Pace:
    """When the next request may be sent; `max_rps` is the most requests a second, None for no cap."""

    def __init__(self, timing: Timing, *, max_rps: float | None = None) -> None:
        self._timing = timing
        self._cap = max_rps
        self._lock = threading.Lock()
        self._sent: deque[float] = deque(maxlen=_MOST_MEASURED)
        self._free_at = 0.0
        self._resumes_at = 0.0
        self._slowed_at = 0.0
        self._slowed_to: float | None = None
        self._latest = 0.0

    def wait_turn(self) -> float:
        """Return when a request may be sent, or at once when the run is interrupted; the slot that it has."""
        while True:
            slot, wait = self._take_slot()
            if wait > 0:
                self._timing.sleep(wait)
            if self._keeps(slot) or self._timing.stopped():
                return slot

    def slow_down(self, slot: float, pause: float) -> None:
        """Nobody sends for `pause` seconds, and then at half the rate: the request of that slot was one too many.

        Requests that were under way together are refused together; the rate is halved once for all of them.
        """
        with self._lock:
            now = self._now()
            self._resumes_at = max(self._resumes_at, now + pause)
            self._free_at = max(self._free_at, self._resumes_at)
            if slot > self._slowed_at:
                self._slowed_to = max(_SLOWEST, (self._rate(now) or self._measured(now)) / 2)
                self._slowed_at = now

    def _take_slot(self) -> tuple[float, float]:
        with self._lock:
            now = self._now()
            slot = max(now, self._free_at)
            rate = self._rate(slot)
            self._free_at = self._resumes_at if rate is None else slot + 1 / rate
            return slot, slot - now

    def _keeps(self, slot: float) -> bool:
        """Whether no pause has overtaken the slot while its holder slept."""
        with self._lock:
            kept = slot >= self._resumes_at
            if kept:
                self._sent.append(slot)
            return kept

    def _rate(self, now: float) -> float | None:
        """Requests a second at a time: after a slowing down it doubles every half minute, up to the cap or freedom."""
        if self._slowed_to is None:
            return self._cap
        grown: float = 2.0 ** min(30.0, max(0.0, now - self._slowed_at) / _DOUBLES_IN)
        rate = self._slowed_to * grown
        if self._cap is not None:
            return min(self._cap, rate)
        return rate if rate < _FREE_ABOVE else None

    def _measured(self, now: float) -> float:
        recent = [at for at in self._sent if now - at <= _MEASURED_SECONDS]
        return len(recent) / max(1.0, now - recent[0]) if recent else _SLOWEST

    def _now(self) -> float:
        """The time; where the clock was set back, every moment that is kept moves with it."""
        now = self._timing.now()
        if now < self._latest:
            back = self._latest - now
            self._free_at -= back
            self._resumes_at -= back
            self._slowed_at -= back
        self._latest = now
        return now
