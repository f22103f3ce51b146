"""Certificates and keys as files beside the manifest: what each is called, and which files have to be written.

A file that is there is never changed, as other entries may use it: another content gets another name.
"""

import re
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Final

from reconciler.core.overlay import PemFile, Section, pem_text
from reconciler.diagnostics import Diagnostic
from reconciler.manifest.writing.files import FilesRefused
from reconciler.manifest.writing.shapes import Shape

FOLDER: Final = "certs"
SUFFIX: Final = ".pem"

_LONGEST: Final = 100
_HINT: Final = "check the permissions of the folder"


class PemShelf:
    """The files of one folder, with those that still have to be written in `new`: path in the folder to text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contents: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self.new: dict[str, str] = {}

    def place(self, _section: Section, file: PemFile) -> dict[str, Shape]:
        """The item of a list for a certificate or key, its text in a file of its own."""
        return {"name": file.name, "file": self.path(file)}

    def path(self, file: PemFile) -> str:
        """Where the text of a certificate or key lies, relative to the manifest's folder."""
        stem = safe_name(file.name.removesuffix(SUFFIX)) or "certificate"
        for number in count(1):
            written = f"{FOLDER}/{stem if number == 1 else f'{stem}-{number}'}{SUFFIX}"
            # Names that differ in case alone are one file on some systems.
            path = self._names.setdefault(written.casefold(), written)
            if self._holds(path, file):
                return path
        raise AssertionError("some number is free")

    def _holds(self, path: str, file: PemFile) -> bool:
        """Whether a path holds this text, or is free and holds it from now on."""
        if path not in self._contents:
            there = self._read(path)
            if there is None:
                self.new[path] = file.text if file.text.endswith("\n") else file.text + "\n"
            self._contents[path] = pem_text(self.new[path] if there is None else there)
        return self._contents[path] == file.pem

    def _read(self, path: str) -> str | None:
        """The text of a file that is there, None for none; "" for what is no text, which fits no certificate."""
        whole = self._folder / PurePosixPath(path)
        try:
            return whole.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (IsADirectoryError, UnicodeDecodeError):
            return ""
        except OSError as error:
            summary = f"{whole} cannot be read: {error.strerror}"
            raise FilesRefused((Diagnostic(code="unreadable-file", summary=summary, hint=_HINT),)) from None


def safe_name(name: str) -> str:
    """A name that is one on every file system: letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:_LONGEST]
