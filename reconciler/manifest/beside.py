"""Files that a manifest names: certificates, keys and overlays. Read once each, and only inside the manifest's folder.

What is in them is the business of others; problems are worded in `file_problems`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.manifest import reading
from reconciler.manifest.codes import Code
from reconciler.manifest.reading import Unread

_SEPARATOR: Final = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True)
class Named:
    """A file that was read: what it is called in messages, its folder, and its text."""

    name: str
    folder: Path
    text: str


class Beside:
    """The files beside the manifest in one folder; nothing outside of it is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[tuple[Path, str], Named | Unread] = {}

    def read(self, written: str, *, folder: Path) -> Named | Unread:
        """The file that somebody wrote the path of, relative to the folder of the file that names it."""
        key = (folder, written)
        if key not in self._known:
            self._known[key] = self._read(written, folder)
        return self._known[key]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """What was read so far, as name and text."""
        return [(found.name, found.text) for found in self._known.values() if isinstance(found, Named)]

    def _read(self, written: str, folder: Path) -> Named | Unread:
        name = str(folder / written)
        if Path(written).is_absolute() or ".." in _SEPARATOR.split(written):
            return Unread(name=written, code=Code.PATH_OUTSIDE)
        try:
            real = (folder / written).resolve(strict=True)
            inside = real.is_relative_to(self.folder.resolve())
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
            missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
            code = Code.FILE_NOT_FOUND if missing else Code.UNREADABLE_FILE
            return Unread(name=name, code=code, reason=getattr(error, "strerror", None) or "its path leads nowhere")
        if not inside:
            return Unread(name=written, code=Code.PATH_OUTSIDE, reason=", as a link leads out of it")
        text = reading.read(real, found_in_folder=True, largest=reading.LARGEST_PART, name=name)
        return text if isinstance(text, Unread) else Named(name, (folder / written).parent, text)
