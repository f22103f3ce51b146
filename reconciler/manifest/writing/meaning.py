"""What a slice of a manifest's text stands for, as far as editing has to know it: aliases and merges resolved."""

from collections.abc import Iterator
from collections.abc import Mapping as Lookup

from reconciler.manifest.writing.shapes import Shape
from reconciler.manifest.writing.syntax import Alias, Mapping, Node, Scalar, Sequence

MERGE = "<<"


class Anchors:
    """The anchors of a document: what each stands for, and which are used by an alias."""

    def __init__(self, root: Node | None) -> None:
        nodes = tuple(_all(root))
        self.used = frozenset(node.anchor for node in nodes if isinstance(node, Alias))
        self._nodes: Lookup[str, Node] = {
            node.anchor: node for node in nodes if not isinstance(node, Alias) and node.anchor
        }

    def shared(self, node: Node) -> str | None:
        """The anchor through which other places use a value, or something in it."""
        found = (one.anchor for one in _all(node) if not isinstance(one, Alias))
        return next((anchor for anchor in found if anchor in self.used), None)

    def shape(self, node: Node) -> Shape:
        """What a value stands for; every scalar is text."""
        match node:
            case Scalar(value=value):
                return value
            case Alias(anchor=anchor):
                return self.shape(self._nodes[anchor]) if anchor in self._nodes else ""
            case Sequence(items=items):
                return [self.shape(one) for one in items]
            case Mapping(pairs=pairs):
                own = {key.value: self.shape(value) for key, value in pairs if isinstance(key, Scalar)}
                merged = own.pop(MERGE, {})
                for weaker in merged if isinstance(merged, list) else [merged]:
                    own = {**weaker, **own} if isinstance(weaker, dict) else own
                return own


def _all(node: Node | None) -> Iterator[Node]:
    if node is None:
        return
    yield node
    match node:
        case Sequence(items=items):
            for one in items:
                yield from _all(one)
        case Mapping(pairs=pairs):
            for key, value in pairs:
                yield from _all(key)
                yield from _all(value)
        case _:
            return


def as_text(shape: Shape) -> Shape:
    """A shape whose numbers and flags are text, as they are in a file."""
    match shape:
        case dict():
            return {key: as_text(value) for key, value in shape.items()}
        case list():
            return [as_text(value) for value in shape]
        case bool():
            return str(shape).lower()
        case _:
            return str(shape)
