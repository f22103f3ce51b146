"""Several requests of one answer at the same time: a few threads that live as long as the answer takes.

The threads of an apply are in the engine; these are here because they are part of reading one list.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def at_once(items: Sequence[Item], fetch: Callable[[Item], Result], *, workers: int) -> list[Result]:
    """`fetch` of every item, in their order. A failure is raised once the calls that are under way have ended.

    After a failure nothing more is started. The threads are daemons, so that an interruption does not wait for them.
    """
    pending = iter(enumerate(items))
    lock = threading.Lock()
    abandoned = threading.Event()
    results: dict[int, Result] = {}
    failures: dict[int, BaseException] = {}

    def run() -> None:
        while not abandoned.is_set():
            with lock:
                taken = next(pending, None)
            if taken is None:
                return
            number, item = taken
            try:
                results[number] = fetch(item)
            except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread, which raises it
                failures[number] = error
                abandoned.set()

    threads = [threading.Thread(target=run, name=f"page-{one}", daemon=True) for one in range(min(workers, len(items)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        abandoned.set()
    if failures:
        raise failures[min(failures)]
    return [results[number] for number in range(len(items))]
