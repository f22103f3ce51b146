"""A YAML file that was read: its text, its tree, and the blocks of sections in it.

The tree is made of ordinary mappings, lists and texts with the place of each key and value. Positions are offsets in
characters, which `Source` turns into line and column.
"""

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path as FilePath
from typing import Any, Final

from reconciler.diagnostics import Place
from reconciler.manifest.codes import Code

Path = tuple[str, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlProblem:
    """Something wrong with the YAML itself: where, where the thing that it collides with is, and the words involved."""

    code: Code
    at: int
    other_at: int | None = None
    text: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A document: `root` is `BROKEN` when it could not be read to its end, and None when there is nothing in it.

    `texts` are its keys and values, each once.
    """

    root: object
    problems: tuple[YamlProblem, ...] = ()
    texts: Collection[str] = ()


class Source:
    """A manifest file that was read: its name as the user gave it, and its text."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        # `splitlines` ends lines where YAML does, beyond line feeds too.
        self._starts = array("I", accumulate(map(len, text.splitlines(keepends=True)), initial=0))

    def place(self, offset: int) -> Place:
        """Return line and column of an offset, both from 1."""
        line = bisect_right(self._starts, min(offset, len(self.text)))
        return Place(file=self.name, line=line, column=offset - self._starts[line - 1] + 1)


@dataclass(frozen=True, slots=True)
class Block:
    """A mapping of sections, with its file and the path of keys that leads to it.

    An entry, a profile, the defaults, or a whole overlay file.
    """

    source: Source
    path: Path
    node: MapNode

    def get(self, path: Path) -> object:
        """Return the value that a path of keys leads to, None where it leads nowhere."""
        value: object = self.node
        for part in path:
            value = value.get(part) if isinstance(value, MapNode) else None
        return value

    def items(self, path: Path) -> Iterator[tuple[int, MapNode]]:
        """Yield the items of a list that are mappings, each with its number."""
        found = self.get(path)
        for index, item in enumerate(found if isinstance(found, ListNode) else ()):
            if isinstance(item, MapNode):
                yield index, item

    def locate(self, path: Sequence[str | int]) -> Spot:
        """Return the place that a path of keys and indexes leads to."""
        return locate(self.node, path)


@dataclass(frozen=True, slots=True)
class Document:
    """A file with its tree; `root` of that is `BROKEN` where the YAML could not be read. `is_overlay`: no manifest."""

    source: Source
    tree: Tree
    is_overlay: bool = False

    @property
    def root(self) -> object:
        """Return the root of the tree."""
        return self.tree.root

    @property
    def top(self) -> MapNode | None:
        """Return the top level, where it is a mapping as it should be."""
        return self.tree.root if isinstance(self.tree.root, MapNode) else None

    def place_of(self, key: str) -> Place:
        """Return the place of the value of a top-level key."""
        return self.source.place(self.top.marks_of(key)[1] if self.top is not None else 0)

    def entries(self) -> Iterator[tuple[str, int, object]]:
        """Yield each repository as it is addressed, its offset, and its entry, in the order of the file."""
        yield from self._below("repositories")

    def profiles(self) -> Iterator[tuple[str, int, object]]:
        """Yield each profile as it is named, its offset, and its sections, in the order of the file."""
        yield from self._below("profiles")

    def overlays(self) -> Iterator[tuple[str, int, object]]:
        """Yield each overlay as it is named, its offset, and its sections, in the order of the file."""
        yield from self._below("overlays")

    def customizations(self) -> Iterator[tuple[str, int, object]]:
        """Yield all that can build on profiles and on an overlay file: the overlays and the repositories."""
        yield from self.overlays()
        yield from self.entries()

    def overlay_files(self) -> Iterator[FilePath]:
        """Yield the paths of the overlay files that are named."""
        for _, _, entry in self.customizations():
            written = entry.get("overlay") if isinstance(entry, MapNode) else None
            if isinstance(written, str):
                yield FilePath(self.source.name).parent / written

    def scopes(self) -> Iterator[tuple[str, MapNode]]:
        """Yield the folder ("" for the organization) and the bindings of all that holds for many repositories."""
        found = [("", self.top.get("all_repositories") if self.top is not None else None)]
        found += [(name, node) for name, _, node in self._below("folders")]
        for folder, node in found:
            bindings = node.get("overlays") if isinstance(node, MapNode) else None
            if isinstance(bindings, MapNode):
                yield folder, bindings

    def blocks(self) -> Iterator[Block]:
        """Yield every block of sections."""
        if self.is_overlay:
            if self.top is not None:
                yield Block(self.source, (), self.top)
            return
        defaults = self.top.get("defaults") if self.top is not None else None
        if isinstance(defaults, MapNode):
            yield Block(self.source, ("defaults",), defaults)
        for key in ("profiles", "overlays", "repositories"):
            for name, _, node in self._below(key):
                if isinstance(node, MapNode):
                    yield Block(self.source, (key, name), node)

    def _below(self, key: str) -> Iterator[tuple[str, int, object]]:
        named = self.top.get(key) if self.top is not None else None
        if isinstance(named, MapNode):
            for (name, at), value in zip(named.keys_at(), named.values(), strict=True):
                yield name, at, value
