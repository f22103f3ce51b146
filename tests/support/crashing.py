"""One command line in a process of its own that kills itself at a given moment.

The processes are forked from one that has run the program. A moment is when one of the steps of a run begins or
has ended, counted from 0 over all of them; a number beyond the last kills nothing. With a shared journal, whose steps
contain each other, it is when one begins. Every moment is noted in `moments.log` of the working folder and every write
that the API answered in `writes.log`, so that both survive the process.
"""

import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import count
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from reconciler.api.writer import WriteClient
from reconciler.cli import main
from reconciler.journal import RunRecord
from reconciler.journal.shared import WorkingCopy
from tests.support.clock import FakeClock
from tests.support.program import Program

WRITES = Path("writes.log")
MOMENTS = Path("moments.log")
# Everything that a run does to the journal and to the API's state, in one word each.
STEPS = (
    ("reconciler.journal:Journal", "begin"),
    ("reconciler.journal:RunRecord", "about_to_write"),
    ("reconciler.api.writer:WriteClient", "write_overlay"),
    ("reconciler.api.writer:WriteClient", "create_overlay"),
    ("reconciler.api.writer:WriteClient", "create_binding"),
    ("reconciler.api.writer:WriteClient", "delete_binding"),
    ("reconciler.journal:RunRecord", "finished"),
    ("reconciler.journal:RunRecord", "seen"),
    ("reconciler.journal:RunRecord", "end"),
)


_OF_STORAGE = (
    ("reconciler.journal.storage:Storage", "read"),
    ("reconciler.journal.storage:Storage", "write"),
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


def _share_at_once() -> None:
    for method in ("finished", "seen"):
        setattr(RunRecord, method, _then_shared(getattr(RunRecord, method)))


def _then_shared(real: Callable[..., None]) -> Callable[..., None]:
    def wrapped(record: RunRecord, *args: Any) -> None:
        real(record, *args)
        assert isinstance(record._writer.publisher, WorkingCopy)
        record._writer.publisher.keep_up(lambda problem: None)

    return wrapped


def die_with_group_before(step: str, number: int, group: int) -> None:
    """Have this process and a group of processes killed when a step of a run begins for the n-th time, from 0."""

    def kill() -> None:
        os.killpg(group, signal.SIGKILL)
        _kill_itself()

    _die_at(number, [one for one in STEPS if one[1] == step], ends=False, kill=kill)


def _die_at(last: int, steps: Sequence[tuple[str, str]], *, ends: bool, kill: Callable[[], None]) -> None:
    numbers = count()

    def moment(what: str) -> None:
        with MOMENTS.open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")
        if next(numbers) == last:
            kill()

    for place, method in steps:
        module, _, name = place.partition(":")
        owner = getattr(importlib.import_module(module), name)
        setattr(owner, method, _between(getattr(owner, method), method, moment, ends=ends))


def _kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _between(real: Callable[..., Any], method: str, moment: Callable[[str], None], *, ends: bool) -> Callable[..., Any]:
    def wrapped(*args: Any, **named: Any) -> Any:
        moment(f"before {method}")
        answer = real(*args, **named)
        if ends:
            moment(f"after {method}")
        return answer

    return wrapped


def run_until(
    moment: int, argv: Sequence[str], environ: Mapping[str, str] = {}, *, sharing: bool = False
) -> int | None:
    """Run a command line in the current folder until the moment; its exit code, negative for a signal.

    With `sharing`, each outcome and each look at builds is shared at once, instead of at intervals.
    """
    _start_server()
    folder = str(Path.cwd())
    process = _PROCESSES.Process(target=_run, args=(moment, list(argv), folder, dict(environ), sharing))
    process.start()
    process.join(timeout=60)
    return process.exitcode


def _run(moment: int, argv: list[str], folder: str, environ: dict[str, str], sharing: bool) -> None:  # noqa: FBT001
    os.chdir(folder)
    os.environ.update(environ)
    note_writes(setattr)
    shared = "--journal" in argv
    _die_at(moment, STEPS + (_OF_STORAGE if shared else ()), ends=not shared, kill=_kill_itself)
    if sharing:
        _share_at_once()
    raise SystemExit(main(argv, Program(clock=FakeClock()).world()))


@cache
def _start_server() -> None:
    """Start the process that is forked from; it finds our modules by the environment alone before Python 3.14."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        forkserver.ensure_running()


_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.support.crashing", "tests.support.warmed"])
