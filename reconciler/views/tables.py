"""Text tables: aligned columns of safe text that shrink until they fit. What the rows say belongs to their commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reconciler.views.safe_text import shorten
from reconciler.views.safe_text import width as width_of
from reconciler.views.style import Role, Style

_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading, and how it gives way where the table is too wide.

    `keep` is the side of its text that stays, `least` the columns that it always has. One that `yields` becomes narrow
    before the others do; one that is `optional` is left out where not every column can have its least.
    """

    title: str
    keep: Literal["start", "end", "both"] = "start"
    least: int = 8
    yields: bool = False
    optional: bool = False


def render(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, style: Style, width: int) -> str:
    """The table with its headings; cells are untrusted text. Empty text where there are no rows."""
    if not rows:
        return ""
    cells = [[style.plain(cell) for cell in row] for row in rows]
    sizes = _sizes(columns, cells)
    stay = _staying(columns, sizes, width)
    columns, sizes = [columns[one] for one in stay], [sizes[one] for one in stay]
    cells = [[row[one] for one in stay] for row in cells]
    sizes = _shrunk(columns, sizes, width)
    titles = _line([column.title for column in columns], columns, sizes, style, Role.BOLD)
    return "".join([titles, *(_line(row, columns, sizes, style) for row in cells)])


def _staying(columns: Sequence[Column], sizes: Sequence[int], width: int) -> list[int]:
    """The numbers of the columns that there is room for: optional ones go, the last of them first."""
    stay = list(range(len(columns)))
    for number in reversed(stay[:]):
        least = _least([columns[one] for one in stay], [sizes[one] for one in stay])
        if columns[number].optional and _excess(least, width) > 0:
            stay.remove(number)
    return stay


def _sizes(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> list[int]:
    return [
        max(width_of(column.title), *(width_of(row[number]) for row in cells)) for number, column in enumerate(columns)
    ]


def _least(columns: Sequence[Column], sizes: Sequence[int]) -> list[int]:
    return [min(size, max(column.least, len(column.title))) for size, column in zip(sizes, columns, strict=True)]


def _excess(sizes: Sequence[int], width: int) -> int:
    return sum(sizes) + _GAP * (len(sizes) - 1) - width


def _shrunk(columns: Sequence[Column], sizes: Sequence[int], width: int) -> list[int]:
    """The sizes with those that yield made narrower, then always the widest, until all fits or nothing can shrink."""
    found, least = list(sizes), _least(columns, sizes)
    for first in (True, False):
        able = [number for number, column in enumerate(columns) if column.yields or not first]
        while _excess(found, width) > 0 and (left := [number for number in able if found[number] > least[number]]):
            found[max(left, key=found.__getitem__)] -= 1
    return found


def _line(
    texts: Sequence[str], columns: Sequence[Column], sizes: Sequence[int], style: Style, role: Role = Role.PLAIN
) -> str:
    shown = [
        shorten(text, size, keep=column.keep, ellipsis=style.ellipsis)
        for text, column, size in zip(texts, columns, sizes, strict=True)
    ]
    while shown and not shown[-1]:
        shown.pop()
    padding = [size - width_of(text) + _GAP for text, size in zip(shown, sizes, strict=False)]
    painted = [style.paint(text, role) + " " * space for text, space in zip(shown[:-1], padding, strict=False)]
    return "".join([*painted, *(style.paint(text, role) for text in shown[-1:])]) + "\n"
