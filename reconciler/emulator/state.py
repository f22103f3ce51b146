"""The state file: one SQLite database that several threads and several processes use at once.

Here belong the schema, its version, and transactions. What the rows mean belongs to the modules that read them; the
first rows come from `seed.py`.
"""

import contextlib
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.emulator.errors import StateError

APPLICATION_ID = 0x63676D75
SCHEMA_VERSION = 2
BUSY_SECONDS = 10.0

_SCHEMA = (
    "CREATE TABLE groups (id TEXT PRIMARY KEY, name TEXT NOT NULL, message TEXT NOT NULL)",
    """CREATE TABLE repos (id TEXT PRIMARY KEY, parent TEXT NOT NULL, name TEXT NOT NULL, sequence INTEGER NOT NULL,
    message TEXT NOT NULL, UNIQUE (parent, name))""",
    "CREATE TABLE past (repo_id TEXT NOT NULL, until INTEGER NOT NULL, message TEXT)",
    "CREATE INDEX past_by_end ON past (until)",
    """CREATE TABLE work (id INTEGER PRIMARY KEY, repo_id TEXT NOT NULL, created INTEGER NOT NULL,
    starts INTEGER NOT NULL, ends INTEGER NOT NULL, failed INTEGER NOT NULL)""",
    "CREATE INDEX work_by_repo ON work (repo_id, ends)",
    """CREATE TABLE builds (id TEXT PRIMARY KEY, repo_id TEXT NOT NULL, tag TEXT NOT NULL, kind TEXT NOT NULL,
    work_id INTEGER, started INTEGER NOT NULL, ended INTEGER NOT NULL, result TEXT NOT NULL, digest TEXT NOT NULL,
    config TEXT NOT NULL, locked TEXT NOT NULL, log TEXT NOT NULL, warnings TEXT NOT NULL)""",
    "CREATE INDEX builds_by_start ON builds (started)",
    "CREATE INDEX builds_by_repo ON builds (repo_id, started)",
    """CREATE TABLE tags (id TEXT PRIMARY KEY, repo_id TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    updated INTEGER NOT NULL, deprecated INTEGER NOT NULL)""",
    """CREATE TABLE faults (position INTEGER PRIMARY KEY AUTOINCREMENT, script TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0, fired INTEGER NOT NULL DEFAULT 0)""",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)",
)


class State:
    """An open state file (or a private in-memory one); transactions of one process take turns."""

    def __init__(self, database: Path | None) -> None:
        self._lock = threading.RLock()
        self._connection = _connect(database)
        # Not a __del__: finalize also runs at exit, so that the write-ahead log is folded in.
        self._close = weakref.finalize(self, self._connection.close)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the world."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One change of the world, alone; rolled back when the body raises."""
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute(begin)
            try:
                yield self._connection
            except BaseException:
                if self._connection.in_transaction:  # SQLite may have rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def prepare(self, seed: Callable[[sqlite3.Connection], None]) -> None:
        """Create the schema and seed it when the file is empty; StateError when the file is not ours."""
        if self._is_ready():
            return
        with _readable(), self.writing() as db:
            if _version(db) == 0:  # asked again: another process may have been first
                _create(db)
                seed(db)

    def restart(self, seed: Callable[[sqlite3.Connection], None]) -> None:
        """Throw everything away and seed again, in one transaction: a running server sees the new world at once."""
        with _readable(), self.writing() as db:
            if _is_ours(db):
                _drop(db)
            _create(db)
            seed(db)

    def close(self) -> None:
        """Close the file; further use is an error."""
        self._close()

    def _is_ready(self) -> bool:
        with _readable(), self.reading() as db:  # one snapshot: another process may be creating the tables
            ours = _is_ours(db)
            version = _version(db)
        if ours and version != SCHEMA_VERSION:
            raise StateError(
                f"the state file has version {version} of its layout and this program knows {SCHEMA_VERSION}: "
                "empty it with `emulator reset`"
            )
        return ours


def _is_ours(db: sqlite3.Connection) -> bool:
    """Say whether the file holds emulator state; False when it is empty, StateError when it is foreign."""
    mark = db.execute("PRAGMA application_id").fetchone()[0]
    if mark == APPLICATION_ID:
        return True
    if mark or _version(db) or _table_names(db):
        raise StateError("the state file is a database of another program; choose another file")
    return False


def _create(db: sqlite3.Connection) -> None:
    """Create the tables and mark the file as ours; called inside a transaction."""
    for statement in _SCHEMA:
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _connect(database: Path | None) -> sqlite3.Connection:
    if database is not None:
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"cannot create the folder of the state file {database}: {error.strerror}") from error
    with _readable(database):
        connection = sqlite3.connect(
            ":memory:" if database is None else database,
            timeout=BUSY_SECONDS,
            isolation_level=None,  # transactions are begun and ended by hand
            check_same_thread=False,  # the lock of State serialises its use
        )
        try:
            _configure(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _configure(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    with contextlib.suppress(sqlite3.OperationalError):  # another process is switching it to WAL right now
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")  # surviving a power cut is no aim of an emulator


@contextlib.contextmanager
def _readable(database: Path | None = None) -> Iterator[None]:
    """Turn what SQLite says about a file that it cannot use into one line."""
    try:
        yield
    except sqlite3.Error as error:
        place = f" {database}" if database else ""
        raise StateError(f"cannot use the state file{place}: {error}") from error


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _table_names(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [row["name"] for row in rows]


def _drop(db: sqlite3.Connection) -> None:
    for name in _table_names(db):
        db.execute(f'DROP TABLE "{name}"')
