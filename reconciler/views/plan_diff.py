"""The changes of one repository as lines of a diff: a mark that viewers know and paint, the part, and what changes.

Names alone share a line; a value has one of its own. Works on the fragments that the text of a plan is made of.
"""

from collections.abc import Iterable, Iterator, Sequence

from reconciler.views.change_text import Fragment
from reconciler.views.items import Item
from reconciler.views.safe_text import width
from reconciler.views.style import Role

_MARKS = {Role.ADD: "+", Role.REMOVE: "-", Role.CHANGE: "!"}
_COLUMNS = 100


def lines(parts: Sequence[Fragment]) -> Iterator[str]:
    """The lines, each with its mark in the first column and the labels aligned."""
    column = max((len(part.label) for part in parts), default=0)
    for part in parts:
        for mark, told in _packed(part.items):
            yield f"{mark} {part.label:<{column}}  {told}"


def _packed(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """Each line's mark and text; neighbours that are a single name with the same mark share one while there is room."""
    mark, names = "", list[str]()
    for item in items:
        own, *rest = _marked(item)
        full = width(" ".join([*names, *rest])) > _COLUMNS
        if names and (len(item) > 1 or own != mark or full):
            yield mark, " ".join(names)
            names = []
        if len(item) > 1:
            yield own, " ".join(rest)
        else:
            mark, names = own, [*names, *rest]
    if names:
        yield mark, " ".join(names)


def _marked(item: Item) -> tuple[str, ...]:
    """The mark of an item and then its words, the first of them without the mark that it carries in text."""
    mark = _MARKS.get(item[0].role, "")
    if not mark:
        return (" ", *(word.text for word in item))
    return (mark, item[0].text[1:], *(word.text for word in item[1:]))
