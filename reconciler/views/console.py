"""The rich console of every terminal output: its theme, hanging lines, names in columns, tables, and file diffs.

A width of None means that the output is not a terminal: nothing is wrapped or cut, and names are printed one a line.
Text that comes here is safe already (`text.plain`); markup and highlighting stay off, so that no bracket is taken for
a style.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from io import StringIO
from typing import Any, Literal, NamedTuple, Protocol, TextIO

from rich.cells import cell_len
from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Span, Text
from rich.theme import Theme

from reconciler.views.text import Role, Style, Word, shorten

THEME = Theme(
    {
        Role.PLAIN: "none",
        Role.ADD: "green",
        Role.REMOVE: "red",
        Role.CHANGE: "yellow",
        Role.DIM: "dim",
        Role.BOLD: "bold",
        Role.ERROR: "bold red",
        Role.WARNING: "bold yellow",
    },
    inherit=False,
)
_UNLIMITED = 100_000
_LEAST_WIDTH = 40
_LEAST_BODY = 10
_GAP = 2
_TRAILING_SPACES = re.compile(r"(?<! ) +((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


def words_text(words: Iterable[Word]) -> Text:
    """Return the words with a space between them."""
    pieces: list[str] = []
    spans: list[Span] = []
    start = 0
    for text, role in words:
        if role is not Role.PLAIN:
            spans.append(Span(start, start + len(text), role))
        pieces.append(text)
        start += len(text) + 1
    return Text(" ".join(pieces), spans=spans)


def new_console(style: Style, *, file: TextIO, width: int | None = None, height: int | None = None) -> Console:
    """Return a console that writes to `file`; it asks the terminal for its size where that is not given."""
    return Console(
        file=file,
        force_terminal=True,
        force_jupyter=False,
        color_system="standard" if style.color else None,
        no_color=not style.color,
        theme=THEME,
        width=width,
        height=height,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )


def draw(lines: Iterable[RenderableType], *, style: Style, width: int | None) -> str:
    """Return what the console makes of the lines; no line ends in a space."""
    file = StringIO()
    size = _UNLIMITED if width is None else max(width, _LEAST_WIDTH)
    new_console(style, file=file, width=size).print(Group(*lines), soft_wrap=width is None, crop=False)
    return _TRAILING_SPACES.sub(r"\1", file.getvalue())


def draw_blocks(blocks: Iterable[Sequence[RenderableType]], *, style: Style, width: int | None) -> str:
    """Return the blocks that are not empty, with an empty line between them."""
    found = [block for block in blocks if block]
    spaced = (line for number, block in enumerate(found) for line in ([Text(), *block] if number else block))
    return draw(spaced, style=style, width=width)


@dataclass(frozen=True, slots=True)
class Hanging:
    """A head and behind it, from `column` on, a body whose further lines begin in that column as well.

    Behind a head that is but an indent the body begins at once.
    """

    head: Text
    body: Text
    column: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        used = self.head.cell_len
        gap = (self.column - used if used < self.column else 2) if self.head.plain.strip() else 0
        if options.no_wrap or used + gap + self.body.cell_len <= options.max_width:
            yield from _line(console, self.head, " " * gap, self.body)
            return
        indent = " " * self.column
        first, *rest = self.body.wrap(console, max(options.max_width - self.column, _LEAST_BODY)) or [Text()]
        if gap and used + 1 > self.column:
            yield self.head
            yield from _line(console, indent, first)
        else:
            yield from _line(console, self.head, " " * gap, first)
        for line in rest:
            yield from _line(console, indent, line)


def _line(console: Console, *parts: Text | str) -> Iterable[Segment]:
    """Return the parts as one line that is known to fit: looking for breaks in it would take most of the time."""
    return Text.assemble(*parts).render(console, end="\n")


def names_block(names: Iterable[str], *, indent: int, width: int | None) -> list[RenderableType]:
    """Return safe names in columns, read along the line; one a line without a terminal."""
    if width is None:
        return [Text(" " * indent + name) for name in names]
    texts = [Text(name, no_wrap=True) for name in names]
    return [Padding(Columns(texts, padding=(0, 2)), (0, 0, 0, indent))] if texts else []


class Column(NamedTuple):
    """A column's heading, and how it gives way where the table is too wide.

    `keep` is the side of its text that stays, `least` the columns that it always has. One that `yields` becomes narrow
    before the others do; one that is `optional` is left out where not every column can have its least.
    """

    title: str
    keep: Literal["start", "end", "both"] = "start"
    least: int = 8
    yields: bool = False
    optional: bool = False


def draw_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str | Word]], *, style: Style, width: int | None
) -> str:
    """Return the table with its headings; cells are untrusted text, also those with a role. Empty text without rows."""
    if not rows:
        return ""
    words = [[cell if isinstance(cell, Word) else Word(cell) for cell in row] for row in rows]
    cells = [[Word(style.plain(cell.text), cell.role) for cell in row] for row in words]
    sizes = [max(cell_len(row[number].text) for row in cells) for number in range(len(columns))]
    widths = _widths(columns, sizes, _UNLIMITED if width is None else max(width, _LEAST_WIDTH))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style=Role.BOLD)
    for number, size in widths.items():
        table.add_column(Text(columns[number].title, no_wrap=True), no_wrap=True, width=size)
    for row in cells:
        table.add_row(
            *(
                Text(
                    shorten(row[number].text, size, keep=columns[number].keep, ellipsis=style.ellipsis),
                    row[number].role if row[number].role is not Role.PLAIN else "",
                )
                for number, size in widths.items()
            )
        )
    total = sum(widths.values()) + _GAP * (len(widths) - 1)  # more than the terminal has where not even the least fits
    return draw([table], style=style, width=None if width is None else max(width, total))


def _widths(columns: Sequence[Column], sizes: Sequence[int], room: int) -> dict[int, int]:
    """Return the width of each column that fits, by its number.

    Optional columns go, the last of them first; then those that yield become narrow, then the widest. rich shrinks
    columns as well, but knows no least width.
    """
    found = {number: max(size, len(columns[number].title)) for number, size in enumerate(sizes)}
    least = {
        number: min(size, max(columns[number].least, len(columns[number].title))) for number, size in found.items()
    }
    for number in range(len(columns) - 1, -1, -1):
        if columns[number].optional and sum(least[one] + _GAP for one in found) - _GAP > room:
            del found[number]
    for first in (True, False):
        while sum(found.values()) + _GAP * (len(found) - 1) > room and (
            able := [one for one in found if found[one] > least[one] and (columns[one].yields or not first)]
        ):
            found[max(able, key=found.__getitem__)] -= 1
    return found


_CONTEXT = 3


class DiffLine(Protocol):
    """A line with the columns of what must not be shown."""

    @property
    def text(self) -> str:
        """Return the line without its end."""
        ...

    @property
    def hidden(self) -> Sequence[tuple[int, int]]:
        """Return the first column and the one past the last, in order."""
        ...


def draw_diff(name: str, before: Sequence[DiffLine], after: Sequence[DiffLine], *, style: Style) -> str:
    """Return the changed lines with three lines of context, as `diff -u` does; empty if nothing changed."""
    matcher = SequenceMatcher(None, [one.text for one in before], [one.text for one in after])
    hunks = [line for group in matcher.get_grouped_opcodes(_CONTEXT) for line in _hunk(group, before, after)]
    if not hunks:
        return ""
    lines = [(f"--- {name}", Role.BOLD), (f"+++ {name}", Role.BOLD), *hunks]
    return draw([Text(style.plain(text), role) for text, role in lines], style=style, width=None)


def _hunk(
    group: Sequence[tuple[str, int, int, int, int]], before: Sequence[DiffLine], after: Sequence[DiffLine]
) -> Iterator[tuple[str, Role]]:
    (_, old_start, _, new_start, _), (_, _, old_end, _, new_end) = group[0], group[-1]
    yield f"@@ -{_range(old_start, old_end)} +{_range(new_start, new_end)} @@", Role.DIM
    for tag, old_from, old_to, new_from, new_to in group:
        if tag == "equal":
            yield from ((f" {_redacted(one, '(sensitive value)')}", Role.PLAIN) for one in before[old_from:old_to])
            continue
        yield from ((f"-{_redacted(one, '(old sensitive value)')}", Role.REMOVE) for one in before[old_from:old_to])
        yield from ((f"+{_redacted(one, '(new sensitive value)')}", Role.ADD) for one in after[new_from:new_to])


def _range(start: int, end: int) -> str:
    length = end - start
    # As `diff -u` counts: from 1, except where there is nothing.
    return f"{start + 1 if length else start},{length}"


def _redacted(line: DiffLine, instead: str) -> str:
    text = line.text
    for first, end in reversed(line.hidden):
        text = text[:first] + instead + text[end:]
    return text


class SteadyStream:
    """A stream that keeps the error of a reader who has gone away, instead of raising it.

    rich would end the process for it, and the table is also drawn from a thread where nobody could catch it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        """Write while there is somebody to read."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush while there is somebody to read."""
        self._try(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, action: Callable[[], object]) -> None:
        if self.error is None:
            try:
                action()
            except OSError as error:
                self.error = error
