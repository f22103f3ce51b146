"""Errors of the journal, and their diagnostics."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reconciler.diagnostics import Diagnostic, Severity

_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)


NOT_FOUND = "journal-not-found"


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


def described_holder(pid: int, user: str, host: str, since: float) -> str:
    """Return who holds a lock."""
    return f"process {pid} of {user or '?'} on {host or '?'}, since {described_time(since)}"


def described_time(moment: float) -> str:
    """Return a point in time in UTC, to the second."""
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%d %H:%M:%S}Z"


def bad_url(problem: str) -> Diagnostic:
    """Return the diagnostic for a URL that is not that of a storage."""
    return Diagnostic(
        code="bad-journal-url",
        summary=f"cannot use the URL of the journal: {problem}",
        hint="write it as file:FOLDER, s3://BUCKET/PATH, gs://BUCKET/PATH or az://CONTAINER/PATH, and pass credentials"
        " in the environment",
    )


def storage_failed(name: str, problem: str) -> Diagnostic:
    """Return the diagnostic for a storage that cannot be read or written."""
    return Diagnostic(
        code="journal-storage",
        summary=f"cannot use the shared journal {name}: {problem}",
        hint="check the URL, the network and the credentials; a change is written only after it is recorded",
    )


def no_folder(name: str) -> Diagnostic:
    """Return the diagnostic for the folder of a shared journal that does not exist."""
    return Diagnostic(
        code=NOT_FOUND,
        summary=f"cannot use the shared journal {name}: the folder does not exist",
        hint="check the path; the first apply creates the folder",
    )


def folder_created(name: str) -> Diagnostic:
    """Return the note about a shared journal that has begun."""
    return Diagnostic(
        code="journal-created",
        severity=Severity.NOTE,
        summary=f"created the folder of the shared journal {name}: it holds no earlier runs",
    )


def shared_busy(name: str, who: str, *, dead: bool) -> Diagnostic:
    """Return the diagnostic for a shared journal locked by another run, which may be dead."""
    wait = "wait for it to finish; `reconciler history` shows its progress, and `reconciler unlock` whether it is alive"
    unlock = "if it was killed, break its lock with `reconciler unlock`, then run again"
    return Diagnostic(
        code="journal-busy",
        summary=f"another run holds the lock of the shared journal {name}: {who}",
        hint=unlock if dead else wait,
    )


def lock_lost(name: str) -> Diagnostic:
    """Return the diagnostic for a lock that another process has broken or removed."""
    return Diagnostic(
        code="journal-lock-lost",
        summary=f"the lock of the shared journal {name} was broken by another process: no further change is written",
        hint="see what the other run does with `reconciler history`, then plan again",
    )


def lock_changed(name: str) -> Diagnostic:
    """Return the diagnostic for a lock that is no longer the one that was read."""
    return Diagnostic(
        code="journal-lock-changed",
        summary=f"the lock of the shared journal {name} was renewed or taken by another process meanwhile",
        hint="run `reconciler unlock` again to see who holds it now",
    )


def contended(name: str) -> Diagnostic:
    """Return the diagnostic for a journal that others write all the time."""
    return Diagnostic(
        code="journal-storage",
        summary=f"cannot write the shared journal {name}: other runs keep writing it",
        hint="run `reconciler journal push` when they have finished",
    )


def not_shared(problem: Diagnostic, copy: Path | None) -> Diagnostic:
    """Return the diagnostic for a record that is only in the copy of this machine; without a copy, it is lost."""
    kept = "recorded in this folder alone" if copy else "not recorded"
    again = "run `reconciler journal push` here" if copy else "run `reconciler wait` again"
    return Diagnostic(
        code="journal-not-shared",
        severity=Severity.WARNING,
        summary=f"the latest results of the run are {kept}: {problem.summary}",
        detail=f"copy: {copy}" if copy else "",
        hint=f"{again} once the storage can be used",
    )


def no_run(where: str, wanted: str | None) -> Diagnostic:
    """Return the diagnostic for an unknown run."""
    what = "no runs are" if wanted is None else f'no run "{wanted}" is'
    summary = f"{what} recorded in {where}"
    return Diagnostic(code="run-not-found", summary=summary, hint="list the runs with `reconciler history`")


def ambiguous(wanted: str, found: list[str]) -> Diagnostic:
    """Return the diagnostic for an ambiguous run id."""
    return Diagnostic(
        code="run-ambiguous",
        summary=f'several run ids begin with "{wanted}": {", ".join(found)}',
        hint="give more characters of the id",
    )
