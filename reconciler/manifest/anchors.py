"""Anchors and aliases of one document, with a count of what every alias stands for.

An alias shares its value, so a few lines can stand for millions of values that the next stage would walk through. The
count is made from the weights of the anchored values before anybody does.
"""

from dataclasses import dataclass
from typing import Any, Final

from reconciler.manifest.codes import Code
from reconciler.manifest.flaws import Flaw, Refused
from reconciler.manifest.nodes import BROKEN, Found

MAX_ALIASES: Final = 100_000
MAX_COPIED_NODES: Final = 1_000_000
MAX_COPIED_TEXT: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A value with its place, and how many nodes and characters it is when every alias in it is written out."""

    value: object
    at: int
    nodes: int
    text: int


class Anchors:
    """The anchors seen so far. `nodes` counts every value of the document, aliases written out."""

    __slots__ = ("_aliases", "_copied_nodes", "_copied_text", "_done", "_flaws", "_opened", "nodes")

    def __init__(self, flaws: list[Flaw]) -> None:
        self.nodes = 0
        self._flaws = flaws
        self._opened: dict[str, int] = {}
        self._done: dict[str, _Anchored] = {}
        self._aliases = 0
        self._copied_nodes = 0
        self._copied_text = 0

    def open(self, name: str, at: int) -> tuple[int, int]:
        """Begin an anchored value; what is returned belongs to its `close`."""
        if name in self._opened:
            self._flaws.append(Flaw(code=Code.DUPLICATE_ANCHOR, at=at, text=name, other_at=self._opened[name]))
        self._opened[name] = at
        self._done.pop(name, None)
        return self.nodes, self._copied_text

    def close(self, name: str, value: object, *, end: int, before: tuple[int, int]) -> None:
        """End an anchored value; from here on aliases may name it."""
        nodes, copied = before
        at = self._opened[name]
        text = end - at + self._copied_text - copied
        self._done[name] = _Anchored(value, at, self.nodes - nodes + 1, text)

    def resolve(self, event: Any) -> Found:
        """What an alias stands for, where that is defined, and where the alias is."""
        name, use = event.anchor, event.start_mark.index
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise Refused(Flaw(code=Code.TOO_MANY_ALIASES, at=use, text=str(self._aliases)))
        anchored = self._done.get(name)
        if anchored is None:
            opened = self._opened.get(name)
            code = Code.UNKNOWN_ALIAS if opened is None else Code.RECURSIVE_ALIAS
            self._flaws.append(Flaw(code=code, at=use, text=name, other_at=opened))
            return BROKEN, use, None
        self._count(anchored, use)
        return anchored.value, anchored.at, use

    def _count(self, anchored: _Anchored, use: int) -> None:
        self.nodes += anchored.nodes
        self._copied_nodes += anchored.nodes
        self._copied_text += anchored.text
        if self._copied_nodes > MAX_COPIED_NODES or self._copied_text > MAX_COPIED_TEXT:
            raise Refused(Flaw(code=Code.EXPANSION_TOO_LARGE, at=use, text=str(self._copied_nodes)))
