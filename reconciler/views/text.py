"""Text as outputs show it: untrusted text made safe, names and values quoted, times, and the symbols of an output.

Manifest values, API messages and build logs can hold escape sequences that move the cursor, controls that turn the
direction of the text, and characters that nobody can see. Every such string goes through `plain`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from rich.cells import cell_len, chop_cells

from reconciler.core.secrets import redact
from reconciler.diagnostics import plural

# Of every public document, with its major number first.
FORMAT_VERSION = "1.0"
ELLIPSIS = "…"

# Given as fixed ranges and not by category, so that the same text gives the same bytes whichever Unicode tables the
# interpreter was built with. Spaces other than U+0020 belong to them: two values that differ must not look alike.
_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\xa0\xad"
    "\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164"
    "\ud800-\udfff"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)
_UNSAFE_OR_NOT_ASCII = re.compile(r"[^ -~]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_LAST_OF_ONE_BYTE = 0xFF
_LAST_OF_TWO_BYTES = 0xFFFF


def plain(text: str, *, lines: bool = False, ascii_only: bool = False) -> str:
    r"""Return the text with invisible characters and terminal controls as escapes such as `\x1b` or `\u202e`.

    `lines` keeps line ends; `ascii_only` writes every character beyond ASCII as an escape too.
    """
    if text.isascii() and text.isprintable():  # nearly every text; cheaper than a search
        return text
    if lines:
        return "\n".join(plain(line, ascii_only=ascii_only) for line in text.replace("\r\n", "\n").split("\n"))
    return (_UNSAFE_OR_NOT_ASCII if ascii_only else _UNSAFE).sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if code <= _LAST_OF_ONE_BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _LAST_OF_TWO_BYTES else f"\\U{code:08x}"


def shorten(
    text: str, columns: int, *, keep: Literal["start", "end", "both"] = "start", ellipsis: str = ELLIPSIS
) -> str:
    """Return safe text cut to a number of columns, with an ellipsis for missing text."""
    if cell_len(text) <= columns:
        return text
    room = max(columns - cell_len(ellipsis), 0)
    tail_room = {"start": 0, "both": room // 2, "end": room}[keep]
    return f"{_head(text, room - tail_room)}{ellipsis}{_head(text[::-1], tail_room)[::-1]}"


def _head(text: str, columns: int) -> str:
    """Return the start of the text that fits into a number of columns."""
    return next((piece for piece in chop_cells(text, columns)[:1] if cell_len(piece) <= columns), "") if columns else ""


class Role(StrEnum):
    """Meaning of a piece of text: the names of the styles in the console's theme."""

    PLAIN = "plain"
    ADD = "add"
    REMOVE = "remove"
    CHANGE = "change"
    DIM = "dim"
    BOLD = "bold"
    ERROR = "error"
    WARNING = "warning"


class Word(NamedTuple):
    """A piece of safe text with what it means; the changes of a plan are made of them in every format."""

    text: str
    role: Role = Role.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Style of the output: colors, characters beyond ASCII, and the width at which a value is cut."""

    color: bool
    unicode: bool
    value_limit: int = 200

    def plain(self, text: str, *, lines: bool = False) -> str:
        """Untrusted text made safe, with escapes for what this output cannot show."""
        return plain(text, lines=lines, ascii_only=not self.unicode)

    def shorten(self, text: str, columns: int) -> str:
        """Return safe text cut at its end to a number of columns."""
        return shorten(text, columns, ellipsis=self.ellipsis)

    @property
    def arrow(self) -> str:
        """Between the old and the new value."""
        return "→" if self.unicode else "->"

    @property
    def ellipsis(self) -> str:
        """Return where something was cut."""
        return ELLIPSIS if self.unicode else "..."

    @property
    def cross(self) -> str:
        """Return the mark of a failed or blocked item."""
        return "\N{BALLOT X}" if self.unicode else "x"

    @property
    def bar(self) -> str:
        """Return the mark of a quoted line of a log."""
        return "│" if self.unicode else "|"


_MANY_SPACES = re.compile(" {6,}")  # nobody can count them, and a line must not be made of them
_SPECIAL = re.compile(r'[ "\\]')
_UNIT = re.compile(" {6,}|.", re.DOTALL)
_CONTEXT = 15  # characters before the difference; even when all are escapes, the difference itself still fits


def token(text: str, style: Style) -> str:
    """Return a name as one word: unchanged if it reads as one, else in quotes."""
    if text and not _SPECIAL.search(text):
        return style.plain(text)
    return f'"{_inner(text, style)}"'


def quoted(text: str, style: Style) -> str:
    """Return a value in quotes; one too wide for the style is cut in the middle, with its number of characters."""
    limit = style.value_limit
    if len(text) <= limit:
        inner = _inner(text, style)
        if cell_len(inner) <= limit:
            return f'"{inner}"'
    half = limit // 2
    head = "".join(_fitting(_units(text[:half], style), half))
    tail = "".join(reversed(_fitting(_units(text[-half:], style)[::-1], half)))
    return f'"{head}{style.ellipsis}{tail}" ({len(text):,} characters)'


def json_text(text: str, style: Style) -> str:
    """Return JSON text, which has quotes of its own, made safe and cut at its end if very long."""
    return style.shorten(_countable(style.plain(text.strip())), style.value_limit)


def quoted_pair(before: str, after: str, style: Style) -> tuple[str, str]:
    """Return two different values in quotes; if cutting would make them look the same, the place where they differ."""
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
    """Return the quoted text in pieces that must not be cut."""
    return [_inner(unit, style) for unit in _UNIT.findall(text)]


def _fitting(units: list[str], columns: int) -> list[str]:
    """Return the first of the pieces that fit together."""
    used, count = 0, 0
    for unit in units:
        used += cell_len(unit)
        if used > columns:
            break
        count += 1
    return units[:count]


_LAST = 253402300799.0  # the end of the year 9999, beyond which there is no date to show
_MINUTE = 60
_HOUR = 3600
_DAY = 86400


def repositories(count: int) -> str:
    """Return a number of repositories in words."""
    return plural(count, "repository", "repositories")


def utc(seconds: float) -> str:
    """Return seconds since the epoch as `2026-11-23 09:12:04Z`."""
    return f"{_moment(seconds):%Y-%m-%d %H:%M:%S}Z"


def minute(seconds: float) -> str:
    """Return seconds since the epoch as `2026-11-23 09:12Z`, for narrow tables."""
    return f"{_moment(seconds):%Y-%m-%d %H:%M}Z"


def rfc3339(seconds: float) -> str:
    """Return seconds since the epoch as `2026-11-23T09:12:04.250Z`, for programs."""
    return _moment(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """Return a length of time as `42s`, `1m40s`, `2h05m` or `3d04h`."""
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST), UTC)


def indented_json(document: Mapping[str, object]) -> str:
    """Return the document, indented, in ASCII: no character that steers a terminal gets out."""
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def json_line(document: Mapping[str, object]) -> str:
    """Return the document as one line of ASCII."""
    return json.dumps(document, ensure_ascii=True) + "\n"


_STEERING = re.compile(r"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")


def log_lines(log: str) -> list[str]:
    """Return the lines of a log, without the empty ones at its end; not yet made safe."""
    found = log.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while found and not found[-1].strip():
        found.pop()
    return found


def clean_line(line: str, style: Style) -> str:
    """Return one line without sequences that steer a terminal, and with everything else that is unsafe as an escape."""
    return style.plain(redact(_STEERING.sub("", line)).expandtabs().rstrip())
