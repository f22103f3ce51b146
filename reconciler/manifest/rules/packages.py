"""Rules for packages: the same one must not be asked for with two different constraints in one block."""

import re
from collections.abc import Iterator
from typing import Final

from reconciler.core.canonical import package_name, package_spec
from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Block
from reconciler.manifest.findings import Finding, Source, quoted, shown
from reconciler.manifest.nodes import ListNode, MapNode, Spot, locate
from reconciler.manifest.texts import PACKAGE

_PACKAGE: Final = re.compile(PACKAGE)
_OPERATOR: Final = re.compile("[=<>~@]")


def check(block: Block) -> Iterator[Finding]:
    """The packages of a block that contradict each other."""
    lists = tuple(_lists(block.node))
    if not any(_OPERATOR.search(" ".join(filter(_is_text, packages))) for _, packages in lists):
        return  # names alone cannot conflict
    seen: dict[str, tuple[str, Spot]] = {}
    for path, packages in lists:
        for index, item in enumerate(packages):
            if isinstance(item, str) and _PACKAGE.match(item):
                yield from _conflict(package_spec(item), locate(block.node, (*path, index)), seen, block.source)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _lists(node: MapNode) -> Iterator[tuple[tuple[str, ...], ListNode]]:
    contents = node.get("contents")
    below = contents.get("packages") if isinstance(contents, MapNode) else None
    for path, packages in ((("packages",), node.get("packages")), (("contents", "packages"), below)):
        if isinstance(packages, ListNode):
            yield path, packages


def _conflict(spec: str, spot: Spot, seen: dict[str, tuple[str, Spot]], source: Source) -> Iterator[Finding]:
    name = package_name(spec)
    first, first_spot = seen.setdefault(name, (spec, spot))
    if spec != first:
        yield Finding(
            code=Code.CONFLICTING_PACKAGES,
            summary=f"the package {quoted(name)} is asked for twice and differently: "
            f"`{shown(first)}` and `{shown(spec)}`",
            detail=f"first at {source.place(first_spot.value_at)}",
            hint="keep one of the two",
            at=spot.value_at,
            use_at=spot.use_at,
        )
