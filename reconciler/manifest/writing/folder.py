"""The manifest files of a folder while they change: read, searched for entries, tried out, verified, put in place.

Every file is written to a temporary name and renamed, so that none is ever half written.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

import yaml

from reconciler.core.globs import resolve_globs
from reconciler.core.layers import Layer
from reconciler.core.planner import plan
from reconciler.core.state import Address, Desired, Directory, Live
from reconciler.core.steps import Action, ReasonCode, Step
from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.manifest import files as manifest_files
from reconciler.manifest.codes import Code
from reconciler.manifest.problems import unread_file
from reconciler.manifest.values import is_glob
from reconciler.manifest.writing.syntax import Anchors, Node, ScalarNode, Sequence, Shape, Syntax, syntax_of
from reconciler.manifest.writing.syntax import Mapping as Branch

Load: TypeAlias = Callable[[Path], tuple[Desired, tuple[Diagnostic, ...]]]

REPOSITORIES: Final = "repositories"

_MODE: Final = 0o644
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_DEEPEST: Final = 2
_NAMES_A_FILE: Final = frozenset({"file", "overlay"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFiles:
    """Files that were put in place, and why the others were not."""

    files: tuple[str, ...]
    problem: str = ""


class FilesRefused(Exception):  # noqa: N818 - it reads as what happened
    """The files that are there cannot be read."""

    def __init__(self, problems: tuple[Diagnostic, ...]) -> None:
        super().__init__()
        self.problems = problems


def read_manifests(folder: Path) -> dict[str, str]:
    """Return the texts of the manifest files in a folder by name; raises `FilesRefused`."""
    found = manifest_files.find(folder)
    if isinstance(found, manifest_files.Unread):
        if found.code in (Code.MANIFEST_NOT_FOUND, Code.NO_MANIFESTS):
            return {}
        raise FilesRefused((unread_file(found),))
    texts: dict[str, str] = {}
    for path in found:
        text = manifest_files.read(path, found_in_folder=True)
        if isinstance(text, manifest_files.Unread):
            raise FilesRefused((unread_file(text),))
        texts[path.name] = text
    return texts


@contextmanager
def _trial_folder(folder: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    """Create a temporary folder with these files and what they refer to in the real one."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as name:
        trial = Path(name)
        for text in texts.values():
            _copy_named_files(folder, trial, text)
        for path, text in texts.items():
            (trial / path).parent.mkdir(parents=True, exist_ok=True)
            (trial / path).write_text(text, encoding="utf-8", newline="")
        yield trial


def in_folder(folder: Path, trial: Path, problems: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Return problems found in a trial as if they had been found in the real folder."""

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


def write_files(folder: Path, texts: Mapping[str, str], *, before: Mapping[str, str]) -> WrittenFiles:
    """Put files in place; one that is not any more as it was read `before` is left alone, and so is what follows."""
    done: list[str] = []
    for path, text in texts.items():
        try:
            if path in before and manifest_files.read(folder / path) != before[path]:
                return WrittenFiles(files=tuple(done), problem=f"{folder / path} was changed by another process")
            _write(Path(os.path.realpath(folder / path)), text)
        except OSError as error:
            return WrittenFiles(files=tuple(done), problem=f"cannot write {folder / path}: {error.strerror}")
        done.append(path)
    return WrittenFiles(files=tuple(done))


def _write(path: Path, text: str) -> None:
    """Replace a file; its mode and its byte order mark stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else _MODE
    data = _byte_order_mark(path) + text.encode("utf-8")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _byte_order_mark(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as stream:
        begin = stream.read(len(_BYTE_ORDER_MARK))
    return begin if begin == _BYTE_ORDER_MARK else b""


def _copy_named_files(folder: Path, trial: Path, text: str, *, below: str = "", depth: int = 0) -> None:
    """Copy what a text refers to, and what overlay files refer to; what is outside is left to the reader to refuse."""
    for reference in _references(text):
        path = PurePosixPath(below) / reference
        outside = ".." in path.parts or path.is_absolute() or "\\" in reference
        if outside or (trial / path).exists() or not (folder / path).is_file():
            continue
        if not (folder / path).resolve().is_relative_to(folder.resolve()):
            continue
        (trial / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / path, trial / path)
        inner = manifest_files.read(folder / path)
        if isinstance(inner, str) and manifest_files.is_yaml(path.name) and depth < _DEEPEST:
            _copy_named_files(folder, trial, inner, below=str(path.parent), depth=depth + 1)


def _references(text: str) -> Iterator[str]:
    """Yield the files that a manifest or an overlay file may name."""
    try:
        root = syntax_of(text).root
    except (yaml.YAMLError, RecursionError):
        return  # loading the file reports what is wrong with it
    yield from _named(root)


def _named(node: Node | None) -> Iterator[str]:
    match node:
        case Branch(pairs=pairs):
            for key, value in pairs:
                if (
                    isinstance(key, ScalarNode)
                    and key.value in _NAMES_A_FILE
                    and isinstance(value, ScalarNode)
                    and value.value
                ):
                    yield value.value
                yield from _named(value)
        case Sequence(items=items):
            for one in items:
                yield from _named(one)
        case _:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedEntry:
    """An entry: the file, the key, what it says now, and its first and last line (from 1)."""

    file: str
    key: str
    shape: Mapping[str, Shape]
    first: int
    last: int
    text: str

    @property
    def path(self) -> tuple[str, ...]:
        """Return the keys that lead to it."""
        return (REPOSITORIES, self.key)

    def holds(self, place: Place, folder: str) -> bool:
        """Return whether a place is in the entry, or in a file that only its text names."""
        inside = place.file.removeprefix(folder).lstrip("/")
        return self.first <= place.line <= self.last if inside == self.file else inside in self.text


def locate(texts: Mapping[str, str], directory: Directory) -> dict[str, LocatedEntry]:
    """Return the entry of each live repository that has one of its own, by the repository's clear name."""
    found: dict[str, LocatedEntry] = {}
    for file, text in texts.items():
        for one in _entries(file, syntax_of(text)):
            meant = () if is_glob(one.key) else directory.find(Address.parse(one.key))
            if len(meant) == 1:
                found.setdefault(directory.label(meant[0]), one)
    return found


def has_repositories(text: str) -> bool:
    """Return whether a file has a place for entries."""
    root = syntax_of(text).root
    return isinstance(root, Branch) and root.get(REPOSITORIES) is not None


def _entries(file: str, syntax: Syntax) -> Iterator[LocatedEntry]:
    anchors = Anchors(syntax.root)
    block = syntax.root.get(REPOSITORIES) if isinstance(syntax.root, Branch) else None
    if not isinstance(block, Branch):
        return
    for key, value in block.pairs:
        shape = anchors.shape(value)
        end = max(key.end, value.end)
        if isinstance(key, ScalarNode):
            yield LocatedEntry(
                file=file,
                key=key.value,
                shape=shape if isinstance(shape, dict) else {},
                first=syntax.line(key.start) + 1,
                last=syntax.line(end) + 1,
                text=syntax.text[key.start : end],
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Problems of each repository that was verified, and problems that belong to none of them."""

    wrong: Mapping[str, str]
    problems: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def holds(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.wrong and not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Reads and plans the manifests of one folder."""

    folder: Path
    live: Live
    load: Load

    def of(self, texts: Mapping[str, str], labels: Iterable[str]) -> Verification:
        """Return whether the files would give these repositories exactly what is live, and no others anything wrong."""
        wanted = frozenset(labels)
        desired, found = self._tried(texts)
        if found.problems:
            return self._blamed(texts, wanted, found.problems)
        return replace(found, wrong=self._differing(desired, wanted))

    def of_overlays(self, texts: Mapping[str, str]) -> Verification:
        """Return whether the files declare overlays and bindings exactly as they are live."""
        desired, found = self._tried(texts)
        if found.problems:
            return found
        planned = plan(desired, self.live)
        steps = (*planned.overlay_steps, *(one for one in planned.steps if one.reason.code is ReasonCode.BOUND))
        wrong = {one.label: f"planning it would {one.action} it" for one in steps if one.action is not Action.NONE}
        return Verification(wrong=wrong)

    def in_place(self, labels: Iterable[str]) -> Verification:
        """Return the verification of the files as they now are."""
        desired, problems = self.load(self.folder)
        return replace(_sorted(problems), wrong=self._differing(desired, frozenset(labels)))

    def _tried(self, texts: Mapping[str, str]) -> tuple[Desired, Verification]:
        """Return what the files would mean, and the problems in them."""
        with _trial_folder(self.folder, texts) as trial:
            desired, problems = self.load(trial)
            return desired, _sorted(in_folder(self.folder, trial, problems))

    def layers(self, texts: Mapping[str, str]) -> tuple[Path, dict[str, tuple[Layer, ...]]]:
        """Return where the files were tried, and the layers that speak of each repository, by its clear name."""
        with _trial_folder(self.folder, texts) as trial:
            desired, _ = self.load(trial)
        directory = Directory(self.live)
        found: dict[str, tuple[Layer, ...]] = {}
        for entry in resolve_globs(desired, self.live, directory).entries:
            meant = directory.find(entry.address)
            if len(meant) == 1:
                found[directory.label(meant[0])] = entry.layers
        return trial, found

    def _blamed(self, texts: Mapping[str, str], wanted: frozenset[str], errors: tuple[Diagnostic, ...]) -> Verification:
        located = {label: one for label, one in locate(_yaml(texts), Directory(self.live)).items() if label in wanted}
        wrong: dict[str, str] = {}
        nobody: list[Diagnostic] = []
        for error in errors:
            place = error.place
            guilty = [label for label, one in located.items() if place and one.holds(place, str(self.folder))]
            for label in guilty:
                wrong.setdefault(label, error.summary)
            if not guilty:
                nobody.append(error)
        return Verification(wrong=wrong, problems=tuple(nobody))

    def _differing(self, desired: Desired, wanted: frozenset[str]) -> dict[str, str]:
        steps = {step.repository: step for step in plan(desired, self.live).steps}
        differences = ((label, _difference(steps.get(label))) for label in sorted(wanted))
        return {label: difference for label, difference in differences if difference}


def _sorted(problems: tuple[Diagnostic, ...]) -> Verification:
    """Return the errors of a manifest as problems, and its warnings."""
    found = {severity: tuple(one for one in problems if one.severity is severity) for severity in Severity}
    return Verification(wrong={}, problems=found[Severity.ERROR], warnings=found[Severity.WARNING])


def _difference(step: Step | None) -> str:
    """Return what a step would do, "" for nothing."""
    if step is None:
        return "not in the manifest"
    if step.action is Action.NONE:
        return ""
    named = ", ".join(dict.fromkeys(change.path for change in step.changes))
    return f"planning it would {step.action} it" + (f": {named}" if named else f" ({step.reason.code})")


def _yaml(texts: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in texts.items() if manifest_files.is_yaml(path)}
