"""One text as a YAML scalar: plain where every reader of YAML takes it for text, quoted or as a block otherwise.

The loader of this program takes nearly everything for text; editors and other tools guess numbers, dates and flags.
"""

import re
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./@%+=~^<>$()*!?;|&:-]| (?=[A-Za-z0-9_./(@%+$]))*")
_COLON: Final = re.compile(r":(?: |$)")
_NUMBER_LIKE: Final = re.compile(r"[-+.0-9][-+.0-9_:a-fA-FxXoOeE]*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", ".inf", ".nan"})
_UNSAFE: Final = re.compile("[^ -~\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")
_ESCAPES: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def scalar(text: str, *, style: str = "") -> str:
    """A text on one line; `style` is the quote that it had before, "" for none."""
    if style not in {'"', "'"} and _may_be_plain(text):
        return text
    if _UNSAFE.search(text) is None and (style == "'" or (style != '"' and ('"' in text or "\\" in text))):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in text) + '"'


def block(text: str) -> list[str] | None:
    """The lines of a text of several lines below its key, the first with the sign; None where it has to be quoted."""
    lines = text.removesuffix("\n").split("\n")
    ends_twice = text.endswith("\n\n")
    if len(lines) < 2 or ends_twice or lines[0][:1] in ("", " ", "\t"):  # noqa: PLR2004 - a block is several lines
        return None
    if any(_UNSAFE.search(line.replace("\t", " ")) or line != line.rstrip() for line in lines):
        return None
    return ["|" if text.endswith("\n") else "|-", *lines]


def _may_be_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or _COLON.search(text):
        return False
    # Document marks and words that other readers of YAML convert.
    return not (_NUMBER_LIKE.fullmatch(text) or text.lower() in _WORDS or text.startswith("..."))


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if _UNSAFE.match(character) is None:
        return character
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 - what two digits hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - what four digits hold
