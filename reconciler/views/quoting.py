r"""Names and values from outside as they stand in a line of text: quoted where needed, cut where very long.

Inside quotes a backslash and a quote are escaped, so that `\x1b` can be told from the four characters that spell it;
without quotes there is no backslash but in an escape.
"""

import re

from reconciler.views import safe_text
from reconciler.views.style import Style

_MANY_SPACES = re.compile(" {6,}")  # nobody can count them, and a line must not be made of them
_SPECIAL = re.compile(r'[ "\\]')
_UNIT = re.compile(" {6,}|.", re.DOTALL)
_CONTEXT = 15  # characters before the difference; even when all are escapes, the difference itself still fits


def token(text: str, style: Style) -> str:
    """A name as one word: as it is where it reads as one, else in quotes."""
    if text and not _SPECIAL.search(text):
        return style.plain(text)
    return f'"{_inner(text, style)}"'


def quoted(text: str, style: Style) -> str:
    """A value in quotes; one too wide for the style is cut in the middle, with its number of characters said."""
    limit = style.value_limit
    if len(text) <= limit:
        inner = _inner(text, style)
        if safe_text.width(inner) <= limit:
            return f'"{inner}"'
    half = limit // 2
    head = "".join(_fitting(_units(text[:half], style), half))
    tail = "".join(reversed(_fitting(_units(text[-half:], style)[::-1], half)))
    return f'"{head}{style.ellipsis}{tail}" ({len(text):,} characters)'


def json_text(text: str, style: Style) -> str:
    """JSON text, which has quotes of its own, made safe and cut at its end where it is very long."""
    return style.shorten(_countable(style.plain(text.strip())), style.value_limit)


def quoted_pair(before: str, after: str, style: Style) -> tuple[str, str]:
    """Two different values in quotes; where cutting would make them look the same, the place where they differ."""
    shown = quoted(before, style), quoted(after, style)
    if shown[0] != shown[1]:
        return shown
    same = next(at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    return _excerpt(before, same, style), _excerpt(after, same, style)


def _excerpt(text: str, at: int, style: Style) -> str:
    start = max(at - _CONTEXT, 0)
    inner = "".join(_fitting(_units(text[start : start + style.value_limit], style), style.value_limit))
    return f'"{style.ellipsis}{inner}{style.ellipsis}" ({len(text):,} characters)'


def _inner(text: str, style: Style) -> str:
    return _countable(style.plain(text.replace("\\", "\\\\").replace('"', '\\"')))


def _countable(text: str) -> str:
    return _MANY_SPACES.sub(lambda found: r"\x20" * len(found[0]), text)


def _units(text: str, style: Style) -> list[str]:
    """The text as it stands in quotes, in pieces that must not be cut."""
    return [_inner(unit, style) for unit in _UNIT.findall(text)]


def _fitting(units: list[str], columns: int) -> list[str]:
    """The first of the pieces that fit together."""
    used, count = 0, 0
    for unit in units:
        used += safe_text.width(unit)
        if used > columns:
            break
        count += 1
    return units[:count]
