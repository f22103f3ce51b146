"""The layout that nearly all manifests have, read line by line: through YAML events it takes twice as long.

A line is a key, a key and a text, or an item of a list; a text is plain, or in quotes without escapes, or a list of
plain words in brackets. A file that has anything else, even once, is left to `yaml_tree`, which reads YAML as YAML and
finds what is wrong. `tests/manifest/test_plain_lines.py` holds that of what is read here both make the same tree.
"""

import re
from typing import Final

from reconciler.manifest.nodes import ListNode, MapNode

_WORD: Final = r"[A-Za-z0-9_./][A-Za-z0-9_./@=<>~+*-]*"
# Nothing that begins, ends or continues anything else in YAML: no indicator in front, no colon or comment inside.
# Nothing taken is given back: otherwise a long line that ends in the wrong way would be tried in every way there is.
_PLAIN: Final = r"""[A-Za-z0-9_./$(](?:[!-"$-9;-~]++|:(?=[!-~])|[ ]++(?=[!-"$-9;-~]))*+"""
_QUOTED: Final = r"""\"[ !#-\[\]-~]*\"|'[ -&(-~]*'"""
_LINE: Final = re.compile(
    rf"""([ ]*)
    (?: -[ ]({_QUOTED}|{_PLAIN})
      | ({_WORD}):(?:[ ](?:({_QUOTED}|{_PLAIN})|\[({_WORD}(?:,[ ]{_WORD})*)\]))?
      | (?:\#[ -~]*)? )
    [ ]*(?:[ ]\#[ -~]*)?\n""",
    re.VERBOSE,
)
_INDENT, _ITEM, _KEY, _VALUE, _WORDS = range(1, 6)
_NULLS: Final = frozenset({"null", "Null", "NULL"})
_TAKEN: Final = bytes(range(ord(" "), ord("~") + 1)) + b"\n"
_DEEPEST: Final = 16


class _OtherLayoutError(Exception):
    """There is something in the file that is not of this layout."""


def read(text: str) -> MapNode | None:
    """The tree of a text in this layout; None for every other text."""
    if not text.isascii() or text.encode().translate(None, _TAKEN):
        return None
    try:
        return _Reader().read(text)
    except _OtherLayoutError:
        return None


class _Reader:
    """The mappings that are open, each with its indent, and what the next line may go on with.

    That is the value of `_key`, when it is not yet there, or the list at an indent.
    """

    def __init__(self) -> None:
        self._open: list[tuple[int, MapNode]] = []
        self._key: tuple[str, int] | None = None
        self._list: tuple[int, ListNode] | None = None
        self._memo: dict[str, str] = {}

    def read(self, text: str) -> MapNode:
        """The tree; raises `_OtherLayoutError`."""
        end = 0
        for line in iter(_LINE.scanner(text).match, None):  # type: ignore[attr-defined]
            indent, item, key, value, words = line.groups()
            end = line.end()
            if item is not None:
                self._take_item(len(indent), item, line.start(_ITEM))
            elif key is not None:
                node = self._mapping(len(indent), line.start(_KEY))
                key = self._text(key)
                if key in node:
                    raise _OtherLayoutError
                if value is not None:
                    node[key] = self._text(value)
                    node.marks.append(line.start(_KEY))
                    node.marks.append(line.start(_VALUE))
                elif words is not None:
                    at = line.start(_WORDS) - 1
                    node.put(key, (self._words(words, at), at, None), line.start(_KEY))
                else:
                    self._key = key, line.start(_KEY)
        if self._key is not None or not self._open or end != len(text):
            raise _OtherLayoutError
        return self._open[0][1]

    def _take_item(self, indent: int, item: str, at: int) -> None:
        if self._key is not None:
            self._list = indent, self._begun(ListNode(at - 2), indent)
        if self._list is None or self._list[0] != indent:
            raise _OtherLayoutError
        node = self._list[1]
        node.append(self._text(item))
        node.marks.append(at)

    def _begun(self, node: ListNode, indent: int) -> ListNode:
        """A list as the value of the key that waits for one; it may stand as far left as the key does."""
        outer, mapping = self._open[-1]
        if self._key is None or indent < outer:
            raise _OtherLayoutError
        (key, key_at), self._key = self._key, None
        mapping.put(key, (node, node.at, None), key_at)
        return node

    def _mapping(self, indent: int, at: int) -> MapNode:
        """The mapping that a key at an indent belongs to, which may begin with it."""
        self._list = None
        if self._key is not None or not self._open:
            return self._begin(indent, at)
        while self._open[-1][0] > indent:
            self._open.pop()
            if not self._open:
                raise _OtherLayoutError
        if self._open[-1][0] != indent:
            raise _OtherLayoutError
        return self._open[-1][1]

    def _begin(self, indent: int, at: int) -> MapNode:
        node = MapNode(at)
        if self._key is not None:
            outer, mapping = self._open[-1]
            if indent <= outer or len(self._open) == _DEEPEST:
                raise _OtherLayoutError
            (key, key_at), self._key = self._key, None
            mapping.put(key, (node, at, None), key_at)
        self._open.append((indent, node))
        return node

    def _text(self, written: str) -> str:
        text = written[1:-1] if written[0] in "\"'" else written
        if text is written and text in _NULLS:
            raise _OtherLayoutError
        return self._memo.setdefault(text, text)

    def _words(self, written: str, at: int) -> ListNode:
        node = ListNode(at)
        at += 1
        for word in written.split(", "):
            node.append(self._text(word))
            node.marks.append(at)
            at += len(word) + 2
        return node
