"""Several requests at the same time."""

import threading

import pytest

from reconciler.api.generations.fan_out import at_once


def test_results_come_in_the_order_of_the_items() -> None:
    later = threading.Event()

    def fetch(number: int) -> int:
        if number == 0:
            assert later.wait(5)
        if number == 3:
            later.set()
        return number * 10

    assert at_once(range(5), fetch, workers=2) == [0, 10, 20, 30, 40]


def test_no_more_threads_than_workers_and_than_items() -> None:
    lock, running, most = threading.Lock(), 0, 0
    meet = threading.Barrier(3)

    def fetch(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        meet.wait(5)
        with lock:
            running -= 1

    at_once(range(9), fetch, workers=3)
    assert most == 3
    before = threading.active_count()
    assert at_once([1], lambda _: threading.active_count(), workers=8) == [before + 1]
    assert at_once([], str, workers=8) == []


def test_a_failure_ends_it_and_is_raised() -> None:
    begun: list[int] = []

    def fetch(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise KeyError(number)
        return number

    with pytest.raises(KeyError, match="2"):
        at_once(range(100), fetch, workers=1)
    assert begun == [0, 1, 2]
