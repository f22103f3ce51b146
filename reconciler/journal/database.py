"""The SQLite file of a journal: its tables, how it is opened and checked, and the lock of the writing run.

The folder holds unmasked values and is private to its owner. The lock is an exclusive transaction on a second, empty
SQLite file: SQLite locks on every platform, and the operating system releases it when its holder dies. A separate file
keeps the journal free for readers.
"""

import getpass
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from reconciler.journal import errors
from reconciler.journal.errors import JournalError, reported
from reconciler.planfile.format import make_private_folder, private_file

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


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Return a connection for recording, creating the file and its tables if missing; raises `JournalError`."""
    with reported(path):
        make_private_folder(path.parent)
        _check_files(path)
        with suppress(FileExistsError), private_file(path):
            pass
        connection = sqlite3.connect(
            path, uri=True, timeout=_WRITE_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        try:
            check_schema(connection, path)
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


def connect_to_read(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
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
        if check_schema(connection, known_as):
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
    if check_schema(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        # Another process may have done it while this one waited.
        for statements in MIGRATIONS[check_schema(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def check_schema(connection: sqlite3.Connection, path: Path) -> int:
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


def is_held(folder: Path) -> bool:
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
