"""Words set into lines of a given width, names in columns, and tables.

Words are safe text with a role; what they say belongs to the views. No line is wider than the width, save one that
holds a single word that may not be broken (a name, an address), and no line ends in a space.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Literal, NamedTuple

from reconciler.views.text import Role, Style, head_length, shorten, width
from reconciler.views.text import width as width_of

_LEAST_ROOM = 10
_MOST = 0.8
_WORTH_IT = 0.85
_EARLY = 0.6
_MOST_PER_COLUMN = 8  # characters; more than one where some of them combine
_TEXT, _GAP = itemgetter(0), itemgetter(2)  # of a word
_PART_OF_ESCAPE = re.compile(r"\\(?:x[0-9a-f]?|u[0-9a-f]{0,3}|U[0-9a-f]{0,7})?$")


class Word(NamedTuple):
    """A piece of safe text that stays on one line; `gap` is the space in front of it where it does not begin one.

    One with `breakable` may be broken where it is wider than a whole line. A tuple, as a large plan has a million.
    """

    text: str
    role: Role = Role.PLAIN
    gap: int = 1
    breakable: bool = False

    @property
    def width(self) -> int:
        """The columns that the word takes."""
        return width(self.text)

    def behind(self, gap: int) -> "Word":
        """The word with another gap in front of it."""
        return Word(self.text, self.role, gap, self.breakable)

    def reading(self, text: str) -> "Word":
        """The word with another text."""
        return Word(text, self.role, self.gap, self.breakable)


def phrase(text: str, role: Role = Role.PLAIN, *, gap: int = 1) -> list[Word]:
    """Safe text as words that may stand on different lines."""
    words = [Word(text=word, role=role) for word in text.split(" ") if word]
    return [words[0].behind(gap), *words[1:]] if words else []


def measure(words: Sequence[Word]) -> int:
    """The columns that the words take on one line, without the gap in front of the first."""
    return width("".join(map(_TEXT, words))) + sum(map(_GAP, words)) - words[0].gap if words else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The width and style that everything of one output is set with."""

    style: Style
    width: int

    def fill(self, words: Iterable[Word], *, start: int = 0, hanging: int = 0) -> str:
        """The words as text that begins in column `start`, without a gap, and goes on below in column `hanging`."""
        given = [word for word in words if word.text]
        if start + measure(given) <= self.width:
            told = [" " * gap + self.style.paint(text, role) for text, role, gap, _ in given]
            return "".join(told)[given[0].gap :] if given else ""
        out: list[str] = []
        column, fresh = start, True
        for word in given:
            gap, size = 0 if fresh else word.gap, word.width
            if column + gap + size > self.width and column + gap > hanging:
                out.append("\n" + " " * hanging)
                column, gap = hanging, 0
            pieces = self._pieces(word, self.width - max(column + gap, hanging))
            lines = [self.style.paint(piece, word.role) for piece in pieces]
            out.append(" " * gap + ("\n" + " " * hanging).join(lines))
            column = column + gap + size if len(pieces) == 1 else hanging + width(pieces[-1])
            fresh = False
        return "".join(out)

    def line(self, words: Iterable[Word], *, indent: int = 0, hanging: int | None = None) -> str:
        """The words as one paragraph with an indent, and a deeper one where it goes on."""
        return " " * indent + self.fill(words, start=indent, hanging=indent + 2 if hanging is None else hanging)

    def quote(self, text: str, *, indent: int) -> list[str]:
        """A line of somebody else's text, such as a log, behind a bar and broken where it is too wide."""
        bar = " " * indent + self.style.paint(self.style.bar, Role.DIM)
        pieces = broken(text, max(self.width - indent - 2, _LEAST_ROOM)) or [""]
        return [f"{bar} {piece}".rstrip(" ") for piece in pieces]

    def columns(self, names: Sequence[str], *, indent: int, role: Role = Role.PLAIN) -> list[str]:
        """Safe names in columns of one width, read along the line; a name that is wider than that takes several."""
        if not names:
            return []
        widths = list(map(width, names))
        by_width = sorted(widths)
        widest, most = by_width[-1], by_width[min(int(len(widths) * _MOST), len(widths) - 1)]
        rows = self._rows(widths, indent, widest + 2)
        # A few very long names must not leave everybody else in one column; ragged columns have to save something.
        denser = self._rows(widths, indent, most + 2) if most < widest else rows
        chosen = denser if len(denser) < len(rows) * _WORTH_IT else rows
        padded = iter([self.style.paint(name, role) for name in names])
        return [" " * indent + "".join([next(padded) + " " * space for space in row]) for row in chosen]

    def _rows(self, widths: Sequence[int], indent: int, cell: int) -> list[list[int]]:
        """For each line the spaces behind each of its names, so that the name takes a multiple of `cell`."""
        across = max((self.width - indent + 2) // cell, 1)
        rows: list[list[int]] = [[]]
        used = 0
        for size in widths:
            cells = -(-(size + 2) // cell)
            if used and used + cells > across:
                rows[-1][-1] = 0  # no line ends in a space
                rows.append([])
                used = 0
            rows[-1].append(cells * cell - size)
            used += cells
        rows[-1][-1] = 0
        return rows

    def _pieces(self, word: Word, room: int) -> list[str]:
        if not word.breakable or word.width <= room:
            return [word.text]
        return broken(word.text, max(room, _LEAST_ROOM))


def broken(text: str, room: int) -> list[str]:
    """The text in pieces of at most so many columns; none ends in a space, as runs of spaces are shorter than that."""
    cuts = [0]
    while cuts[-1] < len(text):
        # Only so much is looked at as can fit, or a long line would be looked through once for each of its pieces.
        rest = text[cuts[-1] : cuts[-1] + _MOST_PER_COLUMN * room]
        fitting = max(head_length(rest, room), 1)
        cuts.append(cuts[-1] + (fitting if fitting >= len(rest) else _place(rest[:fitting])))
    return [text[start:end] for start, end in pairwise(cuts)]


def _place(piece: str) -> int:
    r"""Where to end a line that could hold the whole piece: after `\n`, before a space, not inside an escape."""
    good = max(piece.rfind(r"\n") + 2, len(piece[: piece.rfind(" ") + 1].rstrip(" ")))
    if good < len(piece) * _EARLY:
        good = len(_PART_OF_ESCAPE.sub("", piece).rstrip(" "))
    return max(good, 1)


_COLUMN_GAP = 2


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


def render_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, style: Style, width: int) -> str:
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
    return sum(sizes) + _COLUMN_GAP * (len(sizes) - 1) - width


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
    padding = [size - width_of(text) + _COLUMN_GAP for text, size in zip(shown, sizes, strict=False)]
    painted = [style.paint(text, role) + " " * space for text, space in zip(shown[:-1], padding, strict=False)]
    return "".join([*painted, *(style.paint(text, role) for text in shown[-1:])]) + "\n"
