"""The state file: one SQLite database that several threads and processes use at once; groups and repositories in it."""

import contextlib
import errno
import json
import os
import sqlite3
import stat
import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.emulator import timestamps, uidp
from reconciler.emulator.errors import StateError, not_found

APPLICATION_ID = 0x63676D75
SCHEMA_VERSION = 4
BUSY_SECONDS = 10.0
_FOLDER = ".reconciler"  # the working folder's own, which holds nothing for others
_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600  # SQLite gives its mode to the files beside it

_SCHEMA = (
    "CREATE TABLE groups (id TEXT PRIMARY KEY, name TEXT NOT NULL, message TEXT NOT NULL)",
    """CREATE TABLE repos (id TEXT PRIMARY KEY, parent TEXT NOT NULL, name TEXT NOT NULL, sequence INTEGER NOT NULL,
    message TEXT NOT NULL, UNIQUE (parent, name))""",
    "CREATE TABLE past (kind TEXT NOT NULL, id TEXT NOT NULL, until INTEGER NOT NULL, message TEXT)",
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
    "CREATE TABLE overlays (id TEXT PRIMARY KEY, name TEXT NOT NULL, message TEXT NOT NULL)",
    "CREATE INDEX overlays_by_name ON overlays (name)",
    """CREATE TABLE bindings (id TEXT PRIMARY KEY, parent TEXT NOT NULL, overlay TEXT NOT NULL,
    message TEXT NOT NULL)""",
    "CREATE TABLE given (id TEXT PRIMARY KEY)",
    "CREATE INDEX bindings_by_parent ON bindings (parent)",
    "CREATE INDEX bindings_by_overlay ON bindings (overlay)",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)",
)


class StateFile:
    """An open state file (or a private in-memory one); transactions of one process take turns."""

    def __init__(self, database: Path | None) -> None:
        self._lock = threading.RLock()
        self._connection = _connect(database)
        # Not a __del__: finalize also runs at exit, so that the write-ahead log is folded in.
        self._close = weakref.finalize(self, self._connection.close)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read one consistent state of the emulated organization."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write in a transaction of its own; rolled back when the body raises."""
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
        """Delete everything and seed again, in one transaction: a running server sees the new state at once."""
        with _readable(), self.writing() as db:
            if _is_ours(db):
                _drop(db)
            _create(db)
            seed(db)

    def close(self) -> None:
        """Close the file once no transaction is under way; further use is an error."""
        with self._lock:
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
    """Return whether the file holds emulator state; False when it is empty, StateError when it is foreign."""
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
        _make_private(database)
    with _readable(database):
        connection = sqlite3.connect(
            ":memory:" if database is None else database,
            timeout=BUSY_SECONDS,
            isolation_level=None,  # transactions are begun and ended by hand
            check_same_thread=False,  # the lock of StateFile serializes its use
        )
        try:
            _configure(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _make_private(database: Path) -> None:
    """Make the state file, which others may not read; a link in its place is refused."""
    try:
        database.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"cannot create the folder of the state file {database}: {error.strerror}") from error
    if database.parent.name == _FOLDER:
        database.parent.chmod(_PRIVATE_FOLDER)
    try:
        # Not blocking: something else than a file may stand there, and be waited for.
        descriptor = os.open(
            database, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _PRIVATE_FILE
        )
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StateError(f"cannot use the state file {database}: it is not a regular file")
            os.fchmod(descriptor, _PRIVATE_FILE)
        finally:
            os.close(descriptor)
    except OSError as error:
        problem = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise StateError(f"cannot use the state file {database}: {problem}") from error


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


Json = dict[str, Any]

HOME = "example.com"
REFUSED = "refusedAt"  # in a repository's stored message
_REMEMBERED = 3600 * timestamps.SECOND  # as long as reads can lag


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """A repository: its message in stored form, and how many times its builds were scheduled."""

    id: str
    parent: str
    name: str
    sequence: int
    message: Json

    @property
    def overlay(self) -> Json | None:
        """Return the custom overlay in stored form."""
        overlay: Json | None = self.message.get("customOverlay")
        return overlay

    @property
    def refused(self) -> dict[str, int]:
        """Return the tags that are not rebuilt, each with the instant since when that shows."""
        found: dict[str, int] = self.message.get(REFUSED, {})
        return found


def dump(value: object) -> str:
    """Return the JSON text that a value is stored as."""
    return json.dumps(value, separators=(",", ":"))


def meaning(value: Any) -> Any:
    """Return a stored value without its empty parts: null, absent and empty mean the same to a build, save for one."""
    if not isinstance(value, dict):
        return value
    kept = {key: {} if key == "commandOverride" and item == {} else meaning(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item not in (None, "", [])} or None


def repo(db: sqlite3.Connection, identifier: str) -> Repo | None:
    """Return the repository with this id."""
    row = db.execute("SELECT * FROM repos WHERE id = ?", (identifier,)).fetchone()
    return _repo(row) if row else None


def existing_repo(db: sqlite3.Connection, identifier: str) -> Repo:
    """Return the repository with this id, or refuse the call."""
    found = repo(db, identifier)
    if found is None:
        raise not_found(f"repository {identifier} not found")
    return found


def repo_in(db: sqlite3.Connection, parent: str, name: str) -> Repo | None:
    """Return the repository of this name in a group."""
    row = db.execute("SELECT * FROM repos WHERE parent = ? AND name = ?", (parent, name)).fetchone()
    return _repo(row) if row else None


def repos(db: sqlite3.Connection) -> Iterator[Repo]:
    """Yield every repository, in the order of ids."""
    return map(_repo, db.execute("SELECT * FROM repos ORDER BY id"))


def repos_below(db: sqlite3.Connection, scopes: Collection[str]) -> list[Repo]:
    """Return the repositories that are named, or lie anywhere below what is named, in the order of ids."""
    found: dict[str, Repo] = {}
    for scope in scopes:
        # A zero comes next after a slash: between the two lie the ids that go on with a slash.
        rows = db.execute("SELECT * FROM repos WHERE id = ? OR (id > ? AND id < ?)", (scope, f"{scope}/", f"{scope}0"))
        found |= {row["id"]: _repo(row) for row in rows}
    return [found[identifier] for identifier in sorted(found)]


def save(db: sqlite3.Connection, item: Repo) -> None:
    """Insert or replace a repository."""
    db.execute(
        "INSERT OR REPLACE INTO repos (id, parent, name, sequence, message) VALUES (?, ?, ?, ?, ?)",
        (item.id, item.parent, item.name, item.sequence, dump(item.message)),
    )


def repos_as_of(db: sqlite3.Connection, instant: int, scopes: Collection[str] = ()) -> Iterator[Repo]:
    """Yield every repository as it was at an instant of the last hour, in the order of ids.

    With `scopes`, only those that are named, or lie anywhere below what is named.
    """
    replaced = replaced_since(db, "repos", instant)
    for item in repos_below(db, scopes) if scopes else repos(db):
        if item.id not in replaced:
            yield item
        elif (message := replaced[item.id]) is not None:
            yield replace(item, message=message)


def replaced_since(db: sqlite3.Connection, kind: str, instant: int) -> dict[str, Json | None]:
    """Return by id what records of a kind were at an instant of the last hour, if others since; None: not there."""
    rows = db.execute(
        "SELECT id, message FROM past WHERE kind = ? AND until > ? ORDER BY until DESC, rowid DESC", (kind, instant)
    )
    oldest = {row["id"]: row["message"] for row in rows}
    return {identifier: json.loads(text) if text else None for identifier, text in oldest.items()}


def remember(db: sqlite3.Connection, kind: str, identifier: str, message: Json | None, now: int) -> None:
    """Keep what a record was until now, for reads that lag; None when it was not there."""
    text = None if message is None else dump(message)
    db.execute("DELETE FROM past WHERE until < ?", (now - _REMEMBERED,))
    db.execute("INSERT INTO past (kind, id, until, message) VALUES (?, ?, ?, ?)", (kind, identifier, now, text))


def locate(db: sqlite3.Connection, name: str) -> Repo | None:
    """Return the repository with this id, this path of names, or this name.

    A path is counted from the very top or from the organization `example.com`; a bare name means the one at that
    organization's own level, else the only one that there is.
    """
    found = repo(db, name)
    if found is not None:
        return found
    names = {each["id"]: each["name"] for each in groups(db)}
    paths = {_path(each, names): each for each in repos(db)}
    asked = name.lstrip("/")
    by_name = [each for each in paths.values() if each.name == asked]
    only = by_name[0] if len(by_name) == 1 else None
    return paths.get(asked) or paths.get(f"{HOME}/{asked}") or only


def group(db: sqlite3.Connection, identifier: str) -> Json | None:
    """Return the message of the group with this id."""
    row = db.execute("SELECT message FROM groups WHERE id = ?", (identifier,)).fetchone()
    return json.loads(row["message"]) if row else None


def groups(db: sqlite3.Connection) -> list[Json]:
    """Return the messages of all groups, in the order of ids."""
    return [json.loads(row["message"]) for row in db.execute("SELECT message FROM groups ORDER BY id")]


def add_group(db: sqlite3.Connection, message: Json) -> None:
    """Insert a group."""
    db.execute(
        "INSERT INTO groups (id, name, message) VALUES (?, ?, ?)",
        (message["id"], message["name"], dump(message)),
    )


def _path(item: Repo, names: dict[str, str]) -> str:
    return "/".join([*(names[each] for each in uidp.levels(item.parent)), item.name])


def _repo(row: sqlite3.Row) -> Repo:
    return Repo(
        id=row["id"],
        parent=row["parent"],
        name=row["name"],
        sequence=row["sequence"],
        message=json.loads(row["message"]),
    )
