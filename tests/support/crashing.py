"""One command line in a process of its own that kills itself at a given moment: `python -m` with its number.

A moment is when one of the steps of a run begins or has ended, counted from 0 over all of them; a number beyond the
last kills nothing. Every moment is noted in `moments.log` of the working folder and every write that the API answered
in `writes.log`, so that both survive the process.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from reconciler.api.client import WriteClient
from reconciler.cli import main
from tests.support.clock import FakeClock
from tests.support.program import Program

WRITES = Path("writes.log")
MOMENTS = Path("moments.log")
# Everything that a run does to the journal and to the API's state, in one word each.
STEPS = (
    ("reconciler.journal:Journal", "begin"),
    ("reconciler.journal:RunRecord", "about_to_write"),
    ("reconciler.api.client:WriteClient", "write_overlay"),
    ("reconciler.api.client:WriteClient", "create_overlay"),
    ("reconciler.api.client:WriteClient", "create_binding"),
    ("reconciler.api.client:WriteClient", "delete_binding"),
    ("reconciler.journal:RunRecord", "finished"),
    ("reconciler.journal:RunRecord", "seen"),
    ("reconciler.journal:RunRecord", "end"),
)


def note_writes(replace: Callable[[type[Any], str, Any], None]) -> None:
    """Have every write of this process noted; `replace` is `setattr` or that of pytest's monkeypatch."""
    write = WriteClient.write_overlay

    def noted(client: WriteClient, reading: Any, wanted: Any) -> Any:
        answer = write(client, reading, wanted)
        with WRITES.open("a", encoding="utf-8") as file:
            file.write(f"{answer.name}\n")
        return answer

    replace(WriteClient, "write_overlay", noted)


def _die_at(last: int) -> None:
    numbers = count()

    def moment(what: str) -> None:
        with MOMENTS.open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")
        if next(numbers) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    for place, method in STEPS:
        module, _, name = place.partition(":")
        owner = getattr(importlib.import_module(module), name)
        setattr(owner, method, _between(getattr(owner, method), method, moment))


def _between(real: Callable[..., Any], method: str, moment: Callable[[str], None]) -> Callable[..., Any]:
    def wrapped(*args: Any, **named: Any) -> Any:
        moment(f"before {method}")
        answer = real(*args, **named)
        moment(f"after {method}")
        return answer

    return wrapped


def child(argv: list[str]) -> int:
    """Run what the words ask for: the number of the moment, then the command line."""
    number, *words = argv
    note_writes(setattr)
    _die_at(int(number))
    return main(words, Program(clock=FakeClock()).world())


if __name__ == "__main__":
    sys.exit(child(sys.argv[1:]))  # noqa: TID251 - a process of its own
