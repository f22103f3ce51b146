"""The journal of a folder: recording runs, and finding them again. Its file is in `database`."""

import json
import os
import platform
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

from reconciler.core.builds import Result
from reconciler.core.drift import LastWritten
from reconciler.core.ownership import LastWriter, LastWriters
from reconciler.core.plan import Plan
from reconciler.core.runs import Run, RunHeader, RunSummary, is_in_flight
from reconciler.core.steps import Action, AnyStep
from reconciler.journal import errors
from reconciler.journal.codec import RUN_COLUMNS, STEP_COLUMNS, decode_counts, decode_run, decode_summary
from reconciler.journal.database import (
    LOCK,
    NAME,
    check_schema,
    connect_to_read,
    connect_to_write,
    hold,
    is_held,
    system_user,
)
from reconciler.journal.errors import JournalBusy, JournalError, reported
from reconciler.journal.recorder import STEPS_ONLY, Publisher, RunRecord, Writer, begin_run, resume_run
from reconciler.planfile.errors import Malformed
from reconciler.planfile.steps import decode_step

_OUTCOMES = f"""
    SELECT run, coalesce(json_extract(outcome, '$.outcome'), iif(intended_at IS NULL, 'not-attempted', 'unknown'))
        AS kind, count(*) FROM step WHERE {STEPS_ONLY} GROUP BY run, kind"""  # noqa: S608 - ours
# A write in flight counts: it may have arrived. Of each group SQLite takes the row with the maximum.
_LAST_WRITERS = """
    SELECT coalesce(step.repository_id, json_extract(body, '$.id')) AS written,
        coalesce(json_extract(body, '$.owner'), ''), run.id, max(run.rowid)
    FROM step JOIN run ON run.id = step.run
    WHERE run.api = ? AND intended_at IS NOT NULL
        AND coalesce(json_extract(outcome, '$.outcome'), 'applied') = 'applied' AND written IS NOT NULL
    GROUP BY written"""
_LAST_WRITTEN = """
    SELECT iif(step.repository IN (SELECT value FROM json_each(?3)), step.repository,
        coalesce(step.repository_id, json_extract(body, '$.id'))) AS written, body, run.id, max(run.rowid)
    FROM step JOIN run ON run.id = step.run
    WHERE run.api = ?1 AND json_extract(outcome, '$.outcome') = 'applied'
        AND (written IN (SELECT value FROM json_each(?2)) OR written IN (SELECT value FROM json_each(?3)))
    GROUP BY written"""
_BUILDS = "SELECT run, repository, json_extract(progress, '$.counts') FROM step WHERE progress IS NOT NULL"


def open_journal(
    folder: Path, *, now: Callable[[], float], where: str | None = None, publisher: Publisher | None = None
) -> "Journal":
    """Open the journal for recording, creating it if missing; raises `JournalError`.

    `where` names it in messages.
    """
    path = folder / NAME
    connection = connect_to_write(path)
    return Journal(path, connection, Writer(connection, path, now, publisher), where=where)


def read_journal(folder: Path, *, where: str | None = None, running: Collection[str] = ()) -> "Journal":
    """Open the journal for reading, creating nothing: a missing one is empty. Raises `JournalError`.

    `where` names it in messages; `running` are the ids of runs that are in progress elsewhere.
    """
    path = folder / NAME
    with reported(path):
        if not os.path.lexists(path):
            return Journal(path, where=where)
    connection, afterwards = connect_to_read(path)
    found = Journal(path, connection, afterwards=afterwards, where=where, running=running)
    with reported(path):
        if check_schema(connection, path):
            return found
    # The process that created the file died before writing anything.
    found.close()
    return Journal(path, where=where)


class Journal:
    """The journal of one folder; closed by leaving its `with` block."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection | None = None,
        writer: Writer | None = None,
        afterwards: Callable[[], None] | None = None,
        *,
        where: str | None = None,
        running: Collection[str] = (),
    ) -> None:
        self._path = path
        self._connection = connection
        self._writer = writer
        self._afterwards = afterwards
        self._running = running
        self.where = where or f"{path.parent}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
        if self._connection is not None:
            self._connection.close()
        if self._afterwards is not None:
            self._afterwards()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder against other writing runs; raises `JournalBusy`, which names the holder."""
        with hold(self._path.with_name(LOCK)) as ours:
            if not ours:
                raise JournalBusy(errors.busy(self._path.parent, self._holder()))
            writer = self._writing()
            with writer.transaction() as connection:
                connection.execute("DELETE FROM holder")
                values = (os.getpid(), system_user(), platform.node(), writer.now())
                connection.execute("INSERT INTO holder (pid, user, host, since) VALUES (?, ?, ?, ?)", values)
            yield

    def begin(self, header: RunHeader, plan: Plan, waves: Iterable[Iterable[AnyStep]] = ()) -> RunRecord:
        """Record a run with every step that it will attempt, durably and before the first write."""
        return begin_run(self._writing(), header, plan, waves)

    def resume(self, run: Run) -> RunRecord:
        """Continue recording an earlier run; raises `JournalError`."""
        return resume_run(self._writing(), run.id)

    def take_over(self, other: Path, runs: Collection[str], *, writing: bool) -> bool:
        """Copy some runs, by their ids, from another journal file; return whether anything was new.

        Raises `JournalError`. While their process is `writing`, each step without an outcome counts as intended.
        """
        return self._writing().take_over(other, runs, writing=writing)

    def runs(self) -> tuple[Run, ...]:
        """Return every recorded run, newest first; raises `JournalError`."""
        return self._read_runs("ORDER BY rowid DESC")

    def summaries(self) -> tuple[RunSummary, ...]:
        """Return every recorded run without its steps, newest first; raises `JournalError`."""
        if self._connection is None:
            return ()
        with self._understood():
            outcomes, builds = self._count_outcomes(), self._count_builds()
            rows = self._connection.execute(f"SELECT {RUN_COLUMNS} FROM run ORDER BY rowid DESC").fetchall()  # noqa: S608
            return tuple(
                decode_summary(row, outcomes[row[0]], builds[row[0]], running=self._is_running(row[0])) for row in rows
            )

    def latest(self) -> Run | None:
        """Return the newest writing run, None if there is none; raises `JournalError`."""
        with self._understood():
            found = self._ids(None)
        return self.run(found[0]) if found else None

    def run(self, id_: str | None) -> Run:
        """Return the run of an id or a unique prefix, or the newest writing one; raises `JournalError`."""
        with self._understood():
            found = self._ids(id_)
        if not found:
            raise JournalError(errors.no_run(self.where, id_))
        if id_ is not None and id_ not in found and len(found) > 1:
            raise JournalError(errors.ambiguous(id_, found))
        (run,) = self._read_runs(
            "WHERE rowid = (SELECT rowid FROM run WHERE id = ?)", id_ if id_ in found else found[0]
        )
        return run

    def later(self, run: Run) -> tuple[Run, ...]:
        """Return the runs recorded after another one, oldest first; raises `JournalError`.

        They contain only the steps relevant to those that the run left in flight.
        """
        return self._read_runs(
            "WHERE rowid > (SELECT rowid FROM run WHERE id = ?) ORDER BY rowid", run.id, about=_in_flight(run)
        )

    def last_writers(self, api: str) -> LastWriters:
        """Return the last writer of each repository of an API, by its UIDP; raises `JournalError`."""
        if self._connection is None:
            return {}
        with self._understood():
            rows = self._connection.execute(_LAST_WRITERS, (api,))
            return {id_: LastWriter(owner=owner, run=run) for id_, owner, run, _ in rows}

    def last_written(self, api: str, ids: Sequence[str], keys: Sequence[str] = ()) -> Mapping[str, LastWritten]:
        """Return what the last run that did left, for repositories by UIDP, for overlays and bindings by step key.

        Raises `JournalError`.
        """
        if self._connection is None:
            return {}
        with self._understood():
            rows = self._connection.execute(_LAST_WRITTEN, {"1": api, "2": json.dumps(ids), "3": json.dumps(keys)})
            steps = ((id_, run, decode_step(json.loads(body))) for id_, body, run, _ in rows)
            return {id_: LastWritten(run=run, content=step.after) for id_, run, step in steps}

    def _read_runs(self, which: str, *values: str, about: str | None = None) -> tuple[Run, ...]:
        if self._connection is None:
            return ()
        with self._understood():
            rows = self._connection.execute(f"SELECT {RUN_COLUMNS} FROM run {which}", values).fetchall()  # noqa: S608
            return tuple(decode_run(row, self._steps(row[0], about), running=self._is_running(row[0])) for row in rows)

    def _steps(self, run: str, about: str | None) -> Iterator[tuple[Any, ...]]:
        assert self._connection is not None
        some = (
            ""
            if about is None
            else " AND coalesce(repository_id, json_extract(body, '$.id')) IN (SELECT value FROM json_each(?))"
        )
        asked = f"SELECT {STEP_COLUMNS} FROM step WHERE run = ?{some} ORDER BY number"  # noqa: S608 - words of ours
        return self._connection.execute(asked, (run,) if about is None else (run, about))

    def _count_outcomes(self) -> Mapping[str, Mapping[str, int]]:
        assert self._connection is not None
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for run, kind, count in self._connection.execute(_OUTCOMES):
            found[run][str(kind).replace("-", "_")] = count
        return found

    def _count_builds(self) -> Mapping[str, Mapping[Result, int]]:
        assert self._connection is not None
        found: defaultdict[str, Counter[Result]] = defaultdict(Counter)
        for run, repository, counts in self._connection.execute(_BUILDS):
            found[run].update(decode_counts(counts, partial(self._row, run, repository)))
        return found

    def _row(self, run: str, repository: str) -> tuple[Any, ...]:
        assert self._connection is not None
        asked = f"SELECT {STEP_COLUMNS} FROM step WHERE run = ? AND repository = ?"  # noqa: S608 - words of ours
        row: tuple[Any, ...] = self._connection.execute(asked, (run, repository)).fetchone()
        return row

    def _ids(self, beginning: str | None) -> list[str]:
        if self._connection is None:
            return []
        # Without a prefix the newest writing run is meant. The clock may have been set back since.
        wrote = "EXISTS (SELECT 1 FROM step WHERE step.run = run.id)"
        order = f"{wrote} DESC, rowid DESC" if beginning is None else "rowid DESC"
        asked = f"SELECT id FROM run WHERE substr(id, 1, length(:start)) = :start ORDER BY {order}"  # noqa: S608 - words of ours
        return [one for (one,) in self._connection.execute(asked, {"start": beginning or ""})]

    def _is_running(self, id_: str) -> bool:
        assert self._connection is not None
        holder = self._connection.execute("SELECT run FROM holder").fetchone()
        return id_ in self._running or (holder == (id_,) and is_held(self._path.parent))

    def _holder(self) -> str:
        with self._understood():
            row = self._connection and self._connection.execute("SELECT pid, user, host, since FROM holder").fetchone()
            if not row:
                return "started just now"
            pid, user, host, since = row
            return errors.described_holder(pid, user, host, since)
        raise AssertionError

    def _writing(self) -> Writer:
        assert self._writer is not None, "the journal is open for reading only"
        return self._writer

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            with reported(self._path):
                yield
        except (Malformed, TypeError, ValueError, OverflowError) as error:
            raise JournalError(errors.damaged(self._path, str(error))) from None


def _in_flight(run: Run) -> str | None:
    """Return the ids of repositories that a run left in flight, as JSON; None if one is a creation without an id."""
    left = [step for step in run.steps if is_in_flight(step)]
    if any(step.step.action is Action.CREATE for step in left):
        return None
    return json.dumps([step.repository_id or step.step.id for step in left])
