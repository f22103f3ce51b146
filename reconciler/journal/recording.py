"""Recording one run: what is about to be written, what came of it, and the builds, from several threads at once."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.core.builds import Progress
from reconciler.core.plan import Step
from reconciler.core.runs import Outcome, RecordFailed
from reconciler.diagnostics import Diagnostic
from reconciler.journal import outcomes, progress
from reconciler.journal.refusals import JournalError, told


@dataclass(slots=True, eq=False)
class _Change:
    """Rows to update, as one thread brings them; `error` says after `done` why they are not in the journal."""

    statement: str
    rows: Sequence[tuple[Any, ...]]
    durable: bool
    done: bool = False
    error: JournalError | None = None
    woken: threading.Event = field(default_factory=threading.Event)


class Writer:
    """The connection that writes, for one thread at a time.

    A disk takes as long for one transaction as for many changes in it. So whoever comes while a transaction is under
    way leaves a change with those that wait, and the next transaction holds them all. Who ends a transaction wakes all
    whose changes it held and, of those that came meanwhile, the one that goes next: to let them through a lock one by
    one may take longer than the disk does.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, now: Callable[[], float]) -> None:
        self._connection = connection
        self._path = path
        self._mutex = threading.Lock()
        self._gate = threading.Lock()
        self._waiting: list[_Change] = []
        self.problem: Diagnostic | None = None
        self.now = now

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """All or nothing; `durable` waits until the disk has it. Raises `JournalError`.

        What is not durable outlives the process all the same: only a machine that fails can lose it.
        """
        try:
            with self._mutex:
                self._commit_waiting()
                with self._begun(durable=durable) as connection:
                    yield connection
        finally:
            if self._wake_next():
                self._commit_if_free()

    def demand(self, statement: str, row: tuple[Any, ...]) -> None:
        """Update a row and return once the disk has it, so that nothing overtakes it; raises `JournalError`."""
        change = _Change(statement, [row], durable=True)
        self._leave(change)
        try:
            while not change.done:
                change.woken.clear()
                if not self._commit_if_free():
                    change.woken.wait()
        except BaseException:
            change.durable = False  # nobody waits for it any more
            self._wake_next()
            raise
        if change.error is not None:
            raise JournalError(change.error.diagnostic)

    def hand_over(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Update rows now or, while a transaction is under way, in the next one; a failure is kept in `problem`."""
        self._leave(_Change(statement, rows, durable=False))
        if self._demanded() is None:
            self._commit_if_free()

    def finish(self) -> None:
        """Return once nothing waits any more."""
        with self._mutex:
            self._commit_waiting()
        self._wake_next()

    def _leave(self, change: _Change) -> None:
        with self._gate:
            self._waiting.append(change)

    def _demanded(self) -> _Change | None:
        with self._gate:
            return next((change for change in self._waiting if change.durable), None)

    def _commit_if_free(self) -> bool:
        """Commit what waits, and what is handed over meanwhile; False where a transaction is under way.

        Whoever ends that one sees to the rest.
        """
        free = False
        left = True
        while left and self._mutex.acquire(blocking=False):
            free = True
            try:
                self._commit_waiting()
            finally:
                self._mutex.release()
                left = self._wake_next()
        return free

    def _wake_next(self) -> bool:
        """Wake the one that goes next; whether there is none, but something that was handed over."""
        demanded = self._demanded()
        if demanded is not None:
            demanded.woken.set()
            return False
        return bool(self._waiting)

    def _commit_waiting(self) -> None:
        with self._gate:
            changes = tuple(self._waiting)
        if not changes:
            return
        if self._commit(changes) is not None:
            # One of them may be at fault, for which the others need not suffer.
            for change in changes:
                change.error = self._commit((change,))
        # Only now: an interruption before leaves them to the next one, and to update a row again does no harm.
        with self._gate:
            del self._waiting[: len(changes)]
        for change in changes:
            change.done = True
            if change.durable:
                change.woken.set()
            elif change.error is not None:
                self.problem = self.problem or change.error.diagnostic

    def _commit(self, changes: Sequence[_Change]) -> JournalError | None:
        try:
            with self._begun(durable=any(change.durable for change in changes)) as connection:
                for change in changes:
                    connection.executemany(change.statement, change.rows)
        except JournalError as error:
            return error
        return None

    @contextmanager
    def _begun(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        with told(self._path):
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield self._connection


_INTENT = (
    "UPDATE step SET repository_id = ?, since = coalesce(since, ?), intended_at = ? WHERE run = ? AND repository = ?"
)


class RunRecord:
    """The record of one run; what the engine reports to."""

    def __init__(self, writer: Writer, id_: str) -> None:
        self._writer = writer
        self.id = id_

    @property
    def problem(self) -> Diagnostic | None:
        """The first thing that could not be noted, intents apart: those are told at once."""
        return self._writer.problem

    def about_to_write(self, step: Step, *, repository_id: str | None, since: float) -> None:
        """Note durably what is about to be sent; raises `RecordFailed` where that fails."""
        try:
            self._writer.demand(_INTENT, (repository_id, since, self._writer.now(), self.id, step.repository))
        except JournalError as error:
            raise RecordFailed(error.diagnostic) from None

    def finished(self, outcome: Outcome) -> None:
        """Note what came of a step; a failure is kept in `problem`."""
        self._update("outcome", [(outcome.step.repository, outcomes.encode(outcome))])

    def seen(self, progress_: Sequence[Progress]) -> None:
        """Note how far builds are; a failure is kept in `problem`."""
        self._update("progress", ((one.target.repository, progress.encode(one)) for one in progress_))

    def end(self, *, exit_code: int, interrupted: bool) -> None:
        """Note that the run has ended; a failure is kept in `problem`."""
        try:
            with self._writer.transaction(durable=True) as connection:
                connection.execute(
                    "UPDATE run SET ended = ?, exit_code = ?, interrupted = ? WHERE id = ?",
                    (self._writer.now(), int(exit_code), interrupted, self.id),
                )
        except JournalError as error:
            self._writer.problem = self._writer.problem or error.diagnostic

    def _update(self, column: str, values: Iterable[tuple[str, dict[str, Any]]]) -> None:
        rows = [(dump(value), self.id, repository) for repository, value in values]
        # The column is one of the two words above.
        self._writer.hand_over(f"UPDATE step SET {column} = ? WHERE run = ? AND repository = ?", rows)  # noqa: S608


def dump(value: dict[str, Any]) -> str:
    """JSON as the journal holds it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
