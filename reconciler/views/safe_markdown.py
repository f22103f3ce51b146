"""Untrusted text made safe for Markdown: the one place that every such string goes through on its way there.

Inside code nothing is looked for: no markup, no HTML, no address, no mention of a person, no reference to an issue. So
text from outside stands in code spans and fences, and nowhere else; what they say belongs to the views.
"""

import re
from collections.abc import Iterable

from reconciler.views import safe_text

_TICKS = re.compile("`+")
_NOT_FOR_COMMENTS = re.compile(r"[^0-9A-Za-z/]")
_SHORTEST_FENCE = 3


def code(text: str) -> str:
    """The text as a code span that begins and ends where it should, whatever stands in it."""
    inner = safe_text.plain(text) or '""'
    ticks = "`" * (_longest_run(inner) + 1 if "`" in inner else 1)
    # One space on each side is taken off again where both are there, and a backtick must not touch the delimiter.
    touches = inner[0] == "`" or inner[-1] == "`"
    spaced = inner[0] == inner[-1] == " " and inner.strip(" ") != ""
    pad = " " if touches or spaced else ""
    return f"{ticks}{pad}{inner}{pad}{ticks}"


def cell(text: str) -> str:
    """The text as a code span inside a table, where a bar would begin the next cell even within code."""
    return code(text).replace("|", r"\|")


def row(cells: Iterable[str]) -> str:
    """One line of a table, from cells that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def fence(lines: Iterable[str], language: str) -> str:
    """Lines of text as a block of code that ends where it should, whatever stands in them."""
    inner = [safe_text.plain(line) for line in lines]
    ticks = "`" * max(_SHORTEST_FENCE, 1 + max(map(_longest_run, inner), default=0))
    return "\n".join([f"{ticks}{language}", *inner, ticks])


def marker(*words: str) -> str:
    """A comment that no reader sees and that a program finds again: the words with colons between them."""
    return f"<!-- {':'.join(_NOT_FOR_COMMENTS.sub(_number, word) for word in words)} -->"


def _number(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):x}"


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
