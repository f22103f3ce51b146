"""The tables of the journal, their version, and how an older version becomes the present one."""

import sqlite3
from pathlib import Path

from reconciler.journal import refusals
from reconciler.journal.refusals import JournalError

APPLICATION_ID = 0x72636A6C

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
# What leads from each version to the next one; entries are never changed once released, only added.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)


def bring_up(connection: sqlite3.Connection, path: Path) -> None:
    """Make or migrate the tables; raises `JournalError` for a file that is foreign or newer."""
    if check(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        # Another process may have done it while this one waited.
        for statements in MIGRATIONS[check(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file, 0 for one that is empty; raises `JournalError` for one that is foreign or newer."""
    application, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise JournalError(refusals.foreign(path))
    if version > len(MIGRATIONS):
        raise JournalError(refusals.newer(path, version, len(MIGRATIONS)))
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
