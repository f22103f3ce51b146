"""Connections to the journal's file: one that writes, and one that reads even where nothing can be written."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from reconciler.journal import folder, schema
from reconciler.journal.refusals import told

NAME = "journal.db"
_PATIENCE = 10.0  # seconds that a writer waits for another one, which holds the file for milliseconds


def to_write(path: Path) -> sqlite3.Connection:
    """A connection to the file, made or migrated where need be; raises `JournalError`."""
    with told(path):
        folder.prepare(path.parent)
        # A file that exists must not be opened and closed here: that would drop the locks that this process has on it.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            schema.check(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            schema.bring_up(connection, path)
            # Only a write tells whether there can be one, and that must be known before anything is planned or asked.
            connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")
        except BaseException:
            connection.close()
            raise
        return connection


def to_read(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """A connection that changes nothing, and what to do after closing it; raises `JournalError`."""
    with told(path):
        try:
            return _checked(path, path, "mode=ro"), _nothing
        except sqlite3.OperationalError:
            # In a folder that cannot be written to, SQLite may lack the files beside the database that it shares.
            if not _write_ahead(path).exists():
                return _checked(path, path, "immutable=1"), _nothing
            return _copied(path)


def _copied(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """The journal together with what was not yet moved into it, which can only be read from a copy."""
    copy = Path(tempfile.mkdtemp(prefix="reconciler-"))  # for its owner alone
    try:
        shutil.copyfile(path, copy / NAME)
        shutil.copyfile(_write_ahead(path), _write_ahead(copy / NAME))
        return _checked(copy / NAME, path, "mode=rw"), lambda: shutil.rmtree(copy, ignore_errors=True)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise


def _checked(path: Path, known_as: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        schema.check(connection, known_as)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _nothing() -> None:
    """What there is to do after a connection to the file itself."""
