"""A file that was read: its source, its tree, and the blocks of sections in it with their places."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.diagnostics import Place
from reconciler.manifest.findings import Source
from reconciler.manifest.nodes import MapNode

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A mapping of sections, with its file and the path of keys that leads to it.

    An entry, a profile, the defaults, or a whole overlay file.
    """

    source: Source
    path: Path
    node: MapNode


@dataclass(frozen=True, slots=True)
class Document:
    """A file with its tree; `root` is `BROKEN` where the YAML could not be read. `is_overlay`: it is no manifest."""

    source: Source
    root: object
    is_overlay: bool = False

    @property
    def top(self) -> MapNode | None:
        """The top level, where it is a mapping as it should be."""
        return self.root if isinstance(self.root, MapNode) else None

    def place_of(self, key: str) -> Place:
        """Where the value of a top-level key stands."""
        return self.source.place(self.top.marks_of(key)[1] if self.top is not None else 0)

    def entries(self) -> Iterator[tuple[str, int, object]]:
        """Each repository as it is addressed, where that stands, and its entry, in the order of the file."""
        yield from self._below("repositories")

    def profiles(self) -> Iterator[tuple[str, int, object]]:
        """Each profile as it is named, where that stands, and its sections, in the order of the file."""
        yield from self._below("profiles")

    def blocks(self) -> Iterator[Block]:
        """Every block of sections."""
        if self.is_overlay:
            if self.top is not None:
                yield Block(self.source, (), self.top)
            return
        defaults = self.top.get("defaults") if self.top is not None else None
        if isinstance(defaults, MapNode):
            yield Block(self.source, ("defaults",), defaults)
        for key in ("profiles", "repositories"):
            for name, _, node in self._below(key):
                if isinstance(node, MapNode):
                    yield Block(self.source, (key, name), node)

    def _below(self, key: str) -> Iterator[tuple[str, int, object]]:
        named = self.top.get(key) if self.top is not None else None
        if isinstance(named, MapNode):
            for (name, at), value in zip(named.keys_at(), named.values(), strict=True):
                yield name, at, value
