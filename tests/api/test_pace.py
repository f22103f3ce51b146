"""One pace for all threads: the cap, and slowing down together."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.api.retry import RateLimiter, Timing


class Clock:
    """A clock that only waiting moves, for one thread."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.stop = False

    def sleep(self, seconds: float) -> None:
        if not self.stop:
            self.time += seconds

    def timing(self) -> Timing:
        return Timing(monotonic=lambda: self.time, sleep=self.sleep, stopped=lambda: self.stop)


def turns(pace: RateLimiter, clock: Clock, number: int) -> list[float]:
    began = clock.time
    return [round(pace.wait_turn() - began, 3) for _ in range(number)]


def test_without_a_cap_nobody_waits() -> None:
    clock = Clock()
    assert turns(RateLimiter(clock.timing()), clock, 5) == [0.0] * 5


@pytest.mark.parametrize(("rps", "expected"), [(2.0, [0.0, 0.5, 1.0, 1.5]), (0.5, [0.0, 2.0, 4.0, 6.0])])
def test_a_cap_spaces_requests_evenly(rps: float, expected: list[float]) -> None:
    clock = Clock()
    assert turns(RateLimiter(clock.timing(), max_rps=rps), clock, 4) == expected


def test_time_that_passed_is_not_saved_up() -> None:
    clock = Clock()
    pace = RateLimiter(clock.timing(), max_rps=2.0)
    pace.wait_turn()
    clock.time += 100
    assert turns(pace, clock, 3) == [0.0, 0.5, 1.0]


def test_after_a_429_everybody_waits_and_continues_at_half_the_rate() -> None:
    clock = Clock()
    pace = RateLimiter(clock.timing(), max_rps=4.0)
    slot = pace.wait_turn()
    pace.slow_down(slot, 7.0)
    first, *others = turns(pace, clock, 4)
    assert first == 7.0
    gaps = [after - before for before, after in zip([first, *others], others, strict=False)]
    assert gaps[0] == pytest.approx(0.5, abs=0.1)
    assert gaps == sorted(gaps, reverse=True)


def test_the_rate_recovers_up_to_the_cap() -> None:
    clock = Clock()
    pace = RateLimiter(clock.timing(), max_rps=4.0)
    pace.slow_down(pace.wait_turn(), 0.5)
    clock.time += 31
    pace.wait_turn()
    assert turns(pace, clock, 3) == [0.25, 0.5, 0.75]


def test_requests_that_are_refused_together_halve_the_rate_once() -> None:
    clock = Clock()
    pace = RateLimiter(clock.timing(), max_rps=8.0)
    slots = [pace.wait_turn() for _ in range(4)]
    for slot in slots:
        pace.slow_down(slot, 1.0)
    assert turns(pace, clock, 2)[1] - 1.0 == pytest.approx(0.25, abs=0.02)
    pace.slow_down(pace.wait_turn(), 1.0)
    began = clock.time
    assert pace.wait_turn() - began == pytest.approx(1.0)
    assert pace.wait_turn() - began - 1.0 == pytest.approx(0.5, abs=0.05)


def test_without_a_cap_the_rate_is_measured_and_freedom_returns() -> None:
    clock = Clock()
    pace = RateLimiter(clock.timing())
    for _ in range(40):
        pace.wait_turn()
        clock.time += 0.25
    pace.slow_down(pace.wait_turn(), 1.0)
    first, second = turns(pace, clock, 2)
    assert first == 1.0
    assert second - first == pytest.approx(0.5, abs=0.05)
    clock.time += 300
    assert turns(pace, clock, 5) == [0.0] * 5


def test_the_longest_wait_holds() -> None:
    clock = Clock()
    pace = RateLimiter(clock.timing())
    slot = pace.wait_turn()
    pace.slow_down(slot, 9.0)
    pace.slow_down(slot, 2.0)
    assert turns(pace, clock, 1) == [9.0]


def test_a_pause_overtakes_who_waits_already() -> None:
    clock = Clock()
    pace = RateLimiter(clock.timing(), max_rps=1.0)
    first = pace.wait_turn()
    genuine = clock.sleep
    refused: list[float] = []

    def sleep(seconds: float) -> None:
        genuine(seconds)
        if not refused:
            refused.append(first)
            pace.slow_down(first, 30.0)

    clock.sleep = sleep  # type: ignore[method-assign]
    pace._timing = clock.timing()
    began = clock.time
    assert pace.wait_turn() - began == 31.0


def test_an_interruption_ends_every_wait() -> None:
    clock = Clock()
    pace = RateLimiter(clock.timing(), max_rps=0.001)
    pace.slow_down(pace.wait_turn(), 1000.0)
    clock.stop = True
    before = clock.time
    pace.wait_turn()
    assert clock.time == before


def test_threads_share_the_slots() -> None:
    clock = Clock()
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            clock.time += seconds

    pace = RateLimiter(Timing(monotonic=lambda: 0.0, sleep=sleep), max_rps=10.0)
    with ThreadPoolExecutor(8) as pool:
        slots = sorted(pool.map(lambda _: pace.wait_turn(), range(40)))
    assert [round(slot, 3) for slot in slots] == [round(number / 10, 3) for number in range(40)]
