"""A manifest file that was read: its source, its tree, and its entries with their places."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.diagnostics import Place
from reconciler.manifest.findings import Source
from reconciler.manifest.nodes import MapNode


@dataclass(frozen=True, slots=True)
class Document:
    """A file with its tree; `root` is `BROKEN` where the YAML could not be read."""

    source: Source
    root: object

    @property
    def top(self) -> MapNode | None:
        """The top level, where it is a mapping as it should be."""
        return self.root if isinstance(self.root, MapNode) else None

    def place_of(self, key: str) -> Place:
        """Where the value of a top-level key stands."""
        return self.source.place(self.top.marks_of(key)[1] if self.top is not None else 0)

    def entries(self) -> Iterator[tuple[str, int, object]]:
        """Each repository as it is addressed, where that stands, and its entry, in the order of the file."""
        repositories = self.top.get("repositories") if self.top is not None else None
        if isinstance(repositories, MapNode):
            for (name, at), entry in zip(repositories.keys_at(), repositories.values(), strict=True):
                yield name, at, entry
