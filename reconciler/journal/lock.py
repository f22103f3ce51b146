"""One writing run in a folder: a lock that the operating system frees when its holder dies, however that happens.

It is an exclusive transaction on a second, empty SQLite file. SQLite knows how to lock on every platform, where
`fcntl` and `msvcrt` would be two ways to keep right, and a file with a process number in it is neither freed by a kill
nor safe from numbers that are used again. A file of its own leaves the journal free for readers.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

NAME = "apply.lock"
# Long enough for somebody who only looks whether it is held; whoever holds it does so for minutes.
_PATIENCE = 0.5


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold the lock; False, and nothing held, where another one does. Raises `sqlite3.Error`."""
    with closing(sqlite3.connect(folder / NAME, timeout=_PATIENCE, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if not _locked(error):
                raise
            yield False
            return
        yield True


def is_held(folder: Path) -> bool:
    """Whether somebody holds the lock now; nothing is created to find out."""
    path = folder / NAME
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return _locked(error)
    return False


def _locked(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
