"""Reads YAML text into the tree of a `document`.

Works on the parser's events, so that no type is guessed, no tag runs anything, duplicate keys are seen, and an alias is
weighed before it is expanded.
"""

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from reconciler.manifest.codes import Code
from reconciler.manifest.document import BROKEN, Found, ListNode, MapNode, Tree, YamlProblem

LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DEPTH: Final = 64
MAX_ALIASES: Final = 100_000
MAX_COPIED_NODES: Final = 1_000_000
MAX_COPIED_TEXT: Final = 64 * 1024 * 1024

# What the problem says of slips that the parser would describe by what they lead to.
MERGE_CONFLICT: Final = "a merge conflict"
ODD_INDENTATION: Final = "in the indentation"

# These are compiled when they are needed, which is where something is wrong.
# What YAML lets nobody write except as an escape; a byte order mark is one only at the very start of a file.
_NOT_ALLOWED: Final = "[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
# Spaces that look like the one that YAML indents with.
_ODD_SPACE: Final = "(?m)^[ \t-]*([\xa0\u1680\u2000-\u200b\u202f\u205f\u3000])"
_CONFLICT_MARKS: Final = ("<<<<<<< ", ">>>>>>> ")
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


class _Refused(Exception):  # noqa: N818 - ends the walk through a document, never leaves this module
    """The rest of a document must not be read."""

    def __init__(self, problem: YamlProblem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def parse(text: str, *, loader: Any = LOADER) -> Tree:
    """Return the one document in a text; never raises for what the text holds."""
    conflict = _merge_conflict(text)
    if conflict is not None:
        return Tree(root=BROKEN, problems=(conflict,))
    reader: _TreeReader | None = None
    last: YamlProblem | None = None
    root: object = BROKEN
    try:
        reader = _TreeReader(loader(text).get_event)
        root = reader.document()
    except _Refused as refused:
        last = refused.problem
    except ReaderError:
        last = _control_character(text)
    except yaml.MarkedYAMLError as error:
        last = _syntax_error(error)
    odd = None if text.isascii() else _odd_indentation(text, loader, end=None if last is None else last.at)
    if odd is not None:
        return Tree(root=BROKEN, problems=(odd,))
    problems = (*(reader.problems if reader else ()), *(() if last is None else (last,)))
    return Tree(root=root, problems=problems, texts=reader.texts if reader else ())


def _merge_conflict(text: str) -> YamlProblem | None:
    """Return the first mark that a merge conflict left at the start of a line."""
    found = [0 if text.startswith(mark) else text.find(f"\n{mark}") + 1 or None for mark in _CONFLICT_MARKS]
    at = min((one for one in found if one is not None), default=None)
    return None if at is None else YamlProblem(code=Code.YAML_SYNTAX, at=at, text=MERGE_CONFLICT)


def _odd_indentation(text: str, loader: Any, *, end: int | None) -> YamlProblem | None:
    """Return the first odd space that indents a line, up to where the parser stopped; in no quoted or block text."""
    starts = [match.start(1) for match in re.finditer(_ODD_SPACE, text) if end is None or match.start() <= end]
    if not starts:
        return None
    spans = _quoted_spans(text, loader)
    span = next(spans, None)
    for at in starts:
        while span is not None and span[1] <= at:
            span = next(spans, None)
        if span is None or at < span[0]:
            name = unicodedata.name(text[at]).lower()
            article = "an" if name[0] in "aeiou" else "a"
            problem = f"U+{ord(text[at]):04X} ({article} {name}) {ODD_INDENTATION}"
            return YamlProblem(code=Code.YAML_SYNTAX, at=at, text=problem)
    return None


def _quoted_spans(text: str, loader: Any) -> Iterator[tuple[int, int]]:
    """Yield where each quoted or block text begins and ends, as far as the parser comes."""
    try:
        for event in yaml.parse(text, loader):
            if isinstance(event, ScalarEvent) and event.style and event.start_mark and event.end_mark:
                yield event.start_mark.index, event.end_mark.index
    except yaml.YAMLError:
        return


def _control_character(text: str) -> YamlProblem:
    found = re.search(_NOT_ALLOWED, text)
    at = found.start() if found else 0
    return YamlProblem(code=Code.CONTROL_CHARACTER, at=at, text=f"U+{ord(text[at]):04X}")


def _syntax_error(error: yaml.MarkedYAMLError) -> YamlProblem:
    problem, context = error.problem_mark, error.context_mark
    at = problem or context
    return YamlProblem(
        code=Code.YAML_SYNTAX,
        at=at.index if at else 0,
        other_at=context.index if context else None,
        text=error.problem or "",
        context=error.context or "",
    )


class _MergeKey(str):
    """The key `<<`, where it is not quoted."""

    __slots__ = ()


_MERGE: Final = _MergeKey("<<")


class _TreeReader:
    """One walk over the events of a text."""

    def __init__(self, get_event: Callable[[], Any]) -> None:
        self.problems: list[YamlProblem] = []
        self._next = get_event
        self.texts: dict[str, str] = {}
        self._marks = array("i")
        self._anchors = _Anchors(self.problems)
        self._depth = 0
        self._end = 0

    def document(self) -> object:
        """Return the root of the first document; a second one is a problem."""
        self._next()  # the start of the stream
        if type(self._next()) is StreamEndEvent:
            return None
        root, _, _ = self._value(self._next())
        self._next()  # the end of the document
        after = self._next()
        if type(after) is DocumentStartEvent:
            self._problem(Code.SEVERAL_DOCUMENTS, after)
        return root

    def _problem(self, code: Code, event: Any, text: str = "") -> None:
        self.problems.append(YamlProblem(code=code, at=event.start_mark.index, text=text))

    def _twice(self, key: str, at: int, *, first: int) -> None:
        self.problems.append(YamlProblem(code=Code.DUPLICATE_KEY, at=at, text=key, other_at=first))

    def _value(self, event: Any) -> Found:
        """Return a value, where it is defined, and where the alias is when it is one."""
        at: int = event.start_mark.index
        if type(event) is AliasEvent:
            return self._anchors.resolve(str(event.anchor), at)
        if event.tag is not None:
            self._problem(Code.YAML_TAG, event, event.tag)
        anchor = event.anchor
        before = None if anchor is None else self._anchors.open(anchor, at)
        value: object
        if type(event) is ScalarEvent:
            text: str = event.value
            # Equal texts are one, so that thousands of entries hold each package only once.
            value = None if text in _NULLS and not event.style else self.texts.setdefault(text, text)
            if anchor is not None and event.end_mark is not None:
                self._end = event.end_mark.index
        elif type(event) is MappingStartEvent:
            value = self._mapping(event)
        else:
            value = self._sequence(event)
        if before is not None:
            self._anchors.close(anchor, value, end=self._end, before=before)
        return value, at, None

    def _mapping(self, start: Any) -> MapNode:
        self._enter(start)
        node = MapNode(start.start_mark.index)
        offsets: list[int] = []
        merges: list[_Merge] = []
        twice: list[tuple[str, int]] = []
        while type(event := self._next()) is not MappingEndEvent:
            key = self._key(event)
            found = self._value(self._next())
            key_at: int = event.start_mark.index
            if key is _MERGE:
                merges.append(_Merge(key_at, *found))
            elif key is None:
                continue
            elif key in node:
                twice.append((key, key_at))
            else:
                _put(node, offsets, key, found, key_at)
        self._leave(event, len(node))
        own = dict(zip(node, offsets[::2], strict=True)) if twice else {}
        for key, key_at in twice:
            self._twice(key, key_at, first=own[key])
        if merges:
            self._merge(node, offsets, merges)
        node.close(self._marks, offsets)
        return node

    def _sequence(self, start: Any) -> ListNode:
        self._enter(start)
        node = ListNode(start.start_mark.index)
        offsets: list[int] = []
        while type(event := self._next()) is not SequenceEndEvent:
            value, at, use = self._value(event)
            if use is not None:
                node.put_use(len(node), use)
            node.append(value)
            offsets.append(at)
        self._leave(event, len(node))
        node.close(self._marks, offsets)
        return node

    def _enter(self, start: Any) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Refused(YamlProblem(code=Code.NESTED_TOO_DEEP, at=start.start_mark.index))

    def _leave(self, end: Any, entries: int) -> None:
        self._depth -= 1
        self._anchors.nodes += entries
        self._end = end.end_mark.index

    def _key(self, event: Any) -> str | None:
        """Return a key, or None when it cannot be one and was reported."""
        if type(event) is ScalarEvent and event.value == "<<" and event.tag is None and not event.style:
            return _MERGE
        key, _, _ = self._value(event)
        if isinstance(key, str):
            return key
        if key is not BROKEN:
            self._problem(Code.KEY_NOT_TEXT, event)
        return None

    def _merge(self, node: MapNode, offsets: list[int], merges: "list[_Merge]") -> None:
        for number, merge in enumerate(merges):
            if number:
                self._twice("<<", merge.key_at, first=merges[0].key_at)
            elif isinstance(merge.value, ListNode):
                for index, item in enumerate(merge.value):
                    use = merge.value.use_of(index) if merge.use is None else merge.use
                    self._merge_one(node, offsets, item, merge, use)
            else:
                self._merge_one(node, offsets, merge.value, merge, merge.use)

    def _merge_one(self, node: MapNode, offsets: list[int], source: object, merge: "_Merge", use: int | None) -> None:
        if isinstance(source, MapNode):
            for key, value in source.items():
                if key not in node:
                    key_at, value_at = source.marks_of(key)
                    found = value, value_at, source.use_of(key) if use is None else use
                    _put(node, offsets, key, found, key_at)
        elif source is not BROKEN:
            self.problems.append(YamlProblem(code=Code.BAD_MERGE, at=merge.at))


def _put(node: MapNode, offsets: list[int], key: str, found: Found, key_at: int) -> None:
    """Add a key that is not there yet."""
    value, value_at, use = found
    node[key] = value
    offsets.append(key_at)
    offsets.append(value_at)
    if use is not None:
        node.put_use(key, use)


@dataclass(frozen=True, slots=True)
class _Merge:
    """The value of a merge key, not yet resolved."""

    key_at: int
    value: object
    at: int
    use: int | None


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A value with its place, and how many nodes and characters it is when every alias in it is written out."""

    value: object
    at: int
    nodes: int
    text: int


@dataclass(slots=True)
class _Anchors:
    """The anchors of one document, with the size of what each alias refers to.

    An alias shares its value, so a few lines can mean millions of values that validation would walk through.
    `nodes` counts every value of the document, aliases written out.
    """

    problems: list[YamlProblem]
    nodes: int = 0
    _opened: dict[str, int] = field(default_factory=dict)
    _done: dict[str, _Anchored] = field(default_factory=dict)
    _aliases: int = 0
    _copied_nodes: int = 0
    _copied_text: int = 0

    def open(self, name: str, at: int) -> tuple[int, int]:
        """Begin an anchored value; what is returned belongs to its `close`."""
        if name in self._opened:
            first = self._opened[name]
            self.problems.append(YamlProblem(code=Code.DUPLICATE_ANCHOR, at=at, text=name, other_at=first))
        self._opened[name] = at
        self._done.pop(name, None)
        return self.nodes, self._copied_text

    def close(self, name: str, value: object, *, end: int, before: tuple[int, int]) -> None:
        """End an anchored value; from here on aliases may name it."""
        nodes, copied = before
        at = self._opened[name]
        text = end - at + self._copied_text - copied
        self._done[name] = _Anchored(value, at, self.nodes - nodes + 1, text)

    def resolve(self, name: str, use: int) -> Found:
        """Return the value of an alias, its place, and the place of the alias."""
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise _Refused(YamlProblem(code=Code.TOO_MANY_ALIASES, at=use, text=str(self._aliases)))
        anchored = self._done.get(name)
        if anchored is None:
            opened = self._opened.get(name)
            code = Code.UNKNOWN_ALIAS if opened is None else Code.RECURSIVE_ALIAS
            self.problems.append(YamlProblem(code=code, at=use, text=name, other_at=opened))
            return BROKEN, use, None
        self._count(anchored, use)
        return anchored.value, anchored.at, use

    def _count(self, anchored: _Anchored, use: int) -> None:
        self.nodes += anchored.nodes
        self._copied_nodes += anchored.nodes
        self._copied_text += anchored.text
        if self._copied_nodes > MAX_COPIED_NODES or self._copied_text > MAX_COPIED_TEXT:
            raise _Refused(YamlProblem(code=Code.EXPANSION_TOO_LARGE, at=use, text=str(self._copied_nodes)))
