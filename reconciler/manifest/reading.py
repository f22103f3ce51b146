"""From a path to the texts of the manifest files: which files there are, and what is in them as UTF-8.

Whatever the file system says becomes an `Unread` value, worded in `file_problems`; YAML is not looked at here.
"""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.manifest.codes import Code

LARGEST_FILE: Final = 64 * 1024 * 1024
LARGEST_PART: Final = 1024 * 1024
SUFFIXES: Final = (".yaml", ".yml")

_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A file or folder that gave no text, with the reason where there is more than one."""

    name: str
    code: Code
    reason: str = ""
    line: int = 1
    column: int = 1


def find(path: Path) -> tuple[Path, ...] | Unread:
    """The manifest files that a path stands for: itself, or the YAML files that lie directly in the folder."""
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return (path,)
        names = [one.name for one in path.iterdir()]
    except (OSError, ValueError) as error:
        return _refused(str(path), error)
    chosen = sorted(name for name in names if name.endswith(SUFFIXES) and not name.startswith("."))
    return tuple(path / name for name in chosen) or Unread(name=str(path), code=Code.NO_MANIFESTS)


def read(path: Path, *, found_in_folder: bool = False, largest: int | None = None, name: str = "") -> str | Unread:
    """The text of a file without its byte order mark; `name` is what it is called in messages."""
    shown = name or str(path)
    try:
        data = _bytes(path, shown, only_regular=found_in_folder, largest=largest or LARGEST_FILE)
    except (OSError, ValueError) as error:
        return _refused(shown, error)
    return data if isinstance(data, Unread) else _text(shown, data)


def _bytes(path: Path, shown: str, *, only_regular: bool, largest: int) -> bytes | Unread:
    mode = path.stat().st_mode
    # A pipe that was named on purpose is read; one that merely lies in a folder would block for ever.
    if stat.S_ISDIR(mode) or (only_regular and not stat.S_ISREG(mode)):
        return Unread(name=shown, code=Code.NOT_A_FILE)
    with path.open("rb") as stream:
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
        reason=f"byte {offset} from its start (0x{data[offset]:02x}) fits no character",
        line=len(lines),
        column=len(lines[-1]) + 1,
    )


def _refused(shown: str, error: OSError | ValueError) -> Unread:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return Unread(name=shown, code=Code.MANIFEST_NOT_FOUND)
    reason = error.strerror if isinstance(error, OSError) else None
    return Unread(name=shown, code=Code.UNREADABLE_FILE, reason=reason or str(error))
