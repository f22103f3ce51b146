"""Edits of one mapping of a manifest file in place: every other line stays byte for byte as it is.

What a mapping should hold is decided in `updater`, which also verifies the result by reading the file. A block that
other places share through an alias is not changed, as that would change them too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.core.diff import WHOLE
from reconciler.core.overlay import package_name, package_spec
from reconciler.manifest.form import OVERLAY_KEYS
from reconciler.manifest.writing.emit import flow, item, pair
from reconciler.manifest.writing.format import WIDTH, as_block, formatted
from reconciler.manifest.writing.syntax import (
    MERGE,
    Anchors,
    Node,
    ScalarNode,
    Sequence,
    Shape,
    Syntax,
    as_text,
    syntax_of,
    with_line_ends,
)
from reconciler.manifest.writing.syntax import Mapping as Branch

_PACKAGES: Final = "packages"
_NAMES: Final = ("name", "username", "groupname")
# Their order, or what is in them, has a meaning as a whole.
_WHOLE: Final = frozenset(key.path[-1] for key in OVERLAY_KEYS if key.field in WHOLE)
_MOST_ROUNDS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryEdit:
    """Wanted content of a mapping; keys that are neither wanted nor removed are left unchanged.

    `path` leads to the mapping, which has to be there below the top level.
    """

    path: tuple[str, ...]
    wanted: Mapping[str, Shape]
    removed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The text after all edits but those that were refused, with the reasons."""

    text: str
    refused: Mapping[tuple[str, ...], str]


def edited(text: str, edits: Iterable[EntryEdit]) -> Edited:
    """Return the text after several edits of different mappings."""
    refused: dict[tuple[str, ...], str] = {}
    before = text
    text = text if text.endswith("\n") else text + "\n"
    for _ in range(_MOST_ROUNDS):
        syntax = syntax_of(text)
        if isinstance(syntax.root, Branch) and syntax.root.flow:
            text = formatted(text) or ""
            continue
        editor, opened = _Editor(syntax), dict[_Patch, None]()
        for edit in edits:
            if edit.path not in refused:
                try:
                    editor.go(edit)
                except _BracketsOpened as needed:
                    opened[needed.patch] = None
                except _EditRefused as reason:
                    refused[edit.path] = str(reason)
        if not opened:
            changed = _applied(syntax.text, editor.patches)
            return Edited(text=with_line_ends(changed, before), refused=refused)
        text = _applied(syntax.text, opened)
    return Edited(text=before, refused={edit.path: "its flow style cannot be edited" for edit in edits})


class _EditRefused(Exception):  # noqa: N818 - it reads as what happened
    """A value cannot be changed in place; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """Place of a value: `after` its colon or dash, which belongs to a collection at column `indent`."""

    after: int
    indent: int
    in_list: bool = False


@dataclass(frozen=True, slots=True)
class _Patch:
    """A slice of the text and what takes its place."""

    start: int
    end: int
    text: str


class _BracketsOpened(Exception):  # noqa: N818 - asks for another round, never leaves this module
    """A collection has to leave its brackets before it can hold what it should."""

    def __init__(self, patch: _Patch) -> None:
        super().__init__()
        self.patch = patch


class _Editor:
    """The patches that edits need, collected on the way down to what changes."""

    def __init__(self, syntax: Syntax) -> None:
        self.patches: list[_Patch] = []
        self._syntax = syntax
        self._anchors = Anchors(syntax.root)

    def go(self, edit: EntryEdit) -> None:
        """Walk down to the mapping that is edited, and edit it; nothing is kept of an edit that fails."""
        before = len(self.patches)
        try:
            self._walk(edit)
        except (_EditRefused, _BracketsOpened):
            del self.patches[before:]
            raise

    def _walk(self, edit: EntryEdit) -> None:
        node: Node | None = self._syntax.root
        slot: _Slot | None = None
        for key in edit.path:
            if not isinstance(node, Branch):
                raise _EditRefused("it is shared through an alias")
            found = node.pair(key)
            if found is None:
                self._add(node, slot, key, edit.wanted)
                return
            if node.flow and slot is not None:
                raise _BracketsOpened(_opened(self._syntax, slot, node))
            slot, node = _slot_of_pair(self._syntax, found[0]), found[1]
        if slot is None:
            raise _EditRefused("it is the whole file")
        match node:
            case Branch():
                self._mapping(slot, node, edit.wanted, edit.removed)
            case ScalarNode(value=""):
                self.patches.append(_rewritten(self._syntax, slot, node, dict(edit.wanted)))
            case _:
                raise _EditRefused("it is shared through an alias")

    def _add(self, node: Branch, slot: _Slot | None, key: str, wanted: Mapping[str, Shape]) -> None:
        """Add a top-level mapping to the file."""
        if slot is not None:
            raise _EditRefused("it comes from a shared block")
        lines = pair(key, dict(wanted), self._syntax.column(node.pairs[0][0].start))
        self.patches.append(_inserted(self._syntax, node.end, ["", *lines]))

    def _unshared(self, node: Node) -> None:
        anchor = self._anchors.shared(node)
        if anchor is not None:
            raise _EditRefused(f"its lines are shared through the anchor `&{anchor}`")

    def _mapping(self, slot: _Slot, node: Branch, wanted: Mapping[str, Shape], removed: frozenset[str]) -> None:
        """Make a mapping hold what it should."""
        there = {key.value: (key, value) for key, value in node.pairs if isinstance(key, ScalarNode)}
        gone = [name for name in there if name in removed]
        new = {name: value for name, value in wanted.items() if name not in there}
        changed = [name for name in there if name in wanted and not self._means(there[name][1], wanted[name], name)]
        kept = {name: self._anchors.shape(value) for name, (_, value) in there.items() if name not in gone}
        if not (gone or new or changed):
            return
        if not kept or (slot.in_list and not node.flow and next(iter(there)) in gone):
            # Its first line is that of the dash as well, or nothing of it stays.
            self._unshared(node)
            self.patches.append(_rewritten(self._syntax, slot, node, {**kept, **wanted}))
        elif node.flow:
            self._flow_mapping(slot, node, wanted, removed)
        else:
            for name in gone:
                self._remove(*there[name])
            for name in changed:
                self._value(_slot_of_pair(self._syntax, there[name][0]), there[name][1], wanted[name], name)
            self._insert(node, self._new_pairs(node, new))

    def _new_pairs(self, node: Branch, new: Mapping[str, Shape]) -> list[str]:
        """Return the lines of new keys, with blank lines between them where the old ones have some."""
        first, last = node.pairs[0][0], node.pairs[-1][0]
        apart = "\n\n" in self._syntax.text[first.start : last.start]
        blocks = [pair(name, value, self._syntax.column(first.start)) for name, value in new.items()]
        return [line for block in blocks for line in (["", *block] if apart else block)]

    def _value(self, slot: _Slot, node: Node, wanted: Shape, key: str) -> None:
        """Make a value what it should be; `key` is its own, or that of the list whose item it is."""
        self._unshared(node)
        match node, wanted:
            case Branch(pairs=pairs), dict() if pairs and wanted and MERGE not in _keys(node) and key not in _WHOLE:
                self._mapping(slot, node, wanted, _keys(node) - frozenset(wanted))
            case Sequence(items=items), list() if items and wanted and not node.anchor and key not in _WHOLE:
                self._sequence(slot, node, wanted, key)
            case ScalarNode(style="" | "'" | '"', value=str(value)), (str() | int()) if value and "\n" not in str(
                wanted
            ):
                style = node.style if isinstance(wanted, str) else ""
                self.patches.append(_Patch(node.start, node.end, flow(wanted, style=style)))
            case _:
                self.patches.append(_rewritten(self._syntax, slot, node, wanted))

    def _sequence(self, slot: _Slot, node: Sequence, wanted: list[Shape], key: str) -> None:
        left = {_identity(value, key): value for value in wanted}
        matched = [(one, left.pop(_identity(self._anchors.shape(one), key), None)) for one in node.items]
        if node.flow:
            stay: list[tuple[Node, Shape]] = [(one, value) for one, value in matched if value is not None]
            self._flow_sequence(slot, node, stay, list(left.values()), key)
            return
        for one, value in matched:
            place = _slot_of_item(self._syntax, node, one)
            if value is None:
                self._remove(place, one)
            elif not self._means(one, value, key):
                self._value(place, one, value, key)
        indent = self._syntax.column(node.start)
        self._insert(node, [line for value in left.values() for line in item(value, indent)])

    def _remove(self, head: Node | _Slot, value: Node) -> None:
        self._unshared(value)
        start, end = (head.after, head.after) if isinstance(head, _Slot) else (head.start, head.end)
        self.patches.append(_removed(self._syntax, start, max(end, value.end)))

    def _insert(self, node: Node, lines: list[str]) -> None:
        if lines:
            self.patches.append(_inserted(self._syntax, node.end, lines))

    def _flow_mapping(self, slot: _Slot, node: Branch, wanted: Mapping[str, Shape], removed: frozenset[str]) -> None:
        parts = []
        for key, value in node.pairs:
            name = key.value if isinstance(key, ScalarNode) else ""
            if name not in removed:
                keep = name not in wanted or self._means(value, wanted[name], name)
                parts.append(f"{self._syntax.slice(key)}: {self._flow(value, wanted.get(name), keep=keep)}")
        new = {name: value for name, value in wanted.items() if name not in _keys(node)}
        self._brackets(slot, node, [*parts, *([flow(new)[1:-1]] if new else [])], wanted.values())

    def _flow_sequence(
        self, slot: _Slot, node: Sequence, kept: list[tuple[Node, Shape]], new: list[Shape], key: str
    ) -> None:
        parts = [self._flow(one, value, keep=self._means(one, value, key)) for one, value in kept]
        self._brackets(slot, node, [*parts, *map(flow, new)], [*(value for _, value in kept), *new])

    def _flow(self, node: Node, wanted: Shape, *, keep: bool) -> str:
        """Return a value in brackets: as it was written where it stays."""
        if keep:
            return self._syntax.slice(node)
        return flow(wanted, style=node.style if isinstance(node, ScalarNode) and isinstance(wanted, str) else "")

    def _brackets(self, slot: _Slot, node: Branch | Sequence, parts: list[str], values: Iterable[Shape]) -> None:
        """Write a collection in brackets anew, or open it where it does not fit or holds comments or collections."""
        self._unshared(node)
        brackets = "[]" if isinstance(node, Sequence) else "{}"
        anchor = f"&{node.anchor} " if node.anchor else ""
        text = f"{anchor}{brackets[0]}{', '.join(parts)}{brackets[1]}"
        plain = all(isinstance(value, (str, int)) and "\n" not in str(value) for value in values)
        if not plain or "\n" in self._syntax.slice(node) or self._syntax.column(node.start) + len(text) > WIDTH:
            raise _BracketsOpened(_opened(self._syntax, slot, node))
        self.patches.append(_Patch(node.start, node.end, text))

    def _means(self, node: Node, wanted: Shape, key: str) -> bool:
        """Return whether a value already is what it should be; lists are sets unless their order has a meaning."""
        there, wanted = self._anchors.shape(node), as_text(wanted)
        if isinstance(there, list) and isinstance(wanted, list) and key not in _WHOLE:
            both = ([_normal_form(one, key) for one in several] for several in (there, wanted))
            old, new = (sorted(several, key=repr) for several in both)
            return old == new
        return _normal_form(there, key) == wanted


def _keys(node: Branch) -> frozenset[str]:
    return frozenset(key.value for key, _ in node.pairs if isinstance(key, ScalarNode))


def _identity(value: Shape, key: str) -> str:
    """Return what an item of a list is known by: its name, or itself."""
    if isinstance(value, dict):
        return next((str(value[name]) for name in _NAMES if name in value), "")
    return package_name(str(value).strip()) if key == _PACKAGES else str(value)


def _normal_form(shape: Shape, key: str) -> Shape:
    """Return a package without the white space that means nothing; everything else as it is."""
    return package_spec(shape) if key == _PACKAGES and isinstance(shape, str) else shape


def _applied(text: str, patches: Iterable[_Patch]) -> str:
    """Return the text after all patches, those of one place in the order in which they were made."""
    parts: list[str] = []
    at = 0
    for patch in sorted(patches, key=lambda one: (one.start, one.end)):
        if patch.start < at:
            raise _EditRefused("its lines contain another change")
        parts += [text[at : patch.start], patch.text]
        at = patch.end
    return "".join([*parts, text[at:]])


def _slot_of_pair(syntax: Syntax, key: Node) -> _Slot:
    """Return the slot behind a key of a mapping in lines."""
    return _Slot(after=syntax.text.index(":", key.end) + 1, indent=syntax.column(key.start))


def _slot_of_item(syntax: Syntax, sequence: Sequence, one: Node) -> _Slot:
    """Return the slot behind the dash of an item of a list in lines."""
    dash = syntax.dash(sequence, one)
    return _Slot(after=dash + 1, indent=syntax.column(dash), in_list=True)


def _rewritten(syntax: Syntax, slot: _Slot, node: Node, wanted: Shape) -> _Patch:
    """Return a value written anew; the comment on the line of its key or dash stays."""
    first, *more = item(wanted, slot.indent) if slot.in_list else pair("x", wanted, slot.indent)
    rest_of_line = first[slot.indent + (1 if slot.in_list else len("x:")) :]
    same_line = syntax.line(node.start) == syntax.line(slot.after)
    end = syntax.line_end(node.end)
    comment_at = (node.end, end) if same_line else (slot.after, syntax.line_end(slot.after))
    comment = syntax.text[slice(*comment_at)].rstrip()
    return _Patch(slot.after, end, rest_of_line + comment + "".join("\n" + line for line in more))


def _opened(syntax: Syntax, slot: _Slot, node: Branch | Sequence) -> _Patch:
    """Return a collection that leaves its brackets: the same keys and values on lines of their own."""
    bracket = syntax.text.index("[" if isinstance(node, Sequence) else "{", node.start)
    lines = as_block(syntax, node, slot.indent)
    end = syntax.line_end(node.end)
    comment = syntax.text[node.end : end].rstrip()
    if slot.in_list and isinstance(node, Branch):
        first, *lines = lines
        return _Patch(bracket, end, first.strip() + comment + "".join("\n" + line for line in lines))
    head = len(syntax.text[:bracket].rstrip(" "))
    return _Patch(head, end, comment + "".join("\n" + line for line in lines))


def _removed(syntax: Syntax, start: int, end: int) -> _Patch:
    """Return whole lines taken away; comments above them stay."""
    return _Patch(syntax.line_start(start), syntax.line_end(end) + 1, "")


def _inserted(syntax: Syntax, end: int, lines: Iterable[str]) -> _Patch:
    """Return lines put below the one on which something ends."""
    at = syntax.line_end(end) + 1
    return _Patch(at, at, "".join(line + "\n" for line in lines))
