"""Words set into lines of a given width: wrapping with a hanging indent, and names in columns.

Words are safe text with a role; what they say belongs to the views. No line is wider than the width, save one that
holds a single word that may not be broken (a name, an address), and no line ends in a space.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from reconciler.views import safe_text
from reconciler.views.style import Role, Style

_LEAST_ROOM = 10
_MOST = 0.8
_WORTH_IT = 0.85
_EARLY = 0.6
_PART_OF_ESCAPE = re.compile(r"\\(?:x[0-9a-f]?|u[0-9a-f]{0,3}|U[0-9a-f]{0,7})?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A piece of safe text that stays on one line; `gap` is the space in front of it where it does not begin one.

    One with `breakable` may be broken where it is wider than a whole line.
    """

    text: str
    role: Role = Role.PLAIN
    gap: int = 1
    breakable: bool = False

    @property
    def width(self) -> int:
        """The columns that the word takes."""
        return safe_text.width(self.text)


def phrase(text: str, role: Role = Role.PLAIN, *, gap: int = 1) -> list[Word]:
    """Safe text as words that may stand on different lines."""
    words = [Word(text=word, role=role) for word in text.split(" ") if word]
    return [replace(words[0], gap=gap), *words[1:]] if words else []


def measure(words: Sequence[Word]) -> int:
    """The columns that the words take on one line, without the gap in front of the first."""
    return sum(word.width + word.gap for word in words) - words[0].gap if words else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The width and style that everything of one output is set with."""

    style: Style
    width: int

    def fill(self, words: Iterable[Word], *, start: int = 0, hanging: int = 0) -> str:
        """The words as text that begins in column `start`, without a gap, and goes on below in column `hanging`."""
        out: list[str] = []
        column, fresh = start, True
        for word in words:
            if not word.text:
                continue
            gap = 0 if fresh else word.gap
            if column + gap + word.width > self.width and column + gap > hanging:
                out.append("\n" + " " * hanging)
                column, gap = hanging, 0
            pieces = self._pieces(word, self.width - max(column + gap, hanging))
            lines = [self.style.paint(piece, word.role) for piece in pieces]
            out.append(" " * gap + ("\n" + " " * hanging).join(lines))
            column = column + gap + word.width if len(pieces) == 1 else hanging + safe_text.width(pieces[-1])
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
        widths = sorted(map(safe_text.width, names))
        widest, most = widths[-1], widths[min(int(len(widths) * _MOST), len(widths) - 1)]
        rows = self._rows(names, indent, widest + 2)
        # A few very long names must not leave everybody else in one column; ragged columns have to save something.
        denser = self._rows(names, indent, most + 2)
        chosen = denser if len(denser) < len(rows) * _WORTH_IT else rows
        return [self._row(row, indent, role) for row in chosen]

    def _rows(self, names: Sequence[str], indent: int, cell: int) -> list[list[tuple[str, int]]]:
        """The names of each line with the space that each takes, a multiple of `cell`."""
        across = max((self.width - indent + 2) // cell, 1)
        rows: list[list[tuple[str, int]]] = [[]]
        used = 0
        for name in names:
            cells = -(-(safe_text.width(name) + 2) // cell)
            if used and used + cells > across:
                rows.append([])
                used = 0
            rows[-1].append((name, cells * cell))
            used += cells
        return rows

    def _row(self, row: Sequence[tuple[str, int]], indent: int, role: Role) -> str:
        padded = [self.style.paint(name, role) + " " * (space - safe_text.width(name)) for name, space in row[:-1]]
        return " " * indent + "".join(padded) + self.style.paint(row[-1][0], role)

    def _pieces(self, word: Word, room: int) -> list[str]:
        if not word.breakable or word.width <= room:
            return [word.text]
        return broken(word.text, max(room, _LEAST_ROOM))


def broken(text: str, room: int) -> list[str]:
    """The text in pieces of at most so many columns; none ends in a space, as runs of spaces are shorter than that."""
    cuts = [0]
    while cuts[-1] < len(text):
        rest = text[cuts[-1] :]
        fitting = max(safe_text.head_length(rest, room), 1)
        cuts.append(cuts[-1] + (fitting if fitting >= len(rest) else _place(rest[:fitting])))
    return [text[start:end] for start, end in pairwise(cuts)]


def _place(piece: str) -> int:
    r"""Where to end a line that could hold the whole piece: after `\n`, before a space, not inside an escape."""
    good = max(piece.rfind(r"\n") + 2, len(piece[: piece.rfind(" ") + 1].rstrip(" ")))
    if good < len(piece) * _EARLY:
        good = len(_PART_OF_ESCAPE.sub("", piece).rstrip(" "))
    return max(good, 1)
