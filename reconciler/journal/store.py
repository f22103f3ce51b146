"""The journal of a folder: opening it, the one run that may write, and finding recorded runs."""

import getpass
import os
import platform
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.core.plan import Action, Plan, Step
from reconciler.core.runs import NotAttempted, Run, RunHeader, Skip
from reconciler.journal import database, lock, outcomes, reading, refusals, schema
from reconciler.journal.recording import RunRecord, Writer, dump
from reconciler.journal.refusals import JournalBusy, JournalError, told
from reconciler.planfile.fields import Malformed
from reconciler.planfile.steps import encode_step


def open_journal(folder: Path, *, now: Callable[[], float]) -> "Journal":
    """The journal to record in, made where it is missing; raises `JournalError`."""
    path = folder / database.NAME
    connection = database.to_write(path)
    return Journal(path, connection, Writer(connection, path, now))


def read_journal(folder: Path) -> "Journal":
    """The journal to read, which creates nothing: a missing one is empty. Raises `JournalError`."""
    path = folder / database.NAME
    with told(path):
        if not path.exists():
            return Journal(path)
    connection, afterwards = database.to_read(path)
    found = Journal(path, connection, afterwards=afterwards)
    with told(path):
        if schema.check(connection, path):
            return found
    # Whoever made the file died before there was anything in it.
    found.close()
    return Journal(path)


class Journal:
    """What is recorded in one folder; closed by leaving its `with` block."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection | None = None,
        writer: Writer | None = None,
        afterwards: Callable[[], None] | None = None,
    ) -> None:
        self._path = path
        self._connection = connection
        self._writer = writer
        self._afterwards = afterwards

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file, with nothing left to record."""
        if self._writer is not None:
            self._writer.finish()
        if self._connection is not None:
            self._connection.close()
        if self._afterwards is not None:
            self._afterwards()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder against every other run that writes; raises `JournalBusy`, which names the holder."""
        with _held(self._path) as ours:
            if not ours:
                raise JournalBusy(refusals.busy(self._path.parent, self._holder()))
            writer = self._writing()
            with writer.transaction(durable=False) as connection:
                connection.execute("DELETE FROM holder")
                values = (os.getpid(), _user(), platform.node(), writer.now())
                connection.execute("INSERT INTO holder (pid, user, host, since) VALUES (?, ?, ?, ?)", values)
            yield

    def begin(self, header: RunHeader, plan: Plan) -> RunRecord:
        """Record a run with every step that it will attempt, durably and before the first write."""
        writer = self._writing()
        started = writer.now()
        with writer.transaction(durable=True) as connection:
            id_ = _insert_run(connection, header, started)
            connection.executemany(
                "INSERT INTO step (run, repository, number, body, outcome) VALUES (?, ?, ?, ?, ?)", _rows(id_, plan)
            )
            connection.execute("UPDATE holder SET run = ? WHERE pid = ?", (id_, os.getpid()))
        return RunRecord(writer, id_)

    def resume(self, run: Run) -> RunRecord:
        """Go on recording a run of before."""
        return RunRecord(self._writing(), run.id)

    def runs(self) -> tuple[Run, ...]:
        """Every recorded run, the newest first; raises `JournalError`."""
        if self._connection is None:
            return ()
        with self._understood():
            return reading.all_runs(self._connection, self._is_running)

    def latest(self) -> Run | None:
        """The newest run that was to write, None where there is none; raises `JournalError`."""
        with self._understood():
            found = self._ids(None)
        return self.run(found[0]) if found else None

    def run(self, id_: str | None) -> Run:
        """The run of an id or of its beginning, or the newest one that was to write; raises `JournalError`."""
        with self._understood():
            found = self._ids(id_)
            if self._connection is None or not found:
                raise JournalError(refusals.no_run(self._path, id_))
            if id_ is not None and id_ not in found and len(found) > 1:
                raise JournalError(refusals.ambiguous(id_, found))
            return reading.one_run(self._connection, id_ if id_ in found else found[0], self._is_running)

    def later(self, run: Run) -> tuple[Run, ...]:
        """The runs recorded after another one, the oldest first; raises `JournalError`."""
        known = self.runs()
        return tuple(reversed(known[: next(place for place, one in enumerate(known) if one.id == run.id)]))

    def _ids(self, beginning: str | None) -> list[str]:
        if self._connection is None:
            return []
        # Without a beginning the newest is meant that was to write something.
        wrote = "EXISTS (SELECT 1 FROM step WHERE step.run = run.id)"
        order = f"{wrote} DESC, started DESC, rowid DESC" if beginning is None else "started DESC, rowid DESC"
        asked = f"SELECT id FROM run WHERE substr(id, 1, length(?1)) = ?1 ORDER BY {order}"  # noqa: S608 - words of ours
        return [one for (one,) in self._connection.execute(asked, (beginning or "",))]

    def _is_running(self, id_: str) -> bool:
        assert self._connection is not None
        holder = self._connection.execute("SELECT run FROM holder").fetchone()
        return holder == (id_,) and lock.is_held(self._path.parent)

    def _holder(self) -> str:
        with self._understood():
            row = self._connection and self._connection.execute("SELECT pid, user, host, since FROM holder").fetchone()
            if not row:
                return "it has just begun"
            pid, user, host, since = row
            moment = datetime.fromtimestamp(int(since), UTC)
            return f"process {pid} of {user or '?'} on {host or '?'}, since {moment:%Y-%m-%d %H:%M:%S}Z"
        raise AssertionError

    def _writing(self) -> Writer:
        assert self._writer is not None, "this journal was opened to be read"
        return self._writer

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            with told(self._path):
                yield
        except Malformed as error:
            raise JournalError(refusals.damaged(self._path, str(error))) from None


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """The lock; only its own failures are told as the journal's, not those of what is done under it."""
    holding = lock.held(path.parent)
    with told(path.with_name(lock.NAME)):
        ours = holding.__enter__()
    try:
        yield ours
    finally:
        holding.__exit__(None, None, None)


def _insert_run(connection: sqlite3.Connection, header: RunHeader, started: float) -> str:
    moment = datetime.fromtimestamp(started, UTC)
    id_ = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    while connection.execute("SELECT 1 FROM run WHERE id = ?", (id_,)).fetchone():
        id_ = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    connection.execute(
        "INSERT INTO run (id, kind, user, host, tool_version, api, organization_id, organization_name, source, pid,"
        " started) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id_,
            header.kind.value,
            header.user,
            header.host,
            header.tool_version,
            header.api,
            header.organization.id,
            header.organization.name,
            header.source,
            header.pid,
            started,
        ),
    )
    return id_


def _rows(id_: str, plan: Plan) -> Iterator[tuple[str, str, int, str, str | None]]:
    for number, step in enumerate(plan.steps):
        if step.writes or step.action is Action.UNKNOWN:
            yield id_, step.repository, number, dump(encode_step(step)), _known(step)


def _known(step: Step) -> str | None:
    """The outcome of a step that could not be planned is known from the beginning, and its run failed by it."""
    return None if step.writes else dump(outcomes.encode(NotAttempted(step=step, reason=Skip.UNREADABLE)))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
