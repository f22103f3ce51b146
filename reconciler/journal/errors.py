"""Errors of the journal, and their diagnostics."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.diagnostics import Diagnostic

_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)


class JournalError(Exception):
    """The journal cannot be used; the diagnostic has the reason."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


class JournalBusy(JournalError):  # noqa: N818 - named after the state of the journal
    """Another apply holds the folder."""


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Raise failures of the file or the database within the block as `JournalError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(_database(path, error)) from None
    except UnicodeDecodeError:
        # SQLite's message quotes the value.
        raise JournalError(damaged(path, "it holds text that is not UTF-8")) from None
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise JournalError(full(path)) from None
        raise JournalError(unusable(path, error.strerror or type(error).__name__)) from None


def _database(path: Path, error: sqlite3.Error) -> Diagnostic:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None and isinstance(error, sqlite3.OperationalError):
        return damaged(path, str(error))  # a value of another type than its column
    primary = None if code is None else code & 0xFF
    match primary:
        case sqlite3.SQLITE_FULL:
            return full(path)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_ERROR:
            # A statement of this program fails only if the tables are not its own.
            return damaged(path, str(error))
        case _:
            return unusable(path, str(error))


def full(path: Path) -> Diagnostic:
    """Return the diagnostic for a full disk."""
    return Diagnostic(
        code="journal-full",
        summary=f"cannot write the journal {path}: the disk is full",
        hint="free disk space and run again; a change is written only after it is recorded",
    )


def unusable(path: Path, problem: str) -> Diagnostic:
    """Return the diagnostic for a journal that cannot be created or written."""
    return Diagnostic(
        code="journal-unusable",
        summary=f"cannot use the journal {path}: {problem}",
        hint="run in a writable folder; a change is written only after it is recorded",
    )


def damaged(path: Path, problem: str) -> Diagnostic:
    """Return the diagnostic for changed content."""
    return Diagnostic(
        code="journal-damaged",
        summary=f"the journal {path} is damaged: {problem}",
        hint="move the file away to start a new journal; its runs can no longer be resumed or reverted",
    )


def foreign(path: Path) -> Diagnostic:
    """Return the diagnostic for a database of another program."""
    return Diagnostic(
        code="journal-foreign",
        summary=f"{path} is a database of another program, not a journal",
        hint="move the file away to start a new journal",
    )


def newer(path: Path, version: int, known: int) -> Diagnostic:
    """Return the diagnostic for a file of a later version."""
    return Diagnostic(
        code="journal-newer",
        summary=f"the journal {path} has schema version {version}; this version of reconciler supports up to {known}",
        hint="use the version of reconciler that created it, or a later one",
    )


def busy(folder: Path, who: str) -> Diagnostic:
    """Return the diagnostic for a folder locked by another apply."""
    return Diagnostic(
        code="journal-busy",
        summary=f"another run is in progress in {folder}: {who}",
        hint="wait for it to finish; `reconciler history` shows its progress",
    )


def no_run(path: Path, wanted: str | None) -> Diagnostic:
    """Return the diagnostic for an unknown run."""
    if wanted is None:
        summary = f"no runs are recorded in {path.parent}"
    else:
        summary = f'no run "{wanted}" is recorded in {path.parent}'
    return Diagnostic(code="run-not-found", summary=summary, hint="list the runs with `reconciler history`")


def ambiguous(wanted: str, found: list[str]) -> Diagnostic:
    """Return the diagnostic for an ambiguous run id."""
    return Diagnostic(
        code="run-ambiguous",
        summary=f'several run ids begin with "{wanted}": {", ".join(found)}',
        hint="give more characters of the id",
    )
