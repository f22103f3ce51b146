"""A path to the desired state and every problem on the way: reading, parsing, checking and assembling, in this order.

Each stage goes on with what the one before could make out, so that one run reports everything.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.state import Desired, Settings
from reconciler.diagnostics import Diagnostic
from reconciler.manifest import (
    accepting,
    build,
    checks,
    file_problems,
    manifest_checks,
    named_files,
    patterns,
    reading,
    rules,
)
from reconciler.manifest.assembling import Parsed, assemble
from reconciler.manifest.beside import Beside
from reconciler.manifest.digest import digest
from reconciler.manifest.documents import Document
from reconciler.manifest.findings import Finding, Source, diagnostics
from reconciler.manifest.flaws import Flaw
from reconciler.manifest.nodes import BROKEN
from reconciler.manifest.overlay_files import OverlayFiles
from reconciler.manifest.rules import private_keys
from reconciler.manifest.rules.context import Context
from reconciler.manifest.yaml_tree import parse


@dataclass(slots=True)
class _Loaded:
    """What has been understood so far."""

    context: Context
    parsed: list[Parsed] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    complete: bool = True

    def give_up(self, unread: reading.Unread) -> None:
        """Report a file or folder that gave no text."""
        self.problems.append(file_problems.unread(unread))
        self.complete = False


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the folder that could be read, whatever is in it."""

    path: Path
    document: Document
    flaws: tuple[Flaw, ...]


def load(path: Path, *, organization: str | None, now: float | None) -> tuple[Desired, tuple[Diagnostic, ...]]:
    """See `reconciler.manifest.load`."""
    with _collector_paused():
        return _load(path, organization, now)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No search for cycles meanwhile: trees have none, and looking through a large one again and again takes long."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _load(path: Path, organization: str | None, now: float | None) -> tuple[Desired, tuple[Diagnostic, ...]]:
    found = reading.find(path)
    alone = found == (path,)
    loaded = _Loaded(Context(Beside(path.parent if alone else path), now))
    if isinstance(found, reading.Unread):
        loaded.give_up(found)
        found = ()
    files = [file for one in found if (file := _read(one, loaded, in_folder=not alone)) is not None]
    overlay_paths = {path for file in files for path in named_files.overlay_paths(file.document)}
    for file in files:
        if alone or file.path not in overlay_paths:  # an overlay that lies among the manifests is none of them
            _understand(file, loaded)
    overlays = OverlayFiles(lambda document: _check(document, loaded.context))
    documents = [one.document for one in loaded.parsed]
    loaded.problems += manifest_checks.check(documents, organization=organization, complete=loaded.complete)
    assembled = assemble(loaded.parsed, loaded.context.beside, overlays)
    loaded.problems += [*overlays.problems, *assembled.problems]
    named = manifest_checks.organization_of(documents)
    desired = Desired(
        repositories=assembled.repositories,
        globs=assembled.globs,
        organization=organization if organization is not None or named is None else named[0],
        settings=_settings(loaded.parsed),
        digest=digest([*_texts(documents), *loaded.context.beside.texts], loaded.context.beside.folder),
    )
    return desired, tuple(sorted(loaded.problems, key=_order))


def _texts(documents: Iterable[Document]) -> Iterator[tuple[str, str]]:
    return ((document.source.name, document.source.text) for document in documents)


def _order(problem: Diagnostic) -> tuple[object, ...]:
    place = problem.place
    return (place.file, place.line, place.column, problem.code) if place else ("", 0, 0, problem.code)


def _read(path: Path, loaded: _Loaded, *, in_folder: bool) -> _File | None:
    text = reading.read(path, found_in_folder=in_folder)
    if isinstance(text, reading.Unread):
        loaded.give_up(text)
        return None
    source, tree = Source(str(path), text), parse(text)
    return _File(path, Document(source, tree.root), (*tree.flaws, *file_problems.nothing(tree, text)))


def _understand(file: _File, loaded: _Loaded) -> None:
    document, source = file.document, file.document.source
    findings = [file_problems.flaw(flaw, source) for flaw in file.flaws]
    if document.root is BROKEN or document.root is None:
        loaded.complete = False
    else:
        loaded.parsed.append(Parsed(document, _accepted(document, findings)))
        findings += _check(document, loaded.context)
    loaded.problems += diagnostics(source, findings)


def _check(document: Document, context: Context) -> list[Finding]:
    """What is wrong within the blocks of one file."""
    findings = [*checks.check(document), *named_files.check(document, context.beside), *private_keys.check(document)]
    for block in document.blocks():
        findings += checks.check_block(block)
        findings += rules.check(block, context)
    return findings


def _accepted(document: Document, findings: list[Finding]) -> build.Tree:
    """What is right in a file; what is wrong joins the findings."""
    root = document.top
    if root is not None and accepting.manifest(root):
        return root
    from reconciler.manifest import judging

    accepted, refused = judging.manifest(document.root)
    findings += refused
    return accepted


def _settings(parsed: Sequence[Parsed]) -> Settings:
    """The settings of all files; of two values for one the first."""
    given: dict[str, str] = {}
    for one in parsed:
        given = {**one.tree.get("settings", {}), **given}
    return Settings(
        prune=build.is_true(given, "prune"),
        max_removal=patterns.share(given["max_removal"]) if "max_removal" in given else None,
        require_resolve=build.is_true(given, "require_resolve"),
    )
