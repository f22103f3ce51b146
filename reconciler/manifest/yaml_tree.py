"""YAML text to a tree that keeps what the person typed and where.

Fed by the parser's events, so that no type is guessed, no tag runs anything, duplicate keys are seen, and an alias
costs nothing until it is known how much it stands for. What a flaw is called here is worded in `file_problems`; the
form of a manifest is the business of `schema`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
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

from reconciler.manifest import plain_lines
from reconciler.manifest.anchors import Anchors
from reconciler.manifest.codes import Code
from reconciler.manifest.flaws import Flaw, Refused
from reconciler.manifest.nodes import BROKEN, Found, ListNode, MapNode

LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DEPTH: Final = 64

# What YAML lets nobody write except as an escape; a byte order mark is one only at the very start of a file.
_NOT_ALLOWED: Final = "[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A document; `root` is `BROKEN` when it could not be read to its end, and None when there is nothing in it."""

    root: object
    flaws: tuple[Flaw, ...]


class _MergeKey(str):
    """The key `<<`, where it is not quoted."""

    __slots__ = ()


_MERGE: Final = _MergeKey("<<")


@dataclass(frozen=True, slots=True)
class _Merged:
    """What a merge key brings in, still to be resolved."""

    key_at: int
    value: object
    at: int
    use: int | None


def parse(text: str) -> Tree:
    """The one document in a text; never raises for what the text holds."""
    plain = plain_lines.read(text)
    if plain is not None:
        return Tree(root=plain, flaws=())
    return parse_events(text)


def parse_events(text: str, *, loader: Any = LOADER) -> Tree:
    """The same by the events of YAML's parser, whatever the layout."""
    builder: _Builder | None = None
    try:
        builder = _Builder(loader(text).get_event)
        root = builder.document()
    except Refused as refused:
        return Tree(root=BROKEN, flaws=_flaws(builder, refused.flaw))
    except ReaderError:
        return Tree(root=BROKEN, flaws=_flaws(builder, _control_character(text)))
    except yaml.MarkedYAMLError as error:
        return Tree(root=BROKEN, flaws=_flaws(builder, _syntax(error)))
    return Tree(root=root, flaws=tuple(builder.flaws))


def _flaws(builder: "_Builder | None", last: Flaw) -> tuple[Flaw, ...]:
    return (*(builder.flaws if builder else ()), last)


def _control_character(text: str) -> Flaw:
    found = re.search(_NOT_ALLOWED, text)  # compiled here, as that takes longer than most manifests
    at = found.start() if found else 0
    return Flaw(code=Code.CONTROL_CHARACTER, at=at, text=f"U+{ord(text[at]):04X}")


def _syntax(error: yaml.MarkedYAMLError) -> Flaw:
    problem, context = error.problem_mark, error.context_mark
    at = problem or context
    return Flaw(
        code=Code.YAML_SYNTAX,
        at=at.index if at else 0,
        other_at=context.index if context else None,
        text=error.problem or "",
        context=error.context or "",
    )


class _Builder:
    """One walk over the events of a text."""

    def __init__(self, get_event: Callable[[], Any]) -> None:
        self.flaws: list[Flaw] = []
        self._next = get_event
        self._memo: dict[str, str] = {}
        self._anchors = Anchors(self.flaws)
        self._depth = 0
        self._end = 0

    def document(self) -> object:
        """The root of the first document; a second one is a flaw."""
        self._next()  # the start of the stream
        if type(self._next()) is StreamEndEvent:
            return None
        root, _, _ = self._found(self._next())
        self._next()  # the end of the document
        after = self._next()
        if type(after) is DocumentStartEvent:
            self._flaw(Code.SEVERAL_DOCUMENTS, after)
        return root

    def _flaw(self, code: Code, event: Any, text: str = "") -> None:
        self.flaws.append(Flaw(code=code, at=event.start_mark.index, text=text))

    def _twice(self, key: str, at: int, *, first: int) -> None:
        self.flaws.append(Flaw(code=Code.DUPLICATE_KEY, at=at, text=key, other_at=first))

    def _found(self, event: Any) -> Found:
        """A value, where it is defined, and where the alias is when it is one."""
        at: int = event.start_mark.index
        if type(event) is ScalarEvent and event.anchor is None and event.tag is None:
            return self._text(event), at, None  # nearly all of a manifest
        if type(event) is AliasEvent:
            return self._anchors.resolve(event)
        if event.tag is not None:
            self._flaw(Code.YAML_TAG, event, event.tag)
        name = event.anchor
        if name is None:
            return self._value(event), at, None
        before = self._anchors.open(name, at)
        value = self._value(event)
        self._anchors.close(name, value, end=self._end, before=before)
        return value, at, None

    def _value(self, event: Any) -> object:
        end: int = event.end_mark.index
        if type(event) is ScalarEvent:
            self._end = end
            return self._text(event)
        return self._mapping(event) if type(event) is MappingStartEvent else self._sequence(event)

    def _text(self, event: Any) -> str | None:
        text: str = event.value
        if text in _NULLS and not event.style:
            return None
        return self._memo.setdefault(text, text)

    # These two are where the time of a large manifest goes. Plain text, which nearly all of it is, is taken here as
    # `_key`, `_found` and `put` would take it, without calling them.

    def _mapping(self, start: Any) -> MapNode:
        self._enter(start)
        node = MapNode(start.start_mark.index)
        merges: list[_Merged] = []
        twice: list[tuple[str, int]] = []
        following, known, mark = self._next, self._memo.setdefault, node.marks.append
        while type(event := following()) is not MappingEndEvent:
            key_at: int = event.start_mark.index
            key = self._key(event)
            value = following()
            at: int = value.start_mark.index
            if (
                type(value) is ScalarEvent
                and value.anchor is None
                and value.tag is None
                and key is not None
                and key is not _MERGE
                and key not in node
                and (text := value.value) not in _NULLS
            ):
                node[key] = known(text, text)
                mark(key_at)
                mark(at)
                continue
            found = self._found(value)
            if key is _MERGE:
                merges.append(_Merged(key_at, *found))
            elif key is None:
                continue
            elif key in node:
                twice.append((key, key_at))
            else:
                node.put(key, found, key_at)
        self._leave(event, len(node))
        for key, key_at in twice:
            self._twice(key, key_at, first=node.marks_of(key)[0])
        if merges:
            self._merge(node, merges)
        return node

    def _sequence(self, start: Any) -> ListNode:
        self._enter(start)
        node = ListNode(start.start_mark.index)
        following, known, append, mark = self._next, self._memo.setdefault, node.append, node.marks.append
        while type(event := following()) is not SequenceEndEvent:
            at: int = event.start_mark.index
            if (
                type(event) is ScalarEvent
                and event.anchor is None
                and event.tag is None
                and (text := event.value) not in _NULLS
            ):
                append(known(text, text))
                mark(at)
            else:
                node.put(self._found(event))
        self._leave(event, len(node))
        return node

    def _enter(self, start: Any) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Refused(Flaw(code=Code.NESTED_TOO_DEEP, at=start.start_mark.index))

    def _leave(self, end: Any, entries: int) -> None:
        self._depth -= 1
        self._anchors.nodes += entries
        self._end = end.end_mark.index

    def _key(self, event: Any) -> str | None:
        """A key, or None when it cannot be one and was reported."""
        if type(event) is ScalarEvent and event.tag is None and not event.style:
            text: str = event.value
            if text == "<<":
                return _MERGE
            if event.anchor is None and text not in _NULLS:
                return self._memo.setdefault(text, text)
        key, _, _ = self._found(event)
        if isinstance(key, str):
            return key
        if key is not BROKEN:
            self._flaw(Code.KEY_NOT_TEXT, event)
        return None

    def _merge(self, node: MapNode, merges: list[_Merged]) -> None:
        for number, merge in enumerate(merges):
            if number:
                self._twice("<<", merge.key_at, first=merges[0].key_at)
            elif isinstance(merge.value, ListNode):
                for index, item in enumerate(merge.value):
                    use = merge.value.use_of(index) if merge.use is None else merge.use
                    self._merge_one(node, item, merge, use)
            else:
                self._merge_one(node, merge.value, merge, merge.use)

    def _merge_one(self, node: MapNode, source: object, merge: _Merged, use: int | None) -> None:
        if isinstance(source, MapNode):
            for key, value in source.items():
                if key not in node:
                    key_at, value_at = source.marks_of(key)
                    node.put(key, (value, value_at, source.use_of(key) if use is None else use), key_at)
        elif source is not BROKEN:
            self.flaws.append(Flaw(code=Code.BAD_MERGE, at=merge.at))
