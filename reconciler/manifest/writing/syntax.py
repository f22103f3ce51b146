"""A YAML text as a tree of slices: each value with its start and end, its comments, and the values of aliases.

Formatting and editing cut slices from the text, so quotes, spelling and comments stay as they were written. Values are
read in `manifest.yaml_tree`.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Lookup
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, TypeAlias

import yaml
from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent

from reconciler.core.secrets import looks_secret
from reconciler.manifest.yaml_tree import LOADER

_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[^\n\r]*", re.MULTILINE)
_LINE_END: Final = re.compile(r"\r\n?")
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")
_PEM: Final = "-----BEGIN "
_KEYED: Final = "environment"

MERGE: Final = "<<"

# A value in the form in which a manifest holds it.
Shape: TypeAlias = "dict[str, Shape] | list[Shape] | str | int | bool | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarNode:
    """A text; `value` is its meaning, `style` is the quote or the sign of a block, "" for none."""

    start: int
    end: int
    value: str
    style: str = ""
    anchor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A reference to an anchored value."""

    start: int
    end: int
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list; `flow` is set if it is in brackets."""

    start: int
    end: int
    flow: bool
    items: tuple["Node", ...]
    anchor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A mapping as pairs of key and value, in the order of the text."""

    start: int
    end: int
    flow: bool
    pairs: tuple[tuple["Node", "Node"], ...]
    anchor: str | None = None

    def pair(self, key: str) -> tuple["Node", "Node"] | None:
        """Return the pair under a key, not looking into merges."""
        return next((pair for pair in self.pairs if isinstance(pair[0], ScalarNode) and pair[0].value == key), None)

    def get(self, key: str) -> "Node | None":
        """Return the value under a key, not looking into merges."""
        found = self.pair(key)
        return found[1] if found else None


Node: TypeAlias = ScalarNode | Alias | Sequence | Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment; `own_line` is set if it is alone on its line."""

    start: int
    text: str
    column: int
    own_line: bool


class Syntax:
    """A text that is known to be one YAML document, with its tree (None where it holds no value)."""

    def __init__(self, text: str) -> None:
        self.text = normalised(text)
        self._line_starts = [0, *accumulate(len(line) + 1 for line in self.text.split("\n"))]
        self.root = _Composer(self.text).root()

    def line(self, offset: int) -> int:
        """Return the number of the line that an offset is on, from 0."""
        return bisect_right(self._line_starts, offset) - 1

    def start_of(self, line: int) -> int:
        """Return where a line begins."""
        return self._line_starts[line]

    def line_start(self, offset: int) -> int:
        """Return where the line of an offset begins."""
        return self._line_starts[self.line(offset)]

    def line_end(self, offset: int) -> int:
        """Return where the line of an offset ends, before its line feed."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found

    def column(self, offset: int) -> int:
        """Return the column of an offset, from 0."""
        return offset - self.line_start(offset)

    def dash(self, sequence: Sequence, item: Node) -> int:
        """Return the place of an item's dash; that of the item without one, or if an anchor hides it."""
        if sequence.flow or sequence.anchor:
            return item.start
        column, line = self.column(sequence.start), self.line_start(item.start)
        while self.text[line + column : line + column + 1] != "-" and line > sequence.start:
            line = self.line_start(line - 1)
        return line + column

    def slice(self, node: Node) -> str:
        """Return a value as it was written."""
        return self.text[node.start : node.end]

    def comments(self) -> tuple[Comment, ...]:
        """Return every comment outside of values, in order."""
        found: list[Comment] = []
        at = 0
        for start, end in (*_spans(self.root), (len(self.text), len(self.text))):
            found.extend(self._comments_between(at, start))
            at = max(at, end)
        return tuple(found)

    def _comments_between(self, start: int, end: int) -> Iterator[Comment]:
        for match in _COMMENT.finditer(self.text, start, end):
            line = self.line_start(match.start())
            yield Comment(
                start=match.start(),
                text=match[0].rstrip(),
                column=match.start() - line,
                own_line=not self.text[line : match.start()].strip(),
            )


@lru_cache(maxsize=8)
def syntax_of(text: str) -> Syntax:
    """Return the slices of a text; the last few are kept, as one file is read for several purposes."""
    return Syntax(text)


def normalised(text: str) -> str:
    """Return a text whose lines all end with one line feed."""
    return _LINE_END.sub("\n", text)


def with_line_ends(text: str, before: str) -> str:
    """Return a text with line feeds as one with the line ends of `before`; if mixed, with its most frequent ones.

    Where they do, the lines at the start and the end that did not change keep their own.
    """
    ends = _LINE_ENDS.findall(before)
    usual = Counter(ends).most_common(1)[0][0] if ends else "\n"
    old, new = normalised(before).split("\n"), text.split("\n")
    chosen = [usual] * (len(new) - 1)
    if ends.count(usual) < len(ends):
        shorter = min(len(ends), len(chosen))
        head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
        tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
        chosen = [*ends[:head], *chosen[head : len(chosen) - tail], *ends[len(ends) - tail :]]
    return "".join(line + end for line, end in zip(new, [*chosen, ""], strict=True))


def _spans(node: Node | None) -> Iterator[tuple[int, int]]:
    """Yield the spans of all scalars and aliases in a tree, in order."""
    match node:
        case ScalarNode() | Alias():
            yield node.start, node.end
        case Sequence(items=items):
            for item in items:
                yield from _spans(item)
        case Mapping(pairs=pairs):
            for key, value in pairs:
                yield from _spans(key)
                yield from _spans(value)
        case None:
            return


def _end(event: Any) -> int:
    end: int = event.end_mark.index
    return end


class _Composer:
    """One walk over the events of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: Callable[[], Any] = LOADER(text).get_event

    def root(self) -> Node | None:
        self._next()  # the start of the stream
        start = self._next()
        if isinstance(start, yaml.StreamEndEvent):
            return None
        return self._node(self._next())

    def _node(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, AliasEvent):
            return Alias(start=start, end=end, anchor=event.anchor or "")
        if isinstance(event, ScalarEvent):
            style = event.style or ""
            if style in ("|", ">"):
                end = self._block_end(start, end)
            return ScalarNode(start=start, end=end, value=event.value, style=style, anchor=event.anchor)
        return self._mapping(event) if isinstance(event, MappingStartEvent) else self._sequence(event)

    def _block_end(self, start: int, end: int) -> int:
        """Return the end of a block text: before its last line feed; blank lines only where they count."""
        text = self._text[start:end]
        keep = "+" in text.partition("\n")[0].partition("#")[0]
        if keep:
            return start + len(text.rstrip(" ").removesuffix("\n"))
        last = text.find("\n", len(text.rstrip("\n\t ")))
        return end if last < 0 else start + last

    def _mapping(self, start: Any) -> Mapping:
        pairs: list[tuple[Node, Node]] = []
        event = self._next()
        while not isinstance(event, MappingEndEvent):
            key = self._node(event)
            pairs.append((key, self._node(self._next())))
            event = self._next()
        end = _end(event) if start.flow_style or not pairs else max(pairs[-1][0].end, pairs[-1][1].end)
        return Mapping(
            start=start.start_mark.index, end=end, flow=start.flow_style, pairs=tuple(pairs), anchor=start.anchor
        )

    def _sequence(self, start: Any) -> Sequence:
        items: list[Node] = []
        event = self._next()
        while not isinstance(event, SequenceEndEvent):
            items.append(self._node(event))
            event = self._next()
        end = _end(event) if start.flow_style or not items else items[-1].end
        return Sequence(
            start=start.start_mark.index, end=end, flow=start.flow_style, items=tuple(items), anchor=start.anchor
        )


class Anchors:
    """The anchors of a document: the value of each, and which are used by an alias."""

    def __init__(self, root: Node | None) -> None:
        nodes = tuple(_descendants(root))
        self.used = frozenset(node.anchor for node in nodes if isinstance(node, Alias))
        self._nodes: Lookup[str, Node] = {
            node.anchor: node for node in nodes if not isinstance(node, Alias) and node.anchor
        }

    def shared(self, node: Node) -> str | None:
        """Return the anchor through which other places use a value, or something in it."""
        found = (one.anchor for one in _descendants(node) if not isinstance(one, Alias))
        return next((anchor for anchor in found if anchor in self.used), None)

    def shape(self, node: Node) -> Shape:
        """Return the meaning of a value; every scalar is text."""
        match node:
            case ScalarNode(value=value):
                return value
            case Alias(anchor=anchor):
                return self.shape(self._nodes[anchor]) if anchor in self._nodes else ""
            case Sequence(items=items):
                return [self.shape(one) for one in items]
            case Mapping(pairs=pairs):
                own = {key.value: self.shape(value) for key, value in pairs if isinstance(key, ScalarNode)}
                merged = own.pop(MERGE, {})
                for weaker in merged if isinstance(merged, list) else [merged]:
                    own = {**weaker, **own} if isinstance(weaker, dict) else own
                return own


def _descendants(node: Node | None) -> Iterator[Node]:
    if node is None:
        return
    yield node
    match node:
        case Sequence(items=items):
            for one in items:
                yield from _descendants(one)
        case Mapping(pairs=pairs):
            for key, value in pairs:
                yield from _descendants(key)
                yield from _descendants(value)
        case _:
            return


def as_text(shape: Shape) -> Shape:
    """Return a shape whose numbers and flags are text, as they are in a file."""
    match shape:
        case dict():
            return {key: as_text(value) for key, value in shape.items()}
        case list():
            return [as_text(value) for value in shape]
        case None:
            return "null"
        case bool():
            return str(shape).lower()
        case _:
            return str(shape)


@dataclass(frozen=True, slots=True)
class RedactedLine:
    """A line of a text with the columns of what must not be shown, (first, past the last)."""

    text: str
    hidden: tuple[tuple[int, int], ...] = ()


def redacted_lines(text: str) -> list[RedactedLine]:
    """Return the lines of a manifest, with the columns of values that look like secrets and of PEM text."""
    syntax = Syntax(text)
    hidden: dict[int, list[tuple[int, int]]] = {}
    for value in _secrets(syntax.root, key=""):
        for number in range(syntax.line(value.start), syntax.line(value.end) + 1):
            start = syntax.start_of(number)
            end = min(value.end, syntax.line_end(start))
            hidden.setdefault(number, []).append((max(value.start, start) - start, end - start))
    split = syntax.text.removesuffix("\n").split("\n")
    return [RedactedLine(line, tuple(hidden.get(number, ()))) for number, line in enumerate(split)]


def _secrets(node: Node | None, *, key: str, holder: str = "") -> Iterator[ScalarNode]:
    match node:
        case ScalarNode(value=value):
            if _PEM in value or looks_secret(key if holder == _KEYED else "", value):
                yield node
        case Sequence(items=items):
            for one in items:
                yield from _secrets(one, key="", holder=key)
        case Mapping(pairs=pairs):
            for name, inner in pairs:
                yield from _secrets(inner, key=name.value if isinstance(name, ScalarNode) else "", holder=key)
        case _:
            return
