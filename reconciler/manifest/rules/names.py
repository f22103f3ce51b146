"""Values that must not come twice in one list: names, and ids."""

from collections.abc import Iterator

from reconciler.diagnostics import Severity
from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Block
from reconciler.manifest.findings import Finding, quoted, shown
from reconciler.manifest.nodes import ListNode, MapNode, Spot, locate

Path = tuple[str, ...]


def twice(block: Block, path: Path, key: str, *, code: Code, noun: str) -> Iterator[Finding]:
    """A finding for each item of a list whose name an item before it has."""
    for spot, first in _repeated(block, path, key):
        yield Finding(
            code=code,
            summary=f"the {noun} {quoted(str(spot.value))} stands twice in `{path[-1]}`",
            detail=f"first at {block.source.place(first.value_at)}",
            hint="keep one of the two, or give them different names",
            at=spot.value_at,
            use_at=spot.use_at,
        )


def same_id(block: Block, path: Path, key: str, *, noun: str) -> Iterator[Finding]:
    """A warning for each item of a list whose id an item before it has."""
    for spot, first in _repeated(block, path, key):
        yield Finding(
            code=Code.DUPLICATE_ID,
            summary=f"two {noun} have the {key} {shown(str(spot.value))}",
            detail=f"first at {block.source.place(first.value_at)}",
            hint="give them different ids, unless the same files are meant to belong to both",
            severity=Severity.WARNING,
            at=spot.value_at,
            use_at=spot.use_at,
        )


def items(block: Block, path: Path) -> Iterator[tuple[MapNode, Path, int]]:
    """The items of a list that are mappings, each with the path to the list and its number."""
    found = locate(block.node, path)
    if isinstance(found.value, ListNode) and found.value is _at(block.node, path):
        for index, item in enumerate(found.value):
            if isinstance(item, MapNode):
                yield item, path, index


def _at(node: MapNode, path: Path) -> object:
    value: object = node
    for part in path:
        value = value.get(part) if isinstance(value, MapNode) else None
    return value


def _repeated(block: Block, path: Path, key: str) -> Iterator[tuple[Spot, Spot]]:
    seen: dict[str, Spot] = {}
    for item, _, index in items(block, path):
        if isinstance(item.get(key), str):
            spot = locate(block.node, (*path, index, key))
            first = seen.setdefault(item[key], spot)
            if first is not spot:
                yield spot, first
