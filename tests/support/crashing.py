"""One command line in a process of its own that kills itself at a given point: `python -m` with the point as JSON.

The point is a class, a method, the number of the call, and whether to die before or after it. Every write that the API
answered is noted in `writes.log` of the working folder, and so survives the process.
"""

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.api.client import WriteClient
from reconciler.cli import main
from tests.support.clock import FakeClock
from tests.support.program import Program

WRITES = Path("writes.log")


def note_writes(replace: Callable[[type[Any], str, Any], None]) -> None:
    """Have every write of this process noted; `replace` is `setattr` or that of pytest's monkeypatch."""
    write = WriteClient.write_overlay

    def noted(client: WriteClient, reading: Any, wanted: Any) -> Any:
        answer = write(client, reading, wanted)
        with WRITES.open("a", encoding="utf-8") as file:
            file.write(f"{answer.name}\n")
        return answer

    replace(WriteClient, "write_overlay", noted)


def _die_at(place: str, method: str, number: int, *, after: bool) -> None:
    module, _, name = place.partition(":")
    owner = getattr(importlib.import_module(module), name)
    real, left = getattr(owner, method), [number]

    def wrapped(*args: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*args, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, method, wrapped)


def child(argv: list[str]) -> int:
    """Run what the words ask for: the point as JSON, then the command line."""
    point, *words = argv
    note_writes(setattr)
    place, method, number, after = json.loads(point)
    _die_at(place, method, number, after=after)
    return main(words, Program(clock=FakeClock()).world())


if __name__ == "__main__":
    sys.exit(child(sys.argv[1:]))  # noqa: TID251 - a process of its own
