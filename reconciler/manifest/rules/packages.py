"""Rules for packages: the same one must not be asked for with two different constraints in one block."""

import re
from collections.abc import Iterator
from typing import Final

from reconciler.core.overlay import package_name, package_spec
from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Block
from reconciler.manifest.findings import Finding, Source, quoted, shown
from reconciler.manifest.nodes import ListNode, MapNode, Spot, locate
from reconciler.manifest.patterns import PACKAGE
from reconciler.manifest.rules.context import Context, known

_PACKAGE: Final = re.compile(PACKAGE)
_OPERATOR: Final = re.compile("[=<>~@]")


def check(block: Block, context: Context) -> Iterator[Finding]:
    """The packages of a block that contradict each other."""
    lists = tuple(_lists(block.node))
    if all(_names_alone(packages, context) for _, packages in lists):
        return  # these cannot conflict
    seen: dict[str, tuple[str, Spot]] = {}
    for path, packages in lists:
        for index, item in enumerate(packages):
            if isinstance(item, str) and _PACKAGE.match(item):
                yield from _conflict(package_spec(item), locate(block.node, (*path, index)), seen, block.source)


def _names_alone(packages: ListNode, context: Context) -> bool:
    """Whether no package of a list is asked for with a constraint."""
    if known(context.packages, packages):
        return True
    texts = [package for package in packages if isinstance(package, str)]
    if _OPERATOR.search(" ".join(texts)):
        return False
    context.packages.update(texts)
    return True


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
