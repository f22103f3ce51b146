"""No private key may stand anywhere in a file, whatever the value is called. No message repeats any of it."""

from collections.abc import Iterator
from typing import Final

from reconciler.core.secrets import holds_private_key
from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Document
from reconciler.manifest.findings import Finding
from reconciler.manifest.nodes import ListNode, MapNode

_MARK: Final = "PRIVATE KEY"


def check(document: Document) -> Iterator[Finding]:
    """A finding for each value of a file that holds a private key."""
    if _MARK not in document.source.text:
        return  # nearly always, and at no cost
    seen: set[int] = set()
    stack: list[tuple[object, int]] = [(document.root, 0)]
    while stack:
        value, at = stack.pop()
        if isinstance(value, str) and holds_private_key(value):
            yield Finding(
                code=Code.PRIVATE_KEY,
                summary="a private key stands here",
                hint="remove it, and take it for known to others: make a new one",
                at=at,
            )
        elif isinstance(value, (MapNode, ListNode)) and id(value) not in seen:
            seen.add(id(value))
            stack += _inside(value)


def _inside(node: MapNode | ListNode) -> list[tuple[object, int]]:
    if isinstance(node, MapNode):
        return [(value, node.marks_of(key)[1]) for key, value in node.items()]
    return [(value, node.mark_of(index)) for index, value in enumerate(node)]
