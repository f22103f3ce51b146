"""The overlay files that the entries of a manifest name: whether they are there and may be read."""

from collections.abc import Iterator
from pathlib import Path

from reconciler.manifest import file_problems
from reconciler.manifest.beside import Beside, Named
from reconciler.manifest.documents import Document
from reconciler.manifest.findings import Finding
from reconciler.manifest.nodes import MapNode, locate
from reconciler.manifest.patterns import is_glob


def overlay_paths(document: Document) -> Iterator[Path]:
    """The paths of the overlay files that a file names."""
    for _, _, entry in document.entries():
        written = entry.get("overlay") if isinstance(entry, MapNode) else None
        if isinstance(written, str):
            yield Path(document.source.name).parent / written


def check(document: Document, beside: Beside) -> Iterator[Finding]:
    """A finding for each overlay file that cannot be read."""
    for _, _, entry in document.entries():
        written = entry.get("overlay") if isinstance(entry, MapNode) else None
        if isinstance(entry, MapNode) and isinstance(written, str) and written:
            found = beside.read(written, folder=Path(document.source.name).parent)
            if not isinstance(found, Named):
                spot = locate(entry, ("overlay",))
                yield file_problems.named(found, at=spot.value_at, use_at=spot.use_at, wildcards=is_glob(written))
