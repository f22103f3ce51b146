"""Slices of a manifest's text that change, and the few kinds of change that there are: all in whole lines or one slot.

A slot is what follows a key and its colon, or the dash of a list. What should change is decided in `editing`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.manifest.writing.layout import as_block
from reconciler.manifest.writing.render import item, pair
from reconciler.manifest.writing.shapes import Shape
from reconciler.manifest.writing.syntax import Mapping, Node, Sequence, Syntax


class EditRefused(Exception):  # noqa: N818 - it reads as what happened
    """A value cannot be changed where it stands; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where a value stands: `after` its colon or dash, which belongs to a collection at column `indent`."""

    after: int
    indent: int
    in_list: bool = False


@dataclass(frozen=True, slots=True)
class Patch:
    """A slice of the text and what takes its place."""

    start: int
    end: int
    text: str


def applied(text: str, patches: Iterable[Patch]) -> str:
    """The text after all patches, those of one place in the order in which they were made."""
    parts: list[str] = []
    at = 0
    for patch in sorted(patches, key=lambda one: (one.start, one.end)):
        if patch.start < at:
            raise EditRefused("its lines hold something else that changes as well")
        parts += [text[at : patch.start], patch.text]
        at = patch.end
    return "".join([*parts, text[at:]])


def slot_of_pair(syntax: Syntax, key: Node) -> Slot:
    """The slot behind a key of a mapping in lines."""
    return Slot(after=syntax.text.index(":", key.end) + 1, indent=syntax.column(key.start))


def slot_of_item(syntax: Syntax, sequence: Sequence, one: Node) -> Slot:
    """The slot behind the dash of an item of a list in lines."""
    dash = syntax.dash(sequence, one)
    return Slot(after=dash + 1, indent=syntax.column(dash), in_list=True)


def rewritten(syntax: Syntax, slot: Slot, node: Node, wanted: Shape) -> Patch:
    """A value written anew; the comment on the line of its key or dash stays."""
    first, *more = item(wanted, slot.indent) if slot.in_list else pair("x", wanted, slot.indent)
    beside = first[slot.indent + (1 if slot.in_list else len("x:")) :]
    same_line = syntax.line(node.start) == syntax.line(slot.after)
    end = syntax.line_end(node.end)
    comment_at = (node.end, end) if same_line else (slot.after, syntax.line_end(slot.after))
    comment = syntax.text[slice(*comment_at)].rstrip()
    return Patch(slot.after, end, beside + comment + "".join("\n" + line for line in more))


def opened(syntax: Syntax, slot: Slot, node: Mapping | Sequence) -> Patch:
    """A collection that leaves its brackets: the same keys and values on lines of their own."""
    bracket = syntax.text.index("[" if isinstance(node, Sequence) else "{", node.start)
    lines = as_block(syntax, node, slot.indent)
    end = syntax.line_end(node.end)
    comment = syntax.text[node.end : end].rstrip()
    if slot.in_list and isinstance(node, Mapping):
        first, *lines = lines
        return Patch(bracket, end, first.strip() + comment + "".join("\n" + line for line in lines))
    head = len(syntax.text[:bracket].rstrip(" "))
    return Patch(head, end, comment + "".join("\n" + line for line in lines))


def removed(syntax: Syntax, start: int, end: int) -> Patch:
    """Whole lines taken away; comments above them stay."""
    return Patch(syntax.line_start(start), syntax.line_end(end) + 1, "")


def inserted(syntax: Syntax, end: int, lines: Iterable[str]) -> Patch:
    """Lines put below the one on which something ends."""
    at = syntax.line_end(end) + 1
    return Patch(at, at, "".join(line + "\n" for line in lines))
