"""Which pieces of a manifest's text must not be shown: values that look like secrets, and PEM text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reconciler.core.secrets import key_looks_secret, value_looks_secret
from reconciler.manifest.writing.syntax import Mapping as Branch
from reconciler.manifest.writing.syntax import Node, Scalar, Sequence, Syntax

_PEM: Final = "-----BEGIN "
_KEYED: Final = "environment"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text with the columns of what must not be shown, (first, past the last)."""

    text: str
    hidden: tuple[tuple[int, int], ...] = ()


def lines(text: str) -> list[Line]:
    """The lines of a manifest."""
    syntax = Syntax(text)
    hidden: dict[int, list[tuple[int, int]]] = {}
    for value in _secrets(syntax.root, key=""):
        for number in range(syntax.line(value.start), syntax.line(value.end) + 1):
            start = syntax.start_of(number)
            end = min(value.end, syntax.line_end(start))
            hidden.setdefault(number, []).append((max(value.start, start) - start, end - start))
    split = syntax.text.removesuffix("\n").split("\n")
    return [Line(line, tuple(hidden.get(number, ()))) for number, line in enumerate(split)]


def _secrets(node: Node | None, *, key: str, holder: str = "") -> Iterator[Scalar]:
    match node:
        case Scalar(value=value):
            if _PEM in value or value_looks_secret(value) or (holder == _KEYED and key_looks_secret(key)):
                yield node
        case Sequence(items=items):
            for one in items:
                yield from _secrets(one, key="", holder=key)
        case Branch(pairs=pairs):
            for name, inner in pairs:
                yield from _secrets(inner, key=name.value if isinstance(name, Scalar) else "", holder=key)
        case _:
            return
