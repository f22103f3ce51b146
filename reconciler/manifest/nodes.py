"""The tree of a YAML document: ordinary mappings, lists and texts with the place of each key and value.

Positions are offsets in characters; `document.Source` turns them into line and column.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final


class Broken:
    """The kind of `BROKEN`."""

    __slots__ = ()


BROKEN: Final = Broken()
"""Placeholder of a value that was reported already, so that nothing more is reported about it."""

# A value, its place, and the place of the alias that leads to it.
Found = tuple[object, int, int | None]


class MapNode(dict[str, Any]):
    """A mapping with the offsets of its keys and values: `marks` holds both of each key, in order.

    A value that is reached through an alias or a merge has the offsets of its definition, and `use_of` tells where the
    alias is.
    """

    __slots__ = ("_first", "_marks", "_numbers", "_uses", "at")

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self._uses: dict[str, int] | None = None
        self._numbers: dict[str, int] | None = None

    @property
    def marks(self) -> "array[int]":
        """Return the offsets of each key and its value."""
        return self._marks[self._first : self._first + 2 * len(self)]

    def close(self, marks: "array[int]", offsets: list[int]) -> None:
        """Take the offsets of all keys and values, which go to the end of what the nodes of a tree have in common.

        An array for each node would be as many objects again for the garbage collector to look at.
        """
        self._marks, self._first = marks, len(marks)
        marks.extend(offsets)

    def put_use(self, key: str, use: int) -> None:
        """Set the place of the alias or merge that a key's value comes from."""
        self._uses = self._uses or {}
        self._uses[key] = use

    def marks_of(self, key: str) -> tuple[int, int]:
        """Return the offsets of a key and its value."""
        if self._numbers is None:
            self._numbers = {name: 2 * number for number, name in enumerate(self)}
        at = self._first + self._numbers[key]
        return self._marks[at], self._marks[at + 1]

    def use_of(self, key: str) -> int | None:
        """Return the offset of the alias or merge that brought a key's value in."""
        return self._uses.get(key) if self._uses else None

    def keys_at(self) -> Iterator[tuple[str, int]]:
        """Yield each key with its offset, in order."""
        return zip(self, self.marks[::2], strict=True)


class ListNode(list[Any]):
    """A list with the offsets of its items in `marks`; see `MapNode` for aliases and for `close`."""

    __slots__ = ("_first", "_marks", "_uses", "at")

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self._uses: dict[int, int] | None = None

    @property
    def marks(self) -> "array[int]":
        """Return the offset of each item."""
        return self._marks[self._first : self._first + len(self)]

    def close(self, marks: "array[int]", offsets: list[int]) -> None:
        """Take the offsets of all items."""
        self._marks, self._first = marks, len(marks)
        marks.extend(offsets)

    def put_use(self, index: int, use: int) -> None:
        """Set the place of the alias that an item comes from."""
        self._uses = self._uses or {}
        self._uses[index] = use

    def mark_of(self, index: int) -> int:
        """Return the offset of an item."""
        return self._marks[self._first + index]

    def use_of(self, index: int) -> int | None:
        """Return the offset of the alias that brought an item in."""
        return self._uses.get(index) if self._uses else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Place in a tree that a path leads to.

    `key_at` is None where no key is; `use_at` is where the outermost alias on the way is, None without one.
    """

    value: object
    value_at: int
    key_at: int | None = None
    use_at: int | None = None

    @property
    def at(self) -> int:
        """Return the offset of the key, or of the value without a key."""
        return self.value_at if self.key_at is None else self.key_at


def locate(root: MapNode | ListNode, path: Sequence[str | int]) -> Spot:
    """Follow a path of keys and indexes as far as the tree goes along with it."""
    spot = Spot(value=root, value_at=root.at)
    for part in path:
        following = _step(spot, part)
        if following is None:
            break
        spot = following
    return spot


def _step(spot: Spot, part: str | int) -> Spot | None:
    match spot.value, part:
        case MapNode() as node, str() if part in node:
            key_at, value_at = node.marks_of(part)
            use = node.use_of(part) if spot.use_at is None else spot.use_at
            return Spot(value=node[part], value_at=value_at, key_at=key_at, use_at=use)
        case ListNode() as node, int() if part < len(node):
            use = node.use_of(part) if spot.use_at is None else spot.use_at
            return Spot(value=node[part], value_at=node.mark_of(part), use_at=use)
        case _:
            return None
