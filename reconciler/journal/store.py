"""The journal of a folder in SQLite: its file and tables, the lock of the writing run, finding runs.

The folder holds unmasked values and is private to its owner. The lock is an exclusive transaction on a second, empty
SQLite file: SQLite locks on every platform, and the operating system releases it when its holder dies. A separate file
keeps the journal free for readers.
"""

import getpass
import json
import os
import platform
import shutil
import sqlite3
import stat
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
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
from reconciler.journal.errors import JournalBusy, JournalError, reported
from reconciler.journal.recorder import STEPS_ONLY, Publisher, RunRecord, Writer, begin_run, resume_run
from reconciler.planfile.errors import Malformed
from reconciler.planfile.format import make_private_folder, private_file
from reconciler.planfile.steps import decode_step

NAME = "journal.db"
LOCK = "apply.lock"
APPLICATION_ID = 0x72636A6C
_WRITE_TIMEOUT = 10.0  # seconds that a writer waits for another one, which holds the file for milliseconds
# Long enough for somebody who only looks whether the lock is held; whoever holds it does so for minutes.
_LOCK_TIMEOUT = 0.5

_FIRST = (
    """CREATE TABLE run (
        id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, user TEXT NOT NULL, host TEXT NOT NULL,
        tool_version TEXT NOT NULL, api TEXT NOT NULL, organization_id TEXT NOT NULL, organization_name TEXT NOT NULL,
        source TEXT NOT NULL, pid INTEGER NOT NULL, started REAL NOT NULL, ended REAL, exit_code INTEGER,
        interrupted INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE step (
        run TEXT NOT NULL, repository TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,
        repository_id TEXT, since REAL, intended_at REAL, outcome TEXT, progress TEXT,
        PRIMARY KEY (run, repository)) WITHOUT ROWID""",
    """CREATE TABLE holder (
        pid INTEGER NOT NULL, user TEXT NOT NULL, host TEXT NOT NULL, since REAL NOT NULL, run TEXT)""",
)
# The migration from each version to the next; released entries never change.
# The second has steps of overlays and bindings, and rows for tags that they give something else (`codec.tag_rows`).
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, ())


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
    connection = _connect_to_write(path)
    return Journal(path, connection, Writer(connection, path, now, publisher), where=where)


def read_journal(folder: Path, *, where: str | None = None, running: Collection[str] = ()) -> "Journal":
    """Open the journal for reading, creating nothing: a missing one is empty. Raises `JournalError`.

    `where` names it in messages; `running` are the ids of runs that are in progress elsewhere.
    """
    path = folder / NAME
    with reported(path):
        if not os.path.lexists(path):
            return Journal(path, where=where)
    connection, afterwards = _connect_to_read(path)
    found = Journal(path, connection, afterwards=afterwards, where=where, running=running)
    with reported(path):
        if _check_schema(connection, path):
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
        return id_ in self._running or (holder == (id_,) and _is_held(self._path.parent))

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


def _connect_to_write(path: Path) -> sqlite3.Connection:
    with reported(path):
        make_private_folder(path.parent)
        _check_files(path)
        with suppress(FileExistsError), private_file(path):
            pass
        connection = sqlite3.connect(
            path, uri=True, timeout=_WRITE_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        try:
            _check_schema(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            _migrate(connection, path)
            _check_content(connection, path)
            # Only a write shows whether the disk accepts one, which must be known before planning or prompting.
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        except BaseException:
            connection.close()
            raise
        return connection


def _connect_to_read(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """Return a read-only connection, and the cleanup after closing it; raises `JournalError`."""
    with reported(path):
        _check_files(path)
        try:
            return _checked(path, path, "mode=ro"), _nothing
        except sqlite3.OperationalError:
            # In a read-only folder SQLite may lack its shared files next to the database.
            if not _write_ahead(path).exists():
                return _checked(path, path, "immutable=1"), _nothing
            return _copied(path)


def _check_files(path: Path) -> None:
    """Refuse what SQLite would follow or block on: links, pipes, devices, folders."""
    for one in (path, _write_ahead(path), path.with_name(f"{path.name}-shm"), path.with_name(LOCK)):
        with suppress(FileNotFoundError):
            mode = one.lstat().st_mode
            if not stat.S_ISREG(mode):
                what = "it is a symbolic link" if stat.S_ISLNK(mode) else "it is not a regular file"
                raise JournalError(errors.unusable(one, what))


def _copied(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """Return a connection to a copy of the journal with its write-ahead log, which SQLite cannot read in place."""
    copy = Path(tempfile.mkdtemp(prefix="reconciler-"))  # private to its owner
    try:
        shutil.copyfile(path, copy / NAME)
        shutil.copyfile(_write_ahead(path), _write_ahead(copy / NAME))
        return _checked(copy / NAME, path, "mode=rw"), lambda: shutil.rmtree(copy, ignore_errors=True)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise


def _checked(path: Path, known_as: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=_WRITE_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        if _check_schema(connection, known_as):
            _check_content(connection, known_as)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _nothing() -> None:
    """Do nothing after closing a connection to the file itself."""


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _check_schema(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        # Another process may have done it while this one waited.
        for statements in MIGRATIONS[_check_schema(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _check_schema(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the file, 0 for an empty one; raises `JournalError` for a foreign or newer one."""
    application, version = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version")
    )
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise JournalError(errors.foreign(path))
    if version > len(MIGRATIONS):
        raise JournalError(errors.newer(path, version, len(MIGRATIONS)))
    return version


# The runs of steps, by one index lookup for each run: a run has thousands of steps.
_RUNS_OF_STEPS = """
    WITH RECURSIVE found (id) AS (
        SELECT min(run) FROM step
        UNION ALL SELECT (SELECT min(run) FROM step WHERE run > found.id) FROM found WHERE found.id IS NOT NULL)
    SELECT count(*) FROM found WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM run)"""


def _check_content(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `JournalError` if runs and their index, or steps and their runs, are inconsistent."""
    (problem,) = connection.execute("PRAGMA integrity_check(run)").fetchone()
    if problem != "ok":
        raise JournalError(errors.damaged(path, problem))
    (lost,) = connection.execute(_RUNS_OF_STEPS).fetchone()
    if lost:
        raise JournalError(errors.damaged(path, "it has steps of a missing run"))


@contextmanager
def hold(lock: Path, *, timeout: float = _LOCK_TIMEOUT) -> Iterator[bool]:
    """Hold a lock file; yield False, and hold nothing, if another process holds it.

    Failures of the block itself are not raised as the journal's.
    """
    with reported(lock):
        with suppress(FileExistsError), private_file(lock):
            pass
        connection = sqlite3.connect(lock, timeout=timeout, isolation_level=None)
    with closing(connection):
        with reported(lock):
            ours = _locked_by_us(connection)
        yield ours


def _locked_by_us(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if _is_busy(error):
            return False
        raise
    return True


def _is_held(folder: Path) -> bool:
    """Return whether the lock is held now; creates nothing."""
    path = folder / LOCK
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return _is_busy(error)
    return False


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def system_user() -> str:
    """Return the name of who runs the program, empty where the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
