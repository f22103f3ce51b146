"""Bounded workers: every item once, no more at a time than asked, defects surface."""

import threading
from collections.abc import Iterator

import pytest

from reconciler.engine.ports import stream


def test_every_item_is_worked_on_once() -> None:
    assert sorted(stream(range(100), lambda item: [item, item + 1000], workers=7)) == sorted(
        [*range(100), *range(1000, 1100)]
    )


def test_no_items_and_no_workers() -> None:
    assert list(stream([], lambda item: [item], workers=0)) == []


def test_no_more_than_asked_at_a_time() -> None:
    lock, barrier = threading.Lock(), threading.Barrier(3)
    now, most = [0], [0]

    def work(_: int) -> Iterator[int]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        barrier.wait(timeout=10)
        with lock:
            now[0] -= 1
        yield 1

    assert sum(stream(range(9), work, workers=3)) == 9
    assert most[0] == 3


def test_a_defect_surfaces_and_no_further_item_is_started() -> None:
    started: list[int] = []

    def work(item: int) -> Iterator[int]:
        started.append(item)
        if item == 0:
            raise ZeroDivisionError
        yield item

    with pytest.raises(ZeroDivisionError):
        list(stream(iter(range(1000)), work, workers=1))
    assert started == [0]


def test_an_abandoned_stream_starts_nothing_more() -> None:
    go = threading.Semaphore(1)
    started: list[int] = []

    def work(item: int) -> Iterator[int]:
        go.acquire(timeout=10)
        started.append(item)
        yield item

    messages = stream(iter(range(1000)), work, workers=1)
    assert next(messages) == 0
    messages.close()  # type: ignore[attr-defined]
    go.release()
    for thread in threading.enumerate():
        if thread.name.startswith("worker-"):
            thread.join(timeout=10)
    assert len(started) <= 2
