"""The shared journal: one SQLite file in a storage, and a lock object for each owner whose runs write to the API.

The file is replaced only in the version that was read. Each process records in a copy, from which the rows of its runs
are merged into the newest shared file, and again if another process has replaced that meanwhile. So runs of several
owners proceed side by side, and a run that has lost its lock can still be recorded.
"""

import hashlib
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.diagnostics import Diagnostic
from reconciler.journal import errors
from reconciler.journal.database import LOCK, NAME, hold
from reconciler.journal.errors import JournalBusy, JournalError, reported
from reconciler.journal.owner_lock import LOCKS, TRIES, Holder, OwnerLock, dump_holder, file_name, parse_holder
from reconciler.journal.storage import Overwritten, Storage, Stored
from reconciler.journal.store import Journal, open_journal, read_journal
from reconciler.planfile.format import make_private_folder, private_file

NO_OWNER = "default"  # whose lock a run takes that writes nobody's repositories
INTERVAL = 20.0  # seconds between two renewals of the lock, and two looks for what there is to share
_UNPUSHED = "unpushed"  # file beside a copy: the ids of its runs that may not be complete in the storage


class WorkingCopy:
    """A copy of the shared journal that one process records in; the `Publisher` of its runs.

    `kept` is False for a temporary copy, which `journal push` cannot find.
    """

    def __init__(
        self,
        storage: Storage,
        folder: Path,
        *,
        now: Callable[[], float],
        locks: Sequence[OwnerLock] = (),
        kept: bool = True,
    ) -> None:
        self.folder = folder
        self._storage = storage
        self._now = now
        self._locks = locks
        self._marker = folder / _UNPUSHED if kept else None
        self._newest: Stored | None = None
        self._writing = False
        self._mutex = threading.Lock()
        self._reported: str | None = None
        self.runs: set[str] = set()
        if self._marker is not None:
            with reported(self._marker), suppress(FileNotFoundError):
                self.runs = set(self._marker.read_text(encoding="utf-8").split())

    def fetch(self) -> None:
        """Replace the copy with the newest journal; raises `JournalError`."""
        self.read_newest()
        self.runs = set()
        path = self.folder / NAME
        _replace(path, self._newest)
        try:
            read_journal(self.folder).close()
        except JournalError as error:
            found = error.diagnostic
            summary = found.summary.replace(str(path), f"{self._storage.name}/{NAME}")
            raise JournalError(replace(found, summary=summary)) from None

    def read_newest(self) -> None:
        """Read the newest journal from the storage; raises `JournalError`."""
        self._newest = self._storage.read(NAME)

    def publish_start(self, run: str) -> None:
        """Renew the locks and push a run before its first write; raises `JournalError`."""
        with self._mutex:
            self._renew(run)
            self._writing = bool(self._locks)
            self.runs.add(run)
            self._note()
            self.push()

    def check(self) -> None:
        """Raise `JournalError` if a lock is lost; an overdue one is renewed first."""
        if any(lock.is_overdue() for lock in self._locks):
            with self._mutex, suppress(JournalError):
                self._renew()
        if any(lock.lost for lock in self._locks):
            raise JournalError(errors.lock_lost(self._storage.name))

    def publish_end(self, run: str) -> None:
        """Push the end of a run; raises `JournalError`."""
        with self._mutex:
            self._writing = False
            self.runs.add(run)
            try:
                self.push()
            except JournalError as error:
                raise JournalError(errors.not_shared(error.diagnostic, self._kept_at())) from None
            self.forget()

    def keep_up(self, notify: Callable[[Diagnostic], None]) -> None:
        """Push what is new and renew the locks; a problem does not end the run, and is reported when it begins."""
        problem: Diagnostic | None = None
        with self._mutex:
            for action in (self.push, self._renew):
                try:
                    action()
                except JournalError as error:
                    problem = error.diagnostic
        if problem is not None and problem.code != self._reported:
            notify(problem if problem.code == "journal-lock-lost" else errors.not_shared(problem, self._kept_at()))
        self._reported = None if problem is None else problem.code

    def push(self) -> None:
        """Merge the runs of this process into the newest journal; raises `JournalError`."""
        for _ in range(TRIES):
            merged = self._merged()
            if merged is None:
                return
            try:
                self._newest = self._storage.write(NAME, merged, self._newest)
            except Overwritten:
                self.read_newest()
            else:
                return
        raise JournalError(errors.contended(self._storage.name))

    def forget(self) -> None:
        """Record that the storage has everything."""
        if self._marker is not None:
            with reported(self._marker):
                self._marker.unlink(missing_ok=True)

    def _renew(self, run: str | None = None) -> None:
        for lock in self._locks:
            lock.renew(run)

    def _note(self) -> None:
        if self._marker is not None:
            with reported(self._marker):
                with suppress(FileExistsError), private_file(self._marker):
                    pass
                self._marker.write_text("".join(f"{run}\n" for run in sorted(self.runs)), encoding="utf-8")

    def _kept_at(self) -> Path | None:
        return None if self._marker is None else self.folder / NAME

    def _merged(self) -> bytes | None:
        """Return the newest journal with the runs of this process merged in, None if that changes nothing."""
        with reported(self.folder), tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            newest = Path(folder)
            _replace(newest / NAME, self._newest)
            with open_journal(newest, now=self._now) as journal:
                news = journal.take_over(self.folder / NAME, self.runs, writing=self._writing)
            return (newest / NAME).read_bytes() if news else None


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A held lock, as it was read."""

    key: str
    stored: Stored
    holder: Holder


class SharedJournal:
    """The journal at a URL, and its copies below a folder; problems while a run continues are passed to `notify`.

    `create` is for a run that may be the first: it creates the folder of a `file:` URL.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        now: Callable[[], float],
        notify: Callable[[Diagnostic], None],
        interval: float = INTERVAL,
        create: bool = False,
    ) -> None:
        self._storage = Storage(url, create=create)
        if self._storage.created:
            notify(errors.folder_created(self._storage.name))
        self._folder = folder
        self._copies = folder / "shared" / hashlib.sha256(url.encode()).hexdigest()[:16]
        self._now = now
        self._notify = notify
        self._interval = interval

    @contextmanager
    def locked(self, owners: Collection[str] = ()) -> Iterator[Journal]:
        """Lock the journal against other runs of the owners, and open it for recording; raises `JournalError`.

        "" stands for entries without an owner, and so does an empty collection.
        """
        names = sorted({owner or NO_OWNER for owner in owners} or {NO_OWNER})
        locks = tuple(OwnerLock(self._storage, name, self._now) for name in names)
        folder = self._copies / file_name(" ".join(names))
        with reported(folder):
            make_private_folder(self._folder)
            make_private_folder(folder)
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock.held())
            if not stack.enter_context(hold(folder / LOCK)):
                raise JournalBusy(errors.busy(folder, "it has lost its lock in the storage"))
            self._push_copy(folder)
            copy = WorkingCopy(self._storage, folder, now=self._now, locks=locks)
            copy.fetch()
            stack.enter_context(self._kept_up(copy))
            yield stack.enter_context(open_journal(folder, now=self._now, where=self._storage.name, publisher=copy))

    @contextmanager
    def reading(self) -> Iterator[Journal]:
        """Open the newest journal for reading, with unpushed runs of this folder; raises `JournalError`."""
        with self._temporary() as copy:
            locks = (lock.holder for lock in self.locks() if not lock.holder.is_dead(self._now()))
            running = {holder.run for holder in locks if holder.run is not None}
            with read_journal(copy.folder, where=self._storage.name, running=running) as journal:
                yield journal

    @contextmanager
    def recording(self) -> Iterator[Journal]:
        """Open the journal to record the results of earlier runs, without a lock; raises `JournalError`."""
        with (
            self._temporary() as copy,
            self._kept_up(copy),
            open_journal(copy.folder, now=self._now, where=self._storage.name, publisher=copy) as journal,
        ):
            yield journal

    def push(self) -> tuple[str, ...]:
        """Push the unpushed runs of this folder, and return their ids; raises `JournalError`."""
        pushed: list[str] = []
        for folder in self._unpushed():
            with hold(folder / LOCK) as ours:
                if not ours:
                    raise JournalBusy(errors.busy(folder, "it shares its record itself"))
                pushed += self._push_copy(folder)
        return tuple(pushed)

    def locks(self) -> tuple[HeldLock, ...]:
        """Return every held lock; raises `JournalError`."""
        found = ((key, self._storage.read(key)) for key in self._storage.keys(LOCKS))
        locks = (HeldLock(key, stored, parse_holder(stored)) for key, stored in found if stored is not None)
        return tuple(lock for lock in locks if not lock.holder.released)

    def unlock(self, lock: HeldLock) -> None:
        """Break a lock that is still as it was read; raises `JournalError`."""
        try:
            self._storage.write(lock.key, dump_holder(replace(lock.holder, released=True)), lock.stored)
        except Overwritten:
            raise JournalError(errors.lock_changed(self._storage.name)) from None

    def _unpushed(self) -> list[Path]:
        return sorted(marker.parent for marker in self._copies.glob(f"*/{_UNPUSHED}"))

    def _push_copy(self, folder: Path) -> list[str]:
        copy = WorkingCopy(self._storage, folder, now=self._now)
        if copy.runs:
            copy.read_newest()
            open_journal(folder, now=self._now).close()  # migrates the copy of an earlier version
            copy.push()
            copy.forget()
        return sorted(copy.runs)

    @contextmanager
    def _temporary(self) -> Iterator[WorkingCopy]:
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            copy = WorkingCopy(self._storage, Path(folder), now=self._now, kept=False)
            copy.fetch()
            for other in self._unpushed():
                known = WorkingCopy(self._storage, other, now=self._now)
                with open_journal(copy.folder, now=self._now) as journal:
                    journal.take_over(other / NAME, known.runs, writing=False)
            yield copy

    @contextmanager
    def _kept_up(self, copy: WorkingCopy) -> Iterator[None]:
        """Push and renew at intervals within the block."""
        ended = threading.Event()

        def keep_up() -> None:
            while not ended.wait(self._interval):
                copy.keep_up(self._notify)

        thread = threading.Thread(target=keep_up, name="shared-journal", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _replace(path: Path, stored: Stored | None) -> None:
    """Replace a journal file, and remove it if there is none."""
    with reported(path):
        for one in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            one.unlink(missing_ok=True)
        if stored is not None:
            with private_file(path) as descriptor, open(descriptor, "wb", closefd=False) as file:
                file.write(stored.data)
