"""A clock that moves only when somebody waits on it."""

from collections.abc import Callable

from reconciler.engine.ports import Stop


class FakeClock:
    """Time that starts at a fixed moment; `wait` moves it and lets `on_wait` change the world in between."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.time = start
        self.waits: list[float] = []
        self.on_wait: Callable[[float], None] | None = None

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def wait(self, seconds: float, stop: Stop) -> None:
        if stop.is_set():
            return
        self.waits.append(seconds)
        self.time += seconds
        if self.on_wait is not None:
            self.on_wait(self.time)
