"""Objects at a URL, through obstore: read whole, and replaced only in the version that was read.

Credentials come from the environment, under the names that each cloud uses, and never from the URL. Of an answer only
status and error code are quoted: the rest may contain a signed address.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import LocalStore, from_url

from reconciler.journal import errors
from reconciler.journal.database import hold
from reconciler.journal.errors import JournalError

_FOLDER, _CLOUDS = "file", ("s3", "gs", "az")
# Error codes for a missing bucket, which must not read as a missing object.
_NO_STORAGE = ("NoSuchBucket", "ContainerNotFound")
# Where the clouds' clients look for credentials if the environment has none.
_MACHINE_CREDENTIALS = "169.254.169.254"
_WRITE_TIMEOUT = 30.0  # seconds that a writer of a folder waits for others, each of which takes a moment
_RETRIES: Any = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
}


class Overwritten(Exception):  # noqa: N818 - it reads as what happened to the object
    """Another process has written the object since it was read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was read or written; `version` identifies it in the storage."""

    data: bytes
    version: Mapping[str, str]


class Storage:
    """The objects below one URL: `file:FOLDER`, `s3://`, `gs://` or `az://`; `name` is the URL as it may be shown.

    Raises `JournalError` for a missing folder, unless it is to `create` it: a mistyped path must not read as empty.
    `created` tells whether it did.
    """

    def __init__(self, url: str, *, create: bool = False) -> None:
        self.name = check_url(url)
        parts = urlsplit(url)
        self._folder = Path(unquote(parts.path)).absolute() if parts.scheme == _FOLDER else None
        self.created = create and self._folder is not None and not self._folder.exists()
        with self._reported():
            # obstore gives no reason why it cannot create a folder.
            if self._folder is None:
                self._store: Any = from_url(url, retry_config=_RETRIES)
            else:
                if create:
                    # It holds values in clear text. Who shares it with others makes it for them beforehand.
                    self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                elif not self._folder.exists():
                    raise JournalError(errors.no_folder(self.name))
                self._store = LocalStore(self._folder)

    def read(self, key: str) -> Stored | None:
        """Return an object, None if it does not exist; raises `JournalError`."""
        with self._reported():
            try:
                found = obstore.get(self._store, key)
                return Stored(bytes(found.bytes()), _version(found.meta))
            except FileNotFoundError as error:
                if _error_code(error) in _NO_STORAGE:
                    raise
                return None

    def write(self, key: str, data: bytes, over: Stored | None) -> Stored:
        """Replace an object in the version `over`, or create it if that is None.

        Raises `JournalError`, and `Overwritten` if the object has changed since, which may be by this write itself
        after a lost answer.
        """
        with self._reported():
            if over is not None and self._folder is not None:
                return self._replace_file(self._folder, key, data, over)
            mode: Any = "create" if over is None else over.version
            try:
                return Stored(data, _version(obstore.put(self._store, key, data, mode=mode)))
            except (AlreadyExistsError, PreconditionError):
                raise Overwritten from None

    def keys(self, folder: str) -> list[str]:
        """Return the keys of the objects in a folder, sorted; raises `JournalError`."""
        with self._reported():
            return sorted(one["path"] for batch in obstore.list(self._store, folder) for one in batch)

    def _replace_file(self, folder: Path, key: str, data: bytes, over: Stored) -> Stored:
        """Replace a file under a lock, as file systems have no conditional replacement."""
        lock = folder / "write.lock"
        lock.touch()
        with hold(lock, timeout=_WRITE_TIMEOUT) as ours:
            if not ours:
                raise JournalError(errors.storage_failed(self.name, "another process holds write.lock"))
            there = self.read(key)
            if there is None or there.version != over.version:
                raise Overwritten
            return Stored(data, _version(obstore.put(self._store, key, data)))

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Raise failures of the storage within the block as `JournalError`."""
        try:
            yield
        except (BaseError, OSError, NotImplementedError, ValueError) as error:
            raise JournalError(errors.storage_failed(self.name, _problem(error))) from None


def _version(known: Mapping[str, Any]) -> dict[str, str]:
    return {name: known[name] for name in ("e_tag", "version") if known[name] is not None}


def check_url(url: str) -> str:
    """Return the URL of a shared journal if it can be used and shown; raises `JournalError`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise JournalError(errors.bad_url("it is not a URL")) from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise JournalError(errors.bad_url("it holds credentials or options, which are not shown here"))
    if parts.scheme not in (_FOLDER, *_CLOUDS):
        raise JournalError(errors.bad_url(f'"{url}" is not the URL of a storage'))
    if parts.scheme == _FOLDER and (host not in (None, "localhost") or not parts.path):
        raise JournalError(errors.bad_url(f'"{url}" does not name a folder of this machine'))
    if parts.scheme in _CLOUDS and not host:
        raise JournalError(errors.bad_url(f'"{url}" names no bucket'))
    return url


def _error_code(error: Exception) -> str | None:
    found = re.search(r"<Code>(\w{1,60})</Code>", str(error))
    return found[1] if found else None


def _problem(error: Exception) -> str:
    """Return what went wrong in words that cannot hold a secret."""
    text = str(error)
    if _MACHINE_CREDENTIALS in text:
        return "no credentials were found in the environment"
    status, code = re.search(r"status code: (\d{3})", text), _error_code(error)
    if status is not None:
        return f"it answered with status {status[1]}" + (f" ({code})" if code else "")
    system = re.search(r"([A-Z][A-Za-z ]+) \(os error \d+\)", text)
    if system is not None or isinstance(error, OSError):
        return system[1].lower() if system else (getattr(error, "strerror", None) or type(error).__name__).lower()
    plain = re.match(r"Generic \w+ error: ([\w ,.'-]{1,120})(?:\n|$)", text)
    return plain[1] if plain else "it does not answer"
