"""Whether somebody is still there to read what is written: of a pipe or a terminal the system tells without a write."""

import select
from typing import TextIO


def has_left(stream: TextIO) -> bool:
    """Whether the reader of a stream is gone; False where the system does not tell, as of a file."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return False
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(number, 0)
    return any(found & (select.POLLERR | select.POLLHUP) for _, found in poll.poll(0))
