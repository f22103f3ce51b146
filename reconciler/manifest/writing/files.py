"""The files of a manifest's folder while they are changed: tried out in a folder of their own, then put in place.

Every file is written beside its place and renamed into it, so that none is ever half written.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

import yaml

from reconciler.diagnostics import Diagnostic
from reconciler.manifest import files as manifest_files
from reconciler.manifest import messages
from reconciler.manifest.writing.syntax import Mapping as Branch
from reconciler.manifest.writing.syntax import Node, Scalar, Sequence, syntax_of

_MODE: Final = 0o644
_DEEPEST: Final = 2
_NAMES_A_FILE: Final = frozenset({"file", "overlay"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Which files were put in place, and what kept the rest from it."""

    files: tuple[str, ...]
    problem: str = ""


class FilesRefused(Exception):  # noqa: N818 - it reads as what happened
    """The files that are there cannot be read."""

    def __init__(self, problems: tuple[Diagnostic, ...]) -> None:
        super().__init__()
        self.problems = problems


def manifests(folder: Path) -> dict[str, str]:
    """The texts of the manifest files in a folder by name; raises `FilesRefused`."""
    if not folder.exists():
        return {}
    found = manifest_files.find(folder)
    if isinstance(found, manifest_files.Unread):
        return {}
    texts: dict[str, str] = {}
    for path in found:
        text = manifest_files.read(path, found_in_folder=True)
        if isinstance(text, manifest_files.Unread):
            raise FilesRefused((messages.unread_file(text),))
        texts[path.name] = text
    return texts


@contextmanager
def tried_out(folder: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    """A folder with these files and what they refer to in the real one; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as name:
        trial = Path(name)
        for text in texts.values():
            _bring(folder, trial, text)
        for path, text in texts.items():
            (trial / path).parent.mkdir(parents=True, exist_ok=True)
            (trial / path).write_text(text, encoding="utf-8", newline="")
        yield trial


def told_of(folder: Path, trial: Path, problems: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Problems found in a trial as if they had been found in the real folder."""

    def real(text: str) -> str:
        return text.replace(str(trial), str(folder))

    return tuple(
        replace(
            one,
            summary=real(one.summary),
            detail=real(one.detail),
            hint=real(one.hint),
            place=replace(one.place, file=real(one.place.file)) if one.place else None,
        )
        for one in problems
    )


def write(folder: Path, texts: Mapping[str, str], *, before: Mapping[str, str]) -> Written:
    """Put files in place; one that is not any more as it was read `before` is left alone, and so is what follows."""
    done: list[str] = []
    for path, text in texts.items():
        try:
            if path in before and manifest_files.read(folder / path) != before[path]:
                return Written(files=tuple(done), problem=f"{folder / path} was changed by somebody else meanwhile")
            _write(Path(os.path.realpath(folder / path)), text)
        except OSError as error:
            return Written(files=tuple(done), problem=f"{folder / path} cannot be written: {error.strerror}")
        done.append(path)
    return Written(files=tuple(done))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else _MODE
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(beside).chmod(mode)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _bring(folder: Path, trial: Path, text: str, *, below: str = "", depth: int = 0) -> None:
    """Copy what a text refers to, and what overlay files refer to; what is outside is left to the reader to refuse."""
    for reference in references(text):
        path = PurePosixPath(below) / reference
        outside = ".." in path.parts or path.is_absolute() or "\\" in reference
        if outside or (trial / path).exists() or not (folder / path).is_file():
            continue
        if not (folder / path).resolve().is_relative_to(folder.resolve()):
            continue
        (trial / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / path, trial / path)
        inner = manifest_files.read(folder / path)
        if isinstance(inner, str) and path.suffix in manifest_files.SUFFIXES and depth < _DEEPEST:
            _bring(folder, trial, inner, below=str(path.parent), depth=depth + 1)


def references(text: str) -> Iterator[str]:
    """The files that a manifest or an overlay file names."""
    try:
        root = syntax_of(text).root
    except (yaml.YAMLError, RecursionError):
        return  # whoever loads the file tells what is wrong with it
    yield from _named(root)


def _named(node: Node | None) -> Iterator[str]:
    match node:
        case Branch(pairs=pairs):
            for key, value in pairs:
                if isinstance(key, Scalar) and key.value in _NAMES_A_FILE and isinstance(value, Scalar) and value.value:
                    yield value.value
                yield from _named(value)
        case Sequence(items=items):
            for one in items:
                yield from _named(one)
        case _:
            return
