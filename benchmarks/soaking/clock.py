"""Time for several threads that moves only when all of them wait. Nothing here sleeps for what the program waits."""

import threading

from reconciler.engine.ports import Stop

_LOOK_AGAIN = 0.01  # a thread that ends tells nobody
_PATIENCE = 0.3  # a worker may also stand still for a reason that this clock does not see


class SharedClock:
    """A clock of the engine: the first to be woken moves the time, as soon as no worker thread has anything to do."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._time = start
        self._changed = threading.Condition()
        self._due: dict[int, float] = {}

    def now(self) -> float:
        with self._changed:
            return self._time

    def monotonic(self) -> float:
        return self.now()

    def wait(self, seconds: float, stop: Stop) -> None:
        me = threading.get_ident()
        with self._changed:
            due = self._time + seconds
            self._due[me] = due
            stood = 0.0
            while self._time < due and not stop.is_set():
                if self._all_wait() or stood > _PATIENCE:
                    self._time = max(self._time, min(self._due.values()))
                    self._changed.notify_all()
                    stood = 0.0
                    continue
                before = self._time
                self._changed.wait(_LOOK_AGAIN)
                stood = stood + _LOOK_AGAIN if self._time == before else 0.0
            del self._due[me]

    def _all_wait(self) -> bool:
        """Whether every worker of the engine waits, and for a moment that is still to come."""
        if any(due <= self._time for due in self._due.values()):
            return False  # it has been woken and has not run yet
        workers = (thread for thread in threading.enumerate() if thread.name.startswith("worker-"))
        return all(thread.ident in self._due for thread in workers)
