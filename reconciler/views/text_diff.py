"""The difference between two texts of one file, line by line, with what must not be shown left out."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, Protocol

from rich.text import Text

from reconciler.views.console import draw
from reconciler.views.text import Role, Style

_CONTEXT: Final = 3


class Line(Protocol):
    """A line with the columns of what must not be shown."""

    @property
    def text(self) -> str:
        """Return the line without its end."""
        ...

    @property
    def hidden(self) -> Sequence[tuple[int, int]]:
        """Return the first column and the one past the last, in order."""
        ...


def render(name: str, before: Sequence[Line], after: Sequence[Line], *, style: Style) -> str:
    """Return the changed lines with three lines of context, as `diff -u` does; empty if nothing changed."""
    matcher = SequenceMatcher(None, [one.text for one in before], [one.text for one in after])
    hunks = [line for group in matcher.get_grouped_opcodes(_CONTEXT) for line in _hunk(group, before, after)]
    if not hunks:
        return ""
    lines = [(f"--- {name}", Role.BOLD), (f"+++ {name}", Role.BOLD), *hunks]
    return draw([Text(style.plain(text), role) for text, role in lines], style=style, width=None)


def _hunk(
    group: Sequence[tuple[str, int, int, int, int]], before: Sequence[Line], after: Sequence[Line]
) -> Iterator[tuple[str, Role]]:
    (_, old_start, _, new_start, _), (_, _, old_end, _, new_end) = group[0], group[-1]
    yield f"@@ -{_range(old_start, old_end)} +{_range(new_start, new_end)} @@", Role.DIM
    for tag, old_from, old_to, new_from, new_to in group:
        if tag == "equal":
            yield from ((f" {_shown(one, '(sensitive value)')}", Role.PLAIN) for one in before[old_from:old_to])
            continue
        yield from ((f"-{_shown(one, '(old sensitive value)')}", Role.REMOVE) for one in before[old_from:old_to])
        yield from ((f"+{_shown(one, '(new sensitive value)')}", Role.ADD) for one in after[new_from:new_to])


def _range(start: int, end: int) -> str:
    length = end - start
    # As `diff -u` counts: from 1, except where there is nothing.
    return f"{start + 1 if length else start},{length}"


def _shown(line: Line, instead: str) -> str:
    text = line.text
    for first, end in reversed(line.hidden):
        text = text[:first] + instead + text[end:]
    return text
