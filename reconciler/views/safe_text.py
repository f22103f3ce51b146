"""Untrusted text made safe for a terminal: the one place that every such string goes through.

Manifest values, API messages and build logs can hold escape sequences that move the cursor, controls that turn the
direction of the text, and characters that nobody can see. They are shown as escapes here, and display widths are
measured here. What a value looks like inside a plan (quotes, cuts) is the business of `quoting`.
"""

import re
import unicodedata
from itertools import accumulate
from typing import Literal

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
    r"""The text with everything that is invisible or that steers a terminal as an escape such as `\x1b` or `\u202e`.

    `lines` keeps line ends; `ascii_only` writes every character beyond ASCII as an escape too.
    """
    if text.isascii() and text.isprintable():  # nearly every text: one look instead of a search
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


def width(text: str) -> int:
    """The number of terminal columns that safe text takes: two for wide characters, none for combining ones."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def head_length(text: str, columns: int) -> int:
    """The number of characters at the start of the text that fit into so many columns."""
    if text.isascii():
        return min(len(text), max(columns, 0))
    return sum(reached <= columns for reached in accumulate(map(_character_width, text)))


def shorten(
    text: str, columns: int, *, keep: Literal["start", "end", "both"] = "start", ellipsis: str = ELLIPSIS
) -> str:
    """Safe text cut to so many columns, with an ellipsis where something is missing."""
    if width(text) <= columns:
        return text
    room = max(columns - width(ellipsis), 0)
    tail_room = {"start": 0, "both": room // 2, "end": room}[keep]
    head = text[: head_length(text, room - tail_room)]
    tail = text[len(text) - head_length(text[::-1], tail_room) :]
    return f"{head}{ellipsis}{tail}"
