"""The one place that starts threads: a bounded number of workers that pull from one queue of items.

Work is a generator of events and never raises for what can go wrong in the world: one item's failure cannot touch
another's.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Message = TypeVar("Message")


class _Done:
    """A worker has found no further item."""


def stream(items: Iterable[Item], work: Callable[[Item], Iterable[Message]], *, workers: int) -> Iterator[Message]:
    """Run `work` on every item with at most `workers` threads; yield all messages in the caller's thread as they come.

    A defect in `work` is raised here, after which no further item is started. The threads are daemons, so that an abort
    does not wait for them.
    """
    pending = iter(items)
    lock = threading.Lock()
    abandoned = threading.Event()
    messages: queue.SimpleQueue[Message | BaseException | _Done] = queue.SimpleQueue()

    def run() -> None:
        try:
            while not abandoned.is_set():
                with lock:
                    item = next(pending, _Done)
                if isinstance(item, type):
                    return
                for message in work(item):
                    messages.put(message)
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread, which raises it
            messages.put(error)
        finally:
            messages.put(_Done())

    for number in range(workers):
        threading.Thread(target=run, name=f"worker-{number}", daemon=True).start()
    try:
        yield from _until_done(messages, workers)
    finally:
        abandoned.set()


def _until_done(messages: "queue.SimpleQueue[Message | BaseException | _Done]", workers: int) -> Iterator[Message]:
    running = workers
    while running:
        message = messages.get()
        if isinstance(message, _Done):
            running -= 1
        elif isinstance(message, BaseException):
            raise message
        else:
            yield message
