"""The lock of an owner on a shared journal: an object with its holder and the time of its last renewal."""

import hashlib
import os
import platform
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from reconciler.journal import errors
from reconciler.journal.database import system_user
from reconciler.journal.errors import JournalBusy, JournalError
from reconciler.journal.storage import Overwritten, Storage, Stored

LEASE = 120.0  # seconds after which a lock that was not renewed belongs to a process that is gone
LOCKS = "locks"
TRIES = 20  # attempts to replace an object that others replace at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The content of a lock object; `released` if it is no longer held. Times are seconds since the epoch.

    `processes` identifies the running system in which `pid` is a process, "" if that is not known.
    """

    id: str = ""
    owner: str = "?"
    user: str = ""
    host: str = ""
    pid: int = 0
    processes: str = ""
    since: float = 0.0
    renewed: float = 0.0
    run: str | None = None
    released: bool = False

    def is_dead(self, now: float) -> bool:
        """Return whether the lock was not renewed for so long that its process must be gone, or whether it is gone."""
        known_here = bool(self.processes) and self.processes == _visible_processes()
        return now - self.renewed > LEASE or (known_here and not _is_alive(self.pid))

    def described(self) -> str:
        """Return who holds the lock, and when it was last renewed."""
        who = errors.described_holder(self.pid, self.user, self.host, self.since)
        return f"{who}, last renewed {errors.described_time(self.renewed)}"


_HOLDERS = TypeAdapter(Holder)


class OwnerLock:
    """The lock of an owner: an object that is taken, renewed and released only in the version that was read.

    To release it, it is overwritten: a deletion has no condition, and could delete the lock of the next run.
    """

    def __init__(self, storage: Storage, owner: str, now: Callable[[], float]) -> None:
        self._storage = storage
        self._key = f"{LOCKS}/{file_name(owner)}.json"
        self._now = now
        self._stored: Stored | None = None
        self._holder = Holder(
            id=secrets.token_hex(16),
            owner=owner,
            user=system_user(),
            host=platform.node(),
            pid=os.getpid(),
            processes=_visible_processes(),
            since=now(),
            renewed=now(),
        )
        self.lost = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock within the block; raises `JournalBusy` if another process does, and `JournalError`."""
        self._acquire()
        try:
            yield
        finally:
            self._release()

    def is_overdue(self) -> bool:
        """Return whether others may consider this process dead."""
        return self._holder.is_dead(self._now())

    def renew(self, run: str | None = None) -> None:
        """Renew the lock, with the run that this process records; raises `JournalBusy` if the lock is lost."""
        holder = replace(self._holder, renewed=self._now(), run=run or self._holder.run)
        if self.lost or not self._write(holder):
            self.lost = True
            raise JournalBusy(errors.lock_lost(self._storage.name))
        self._holder = holder

    def _acquire(self) -> None:
        for _ in range(TRIES):
            self._stored = self._storage.read(self._key)
            if self._stored is not None:
                there = parse_holder(self._stored)
                if there.id != self._holder.id and not there.released:
                    dead = there.is_dead(self._now())
                    raise JournalBusy(errors.shared_busy(self._storage.name, there.described(), dead=dead))
            with suppress(Overwritten):
                self._stored = self._storage.write(self._key, dump_holder(self._holder), self._stored)
                return
        raise JournalError(errors.contended(self._storage.name))

    def _release(self) -> None:
        """Release the lock; on failure it stays, as after a kill."""
        if not self.lost:
            with suppress(JournalError):
                self._write(replace(self._holder, released=True))

    def _write(self, holder: Holder) -> bool:
        """Write the lock, and return whether this process still holds it; raises `JournalError`."""
        data = dump_holder(holder)
        for _ in range(2):
            try:
                self._stored = self._storage.write(self._key, data, self._stored)
            except Overwritten:
                # It may be a write of this process whose answer was lost.
                self._stored = self._storage.read(self._key)
                there = None if self._stored is None else parse_holder(self._stored)
                if there is None or there.id != self._holder.id or there.released:
                    return False
            else:
                return True
        return False


def dump_holder(holder: Holder) -> bytes:
    """Return the content of a lock object."""
    return _HOLDERS.dump_json(holder)


def parse_holder(stored: Stored) -> Holder:
    """Return the content of a lock object; that of an unreadable one is old and has no names."""
    try:
        return _HOLDERS.validate_json(stored.data)
    except ValidationError:
        return Holder()


def _visible_processes() -> str:
    """Return what identifies the processes that this one can see: the boot of Linux and the namespace, else ""."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def file_name(owner: str) -> str:
    """Return the file name for an owner: its own name if that is a plain word."""
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", owner):
        return owner
    return hashlib.sha256(owner.encode()).hexdigest()[:32]
