"""A path to the desired state and every problem on the way: reading, parsing, checking and building, in this order.

Each stage goes on with what the one before could make out, so that one run reports everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from reconciler.core.desired import Address, Desired, DesiredRepository
from reconciler.diagnostics import Diagnostic
from reconciler.manifest import build, checks, file_problems, manifest_checks, problems, reading
from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Document
from reconciler.manifest.findings import Finding, Source, diagnostics
from reconciler.manifest.flaws import Flaw
from reconciler.manifest.nodes import BROKEN
from reconciler.manifest.schema import ManifestFile, Repository
from reconciler.manifest.yaml_tree import Tree, parse


@dataclass(slots=True)
class _Loaded:
    """What has been understood so far."""

    documents: list[Document] = field(default_factory=list)
    repositories: dict[Address, DesiredRepository] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    complete: bool = True

    def give_up(self, unread: reading.Unread) -> None:
        """Report a file or folder that gave no text."""
        self.problems.append(file_problems.unread(unread))
        self.complete = False


def load(path: Path, *, organization: str | None) -> tuple[Desired, tuple[Diagnostic, ...]]:
    """See `reconciler.manifest.load`."""
    loaded = _Loaded()
    found = reading.find(path)
    if isinstance(found, reading.Unread):
        loaded.give_up(found)
        found = ()
    for one in found:
        _load_file(one, loaded, in_folder=found != (path,))
    loaded.problems += manifest_checks.check(loaded.documents, organization=organization, complete=loaded.complete)
    named = manifest_checks.organization_of(loaded.documents)
    desired = Desired(
        repositories=tuple(loaded.repositories.values()),
        organization=organization if organization is not None or named is None else named[0],
    )
    return desired, tuple(sorted(loaded.problems, key=_order))


def _order(problem: Diagnostic) -> tuple[object, ...]:
    place = problem.place
    return (place.file, place.line, place.column, problem.code) if place else ("", 0, 0, problem.code)


def _load_file(path: Path, loaded: _Loaded, *, in_folder: bool) -> None:
    text = reading.read(path, found_in_folder=in_folder)
    if isinstance(text, reading.Unread):
        loaded.give_up(text)
        return
    source, tree = Source(str(path), text), parse(text)
    document = Document(source, tree.root)
    findings = [file_problems.flaw(flaw, source) for flaw in (*tree.flaws, *_nothing(tree, text))]
    if tree.root is BROKEN or tree.root is None:
        loaded.complete = False
    else:
        entries = _validate(document, findings)
        findings += checks.check(document)
        _build(document, entries, loaded)
        loaded.documents.append(document)
    loaded.problems += diagnostics(source, findings)


def _nothing(tree: Tree, text: str) -> Iterator[Flaw]:
    """The flaw of a document that has nothing in it."""
    if tree.root is None and not tree.flaws:
        lines = (line.strip() for line in text.splitlines())
        comments = all(line.startswith("#") for line in lines if line)
        yield Flaw(code=Code.ONLY_COMMENTS if comments else Code.EMPTY_FILE, at=0)


def _validate(document: Document, findings: list[Finding]) -> dict[str, Repository]:
    """The entries that the schema accepts; what it refuses joins the findings."""
    root = document.root
    try:
        return ManifestFile.model_validate(root).repositories
    except ValidationError as error:
        refused = error.errors(include_url=False)
    findings += problems.explain(refused, root)
    spoilt = {one["loc"][1] for one in refused if len(one["loc"]) > 1 and one["loc"][0] == "repositories"}
    kept = {name: entry for name, _, entry in document.entries() if name not in spoilt}
    return ManifestFile.model_validate({"repositories": kept}).repositories


def _build(document: Document, entries: dict[str, Repository], loaded: _Loaded) -> None:
    for name, at, _ in document.entries():
        if name in entries:
            built = build.repository(name, entries[name], document.source.place(at))
            loaded.repositories.setdefault(built.address, built)
