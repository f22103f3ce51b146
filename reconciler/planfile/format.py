"""The file format of saved plans and snapshots: JSON Lines with a header, a line for each item, and a seal."""

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path

from reconciler.core.overlay import Json
from reconciler.planfile import errors

FORMAT_VERSION = 4
_START = re.compile(rb'\s*\{\s*"reconciler"\s*:\s*"([a-z]+)"')
_ENOUGH = 512
_SEAL = b'{"seal":'
_BLOCK = 256  # lines that are decoded at once: so many that a call more or less does not count, and little memory
# What is encoded has just been made of values that hold no cycles.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False, check_circular=False)


class FileKind(StrEnum):
    """Kind of a file of this package."""

    PLAN = "plan"
    SNAPSHOT = "snapshot"


def recognize(path: Path, data: bytes | None = None) -> FileKind | None:
    """Return the kind of a file by its first line, whatever its name; None if it is not ours or unreadable.

    `data` is its content if already read, such as from standard input.
    """
    if data is not None:
        return _kind_of(data)
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return _kind_of(stream.read(_ENOUGH))
    except (OSError, ValueError):
        return None


def _kind_of(start: bytes) -> FileKind | None:
    found = _START.match(start[:_ENOUGH])
    return next((kind for kind in FileKind if found is not None and found[1] == kind.encode()), None)


def sealed(kind: FileKind, header: Json, items: Iterable[Json]) -> Iterator[bytes]:
    """Yield the lines of a file, in ASCII, with the seal at its end."""
    digest = hashlib.sha256()
    for item in chain(({"reconciler": kind.value, "version": FORMAT_VERSION, **header},), items):
        line = _line(item)
        digest.update(line)
        yield line
    yield _line({"seal": f"sha256:{digest.hexdigest()}"})


def _line(item: Json) -> bytes:
    return _ENCODER.encode(item).encode("ascii") + b"\n"


def read_file(path: Path, kind: FileKind, data: bytes | None = None) -> tuple[Json, Iterator[Json]]:
    """Return the header and the items of a file with a valid seal; raises `PlanFileError`.

    Items are decoded on demand, and raise the same error. `data` is as in `recognize`.
    """
    lines = (_content(path) if data is None else data).splitlines(keepends=True)
    _check_kind(path, kind, lines)
    header = _header(path, kind, lines[0])
    _check_seal(path, kind, lines)
    return header, _objects(path, kind, lines[1:-1])


def _content(path: Path) -> bytes:
    try:
        # A pipe or a device may never end.
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise errors.not_regular(path)
        return path.read_bytes()
    except OSError as error:
        raise errors.unreadable(path, error) from None


def _check_kind(path: Path, kind: FileKind, lines: list[bytes]) -> None:
    found = _START.match(b"".join(lines[:3])[:_ENOUGH])
    written = found[1].decode("ascii") if found is not None else ""
    if written != kind.value:
        ours = written in [one.value for one in FileKind]
        raise errors.foreign(path, kind, f"a {written}" if ours else "")


def _header(path: Path, kind: FileKind, line: bytes) -> Json:
    """Return the first line. Its version is checked before the seal, as a later version may seal differently."""
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        raise (errors.damaged if line.endswith(b"\n") else errors.cut)(path, kind) from None
    version = header.get("version") if isinstance(header, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise errors.damaged(path, kind)
    if version > FORMAT_VERSION:
        raise errors.newer(path, kind, version, FORMAT_VERSION)
    return dict(header)


def _check_seal(path: Path, kind: FileKind, lines: list[bytes]) -> None:
    *content, last = lines
    if not last.endswith(b"\n") or not last.startswith(_SEAL):
        more = any(line.startswith(_SEAL) for line in content)
        raise (errors.damaged if more else errors.cut)(path, kind)
    digest = hashlib.sha256()
    for line in content:
        digest.update(line)
    if last != _line({"seal": f"sha256:{digest.hexdigest()}"}):
        raise errors.damaged(path, kind)


def _objects(path: Path, kind: FileKind, lines: list[bytes]) -> Iterator[Json]:
    for start in range(0, len(lines), _BLOCK):
        block = lines[start : start + _BLOCK]
        try:
            items = json.loads(b"[" + b",".join(block) + b"]")
        except (ValueError, RecursionError):
            items = []
        if len(items) != len(block) or not all(isinstance(item, dict) for item in items):
            raise errors.malformed(path, kind, "a line is not a JSON object")
        yield from items


_BATCH = 1 << 20


def write_private(path: Path, pieces: Iterable[bytes]) -> None:
    """Write the pieces to a file of mode 0600 that appears under its name only when complete on the disk.

    Raises `PlanFileError`. An earlier file stays until then; a name that is not a regular file is refused, because
    replacing it would destroy it.
    """
    try:
        if path.exists() and not path.is_file():
            raise errors.unwritable(path, "it exists and is not a regular file")
        _write(path, pieces)
    except (OSError, ValueError) as error:
        raise errors.unwritable(path, getattr(error, "strerror", None) or str(error)) from None


def make_private_folder(folder: Path) -> None:
    """Create the private working folder if it is missing; raises `OSError`.

    Its `.gitignore` makes Git ignore it. Links are not followed.
    """
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "it is a symbolic link")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError), private_file(folder / ".gitignore") as note:
        os.write(note, b"*\n")
    for root, folders, files in os.walk(folder):
        _restrict(root, stat.S_ISDIR, 0o700)
        for name in (*folders, *files):
            _restrict(os.path.join(root, name), stat.S_ISREG, 0o600)  # noqa: PTH118 - os.walk returns strings


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[int]:
    """Return a descriptor of a new private file; raises `OSError`, also if the name exists."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _restrict(path: str, is_kind: Callable[[int], bool], wanted: int) -> None:
    # By name: opening and closing the journal would drop the locks of this process on it.
    with contextlib.suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if is_kind(mode) and stat.S_IMODE(mode) != wanted:
            os.chmod(path, wanted)  # noqa: PTH101 - as above


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb", buffering=_BATCH) as stream:  # noqa: PTH123 - a descriptor, not a path
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Flush the new name to the disk; on file systems without this the file is written all the same."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def time_text(seconds: float) -> str:
    """Return RFC 3339 text in UTC, to the second: `2026-11-23T09:12:04Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def time_of(text: str) -> float:
    """Return the seconds since the epoch of RFC 3339 text."""
    return datetime.fromisoformat(text).timestamp()
