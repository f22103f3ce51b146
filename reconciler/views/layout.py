"""Words set into lines of a given width: wrapping with a hanging indent, and names in columns.

Words are safe text with a role; what they say belongs to the views. No line is wider than the width, save one that
holds a single word that may not be broken (a name, an address), and no line ends in a space.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from reconciler.views import safe_text
from reconciler.views.style import Role, Style

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
        return safe_text.width(self.text)

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
    return safe_text.width("".join(map(_TEXT, words))) + sum(map(_GAP, words)) - words[0].gap if words else 0


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
            gap, width = 0 if fresh else word.gap, word.width
            if column + gap + width > self.width and column + gap > hanging:
                out.append("\n" + " " * hanging)
                column, gap = hanging, 0
            pieces = self._pieces(word, self.width - max(column + gap, hanging))
            lines = [self.style.paint(piece, word.role) for piece in pieces]
            out.append(" " * gap + ("\n" + " " * hanging).join(lines))
            column = column + gap + width if len(pieces) == 1 else hanging + safe_text.width(pieces[-1])
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
        widths = list(map(safe_text.width, names))
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
        for width in widths:
            cells = -(-(width + 2) // cell)
            if used and used + cells > across:
                rows[-1][-1] = 0  # no line ends in a space
                rows.append([])
                used = 0
            rows[-1].append(cells * cell - width)
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
        fitting = max(safe_text.head_length(rest, room), 1)
        cuts.append(cuts[-1] + (fitting if fitting >= len(rest) else _place(rest[:fitting])))
    return [text[start:end] for start, end in pairwise(cuts)]


def _place(piece: str) -> int:
    r"""Where to end a line that could hold the whole piece: after `\n`, before a space, not inside an escape."""
    good = max(piece.rfind(r"\n") + 2, len(piece[: piece.rfind(" ") + 1].rstrip(" ")))
    if good < len(piece) * _EARLY:
        good = len(_PART_OF_ESCAPE.sub("", piece).rstrip(" "))
    return max(good, 1)
