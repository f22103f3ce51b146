"""A YAML text as a tree of slices: every value knows where it begins and ends, and comments are kept apart.

What is laid out or edited is cut from the text and put together again, so that quotes, spelling and comments are those
of the person who wrote them. Values are read in `manifest.yaml_tree`; nothing here judges or converts them.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, TypeAlias

import yaml
from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent

from reconciler.manifest.yaml_tree import LOADER

_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[^\n\r]*", re.MULTILINE)
_LINE_END: Final = re.compile(r"\r\n?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A text; `value` is what it stands for, `style` is the quote or the sign of a block, "" for none."""

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
    """A list; `flow` tells that it stands in brackets."""

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
        """The pair under a key, not looking into merges."""
        return next((pair for pair in self.pairs if isinstance(pair[0], Scalar) and pair[0].value == key), None)

    def get(self, key: str) -> "Node | None":
        """The value under a key, not looking into merges."""
        found = self.pair(key)
        return found[1] if found else None


Node: TypeAlias = Scalar | Alias | Sequence | Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment; `own_line` tells that nothing stands before it on its line."""

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
        """The number of the line that an offset is on, from 0."""
        return bisect_right(self._line_starts, offset) - 1

    def start_of(self, line: int) -> int:
        """Where a line begins."""
        return self._line_starts[line]

    def line_start(self, offset: int) -> int:
        """Where the line of an offset begins."""
        return self._line_starts[self.line(offset)]

    def line_end(self, offset: int) -> int:
        """Where the line of an offset ends, before its line feed."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found

    def column(self, offset: int) -> int:
        """The column of an offset, from 0."""
        return offset - self.line_start(offset)

    def dash(self, sequence: Sequence, item: Node) -> int:
        """Where the dash of an item stands; where the item does, when there is none or an anchor hides it."""
        if sequence.flow or sequence.anchor:
            return item.start
        column, line = self.column(sequence.start), self.line_start(item.start)
        while self.text[line + column : line + column + 1] != "-" and line > sequence.start:
            line = self.line_start(line - 1)
        return line + column

    def slice(self, node: Node) -> str:
        """A value as it was written."""
        return self.text[node.start : node.end]

    def comments(self) -> tuple[Comment, ...]:
        """Every comment that stands outside of values, in order."""
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
    """The slices of a text; the last few are kept, as one file is looked at for several purposes."""
    return Syntax(text)


def normalised(text: str) -> str:
    """A text whose lines all end with one line feed."""
    return _LINE_END.sub("\n", text)


def _spans(node: Node | None) -> Iterator[tuple[int, int]]:
    """The spans of all scalars and aliases in a tree, in order."""
    match node:
        case Scalar() | Alias():
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
            return Scalar(start=start, end=end, value=event.value, style=style, anchor=event.anchor)
        return self._mapping(event) if isinstance(event, MappingStartEvent) else self._sequence(event)

    def _block_end(self, start: int, end: int) -> int:
        """Where a block of text ends: before the last line feed of its last line, blank lines only where they count."""
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
