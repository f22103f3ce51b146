"""An entry of a plan in one line: the parts that change, and the names of what changes in them, without values."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from reconciler.views.change_text import LABELS
from reconciler.views.items import MARKS
from reconciler.views.quoting import token
from reconciler.views.safe_text import width
from reconciler.views.style import Style


def brief(changes: Iterable[dict[str, Any]], style: Style, columns: int) -> str:
    """Safe text of at most so many columns; where not every name has room, an ellipsis stands for the others."""
    found, used = list[str](), 0
    for word in _words(changes, style):
        used += width(word) + 1
        if used >= columns:
            return " ".join([*found, style.ellipsis])
        found.append(word)
    return " ".join(found)


def _words(changes: Iterable[dict[str, Any]], style: Style) -> Iterator[str]:
    for part, found in groupby(changes, key=lambda change: str(change["part"])):
        yield LABELS[part]
        yield from (MARKS[change["kind"]] + token(change["key"], style) for change in found if change["key"])
