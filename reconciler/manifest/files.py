"""Reads the manifest files of a path, and the files that they name, as UTF-8 text.

Opens regular files alone, and named files only inside the manifest's folder. Whatever the file system says becomes an
`Unread` value, worded in `problems`.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.manifest.codes import Code

LARGEST_FILE: Final = 64 * 1024 * 1024
LARGEST_PART: Final = 1024 * 1024
SUFFIXES: Final = (".yaml", ".yml")

_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_SEPARATOR: Final = re.compile(r"[/\\]")
# As many files are looked at below a folder to find manifests that are not read.
_MOST_LOOKED_AT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A file or folder that gave no text, with the reason where there is more than one."""

    name: str
    code: Code
    reason: str = ""
    line: int = 1
    column: int = 1


def find(path: Path) -> tuple[Path, ...] | Unread:
    """Return the manifest files of a path: itself, or the YAML files directly in the folder."""
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return (path,)
        names = [one.name for one in path.iterdir()]
    except (OSError, ValueError) as error:
        return _refused(str(path), error)
    chosen = sorted(name for name in names if is_yaml(name) and not name.startswith("."))
    return tuple(path / name for name in chosen) or Unread(name=str(path), code=Code.NO_MANIFESTS)


def is_yaml(name: str) -> bool:
    """Return whether a file is named as YAML, in any case."""
    return name.lower().endswith(SUFFIXES)


def passed_over(folder: Path) -> Iterator[Path]:
    """Yield the YAML files below a folder that `find` does not return: hidden ones, and those in folders inside it.

    Hidden folders and links to folders are left out.
    """
    looked_at = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            looked_at += 1
            if is_yaml(name) and (Path(place) != folder or name.startswith(".")):
                yield Path(place) / name
        if looked_at > _MOST_LOOKED_AT:
            return


def read(path: Path, *, found_in_folder: bool = False, largest: int | None = None, name: str = "") -> str | Unread:
    """Return the text of a file without its byte order mark; `name` is what it is called in messages.

    `found_in_folder`: nobody named the file.
    """
    shown = name or str(path)
    try:
        data = _bytes(path, shown, found_in_folder=found_in_folder, largest=largest or LARGEST_FILE)
    except (OSError, ValueError) as error:
        return _refused(shown, error)
    return data if isinstance(data, Unread) else _text(shown, data)


def decode(name: str, data: bytes) -> str | Unread:
    """Return the text of what was read elsewhere, such as from standard input, under the rules of a file."""
    if len(data) > LARGEST_FILE:
        return Unread(name=name, code=Code.FILE_TOO_LARGE, reason=f"{LARGEST_FILE // 2**20} MiB")
    return _text(name, data)


def _bytes(path: Path, shown: str, *, found_in_folder: bool, largest: int) -> bytes | Unread:
    reason = "" if found_in_folder else "named"
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait for ever, a device never end
        return Unread(name=shown, code=Code.NOT_A_FILE, reason=reason)
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return Unread(name=shown, code=Code.NOT_A_FILE, reason=reason)
        data = stream.read(largest + 1)
    if len(data) <= largest:
        return data
    return Unread(name=shown, code=Code.FILE_TOO_LARGE, reason=f"{largest // 2**20} MiB")


def _text(name: str, data: bytes) -> str | Unread:
    if data.startswith(_UTF16_MARKS):
        return Unread(name=name, code=Code.NOT_UTF8, reason="it looks like UTF-16")
    skipped = len(_UTF8_MARK) if data.startswith(_UTF8_MARK) else 0
    nul = data.find(b"\0")
    if nul >= 0:
        return Unread(name=name, code=Code.BINARY_FILE, reason=f"byte {nul} from its start is NUL")
    try:
        text = data[skipped:].decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(name, data, skipped, skipped + error.start)
    return Unread(name=name, code=Code.EMPTY_FILE) if not text or text.isspace() else text


def _not_utf8(name: str, data: bytes, skipped: int, offset: int) -> Unread:
    lines = data[skipped:offset].decode("utf-8").split("\n")
    return Unread(
        name=name,
        code=Code.NOT_UTF8,
        reason=f"byte {offset} from its start (0x{data[offset]:02x}) is not valid",
        line=len(lines),
        column=len(lines[-1]) + 1,
    )


def _refused(shown: str, error: OSError | ValueError) -> Unread:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return Unread(name=shown, code=Code.MANIFEST_NOT_FOUND)
    reason = error.strerror if isinstance(error, OSError) else None
    return Unread(name=shown, code=Code.UNREADABLE_FILE, reason=reason or str(error))


@dataclass(frozen=True, slots=True)
class IncludedFile:
    """A file that a manifest names, as it was read: what it is called in messages, its folder, and its text."""

    name: str
    folder: Path
    text: str


class IncludedFiles:
    """The files that the manifests in one folder name: certificates, keys and overlays, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[tuple[Path, str], IncludedFile | Unread] = {}

    def read(self, written: str, *, folder: Path) -> IncludedFile | Unread:
        """Return the file that somebody wrote the path of, relative to the folder of the file that names it."""
        key = (folder, written)
        if key not in self._known:
            self._known[key] = self._read(written, folder)
        return self._known[key]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Return what was read so far, as name and text."""
        return [(found.name, found.text) for found in self._known.values() if isinstance(found, IncludedFile)]

    def _read(self, written: str, folder: Path) -> IncludedFile | Unread:
        name = str(folder / written)
        if Path(written).is_absolute() or ".." in _SEPARATOR.split(written):
            return Unread(name=written, code=Code.PATH_OUTSIDE)
        try:
            real = (folder / written).resolve(strict=True)
            inside = real.is_relative_to(self.folder.resolve())
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
            missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
            code = Code.FILE_NOT_FOUND if missing else Code.UNREADABLE_FILE
            return Unread(name=name, code=code, reason=getattr(error, "strerror", None) or "its path does not exist")
        if not inside:
            return Unread(name=written, code=Code.PATH_OUTSIDE, reason=": a symbolic link points outside")
        text = read(real, largest=LARGEST_PART, name=name)
        return text if isinstance(text, Unread) else IncludedFile(name, (folder / written).parent, text)


def digest(texts: Iterable[tuple[str, str]], folder: Path) -> str:
    """Return `sha256:` and the digest of files, given as name and text.

    A saved plan contains it to identify its manifest. It does not depend on where the folder lies.
    """
    total = hashlib.sha256()
    for name, text in sorted((_below(name, folder), text) for name, text in texts):
        # With the lengths, so that no text can pass for the name of the next file.
        for data in (name.encode("utf-8", "surrogateescape"), text.encode("utf-8")):
            total.update(b"%d:" % len(data))
            total.update(data)
    return f"sha256:{total.hexdigest()}"


def _below(name: str, folder: Path) -> str:
    path = Path(name)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
