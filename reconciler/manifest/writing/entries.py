"""Where the entries of repositories stand in the manifest files of a folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.state import Address, Directory
from reconciler.diagnostics import Place
from reconciler.manifest.patterns import is_glob
from reconciler.manifest.writing.meaning import Anchors
from reconciler.manifest.writing.shapes import Shape
from reconciler.manifest.writing.syntax import Mapping as Branch
from reconciler.manifest.writing.syntax import Scalar, Syntax, syntax_of

REPOSITORIES = "repositories"


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """An entry: the file, the key, what it says now, and its first and last line (from 1)."""

    file: str
    key: str
    shape: Mapping[str, Shape]
    first: int
    last: int
    text: str

    @property
    def path(self) -> tuple[str, ...]:
        """The keys that lead to it."""
        return (REPOSITORIES, self.key)

    def holds(self, place: Place, folder: str) -> bool:
        """Whether a place is in the entry, or in a file that only its text names."""
        inside = place.file.removeprefix(folder).lstrip("/")
        return self.first <= place.line <= self.last if inside == self.file else inside in self.text


def locate(texts: Mapping[str, str], directory: Directory) -> dict[str, Located]:
    """The entry of each live repository that has one of its own, by the repository's clear name."""
    found: dict[str, Located] = {}
    for file, text in texts.items():
        for one in _entries(file, syntax_of(text)):
            meant = () if is_glob(one.key) else directory.find(Address.parse(one.key))
            if len(meant) == 1:
                found.setdefault(directory.label(meant[0]), one)
    return found


def has_repositories(text: str) -> bool:
    """Whether a file has a place for entries."""
    root = syntax_of(text).root
    return isinstance(root, Branch) and root.get(REPOSITORIES) is not None


def _entries(file: str, syntax: Syntax) -> Iterator[Located]:
    anchors = Anchors(syntax.root)
    block = syntax.root.get(REPOSITORIES) if isinstance(syntax.root, Branch) else None
    if not isinstance(block, Branch):
        return
    for key, value in block.pairs:
        shape = anchors.shape(value)
        end = max(key.end, value.end)
        if isinstance(key, Scalar):
            yield Located(
                file=file,
                key=key.value,
                shape=shape if isinstance(shape, dict) else {},
                first=syntax.line(key.start) + 1,
                last=syntax.line(end) + 1,
                text=syntax.text[key.start : end],
            )
