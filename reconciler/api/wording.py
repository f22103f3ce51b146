"""Text from the network made fit for a message: short, one line, no control characters. No sentence is made here."""

import json
import re
import unicodedata

LONGEST = 256
LONG = 2000
# Format characters change the direction or hide parts of a line; separators and controls break it.
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_TITLE = re.compile(r"<title[\s>]", re.IGNORECASE)
_TITLE_END = re.compile("</title>", re.IGNORECASE)


def clean(text: str, most: int = LONGEST) -> str:
    """The text on one line, without control and direction characters, cut at `most` characters."""
    # What lies far behind the cut is not looked at: a body can be megabytes long.
    shown = "".join(" " if unicodedata.category(char) in _UNFIT else char for char in text[: 8 * most])
    line = " ".join(shown.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def body_text(body: bytes | bytearray) -> str:
    """What the body of a failed answer says: the API's message, the title of an HTML page, or its beginning.

    Not fit for a message yet, and not cut: a token that is cut in the middle would no longer be found and hidden.
    """
    message, code = rpc_status(body)
    if message or code is not None:
        return message or f"code {code} without a message"
    text = body.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        title = _title(text)
        return "an HTML page" if title is None else f'an HTML page, "{" ".join(title.split())}"'
    return text


def _title(page: str) -> str | None:
    """The text of a page's first title; each step searches once, so that no page takes longer than it is long."""
    opening = _TITLE.search(page)
    begin = page.find(">", opening.end() - 1) + 1 if opening else 0
    end = _TITLE_END.search(page, begin) if begin else None
    return page[begin : end.start()] if end else None


def rpc_status(body: bytes | bytearray) -> tuple[str, int | None]:
    """Message and code of a google.rpc.Status body; `("", None)` where it is none."""
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        return "", None
    if not isinstance(status, dict):
        return "", None
    message, code = status.get("message"), status.get("code")
    return message if isinstance(message, str) else "", code if type(code) is int else None
