"""JSON in and out without loss: a number that Python would spell differently keeps the text that it came in.

An update sends a whole object back, the fields that this version does not know among them; they must arrive as they
left. Shapes are not checked here.
"""

import json
import json.encoder
import re
from collections.abc import Callable, Sequence
from typing import Any, Self

_quoted = json.encoder.encode_basestring_ascii
_PIECE = 1 << 16
_BEGIN = b'{"items":['
_ITEMS = re.compile(rb'\s*\{\s*"items"\s*:\s*\[')
_BETWEEN = re.compile(rb"\}\s*,\s*\{")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Number(float):
    """A number with a fraction or an exponent, which remembers how it was written."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Read the number from its text."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def decode(body: bytes | bytearray) -> object:
    """The JSON value of a body; raises `ValueError` when it is none that could be sent back."""
    return _value(body, Number)


def decode_items(body: bytes | bytearray, fields: Sequence[str]) -> object:
    """The JSON value of a body, of whose `items` only some fields are kept; raises `ValueError` when it is no JSON.

    Only for what is never sent back: numbers keep no text. A long list is read in pieces, so that the rest of it is
    never there as a whole, and a single character beyond the usual in one of its readmes does not make the whole text
    several times as large.
    """
    return in_pieces(body, lambda text: _only(_value(text, float), fields))


def in_pieces(body: bytes | bytearray, read: Callable[[bytes | bytearray], Any], size: int = _PIECE) -> Any:
    """What `read` makes of an object that begins with its `items`, read in pieces of about `size` bytes.

    Cut is only between two objects, and only where the part before is whole by itself: behind a cut within a text or
    within a deeper list, it would end in the middle of it. Raises `ValueError` as `read` does.
    """
    found: list[Any] = []
    head = _ITEMS.match(body)
    start = head.end() if head else len(body)
    while len(body) - start > 2 * size:
        cut = _BETWEEN.search(body, start + size)
        piece = _piece(body[start : cut.start() + 1], read) if cut else None
        if cut is None or piece is None:
            break
        found += piece
        start = cut.end() - 1
    if not found:
        return read(body)
    rest = read(_BEGIN + body[start:])
    return {**rest, "items": found + rest["items"]}


def _piece(text: bytes | bytearray, read: Callable[[bytes | bytearray], Any]) -> list[Any] | None:
    """The items in a part of the list; None where the part is not one of whole items."""
    try:
        document = read(_BEGIN + text + b"]}")
    except ValueError:
        return None
    return document["items"] if document.keys() == {"items"} else None


def _value(body: bytes | bytearray, number: Callable[[str], float]) -> object:
    try:
        value = json.loads(body.decode("utf-8"), parse_float=number, parse_constant=_refuse)
        if _SURROGATE.search(body):
            # Half a character has no UTF-8 form: it would break the first file or terminal that it is written to.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _only(document: object, fields: Sequence[str]) -> object:
    """The document with those fields of its items alone."""
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(items, list):
        return document
    kept = [{key: item[key] for key in fields if key in item} if isinstance(item, dict) else item for item in items]
    return {**document, "items": kept}


def encode(value: object) -> bytes:
    """The JSON text of a value, in ASCII; raises `ValueError` when it is nested too deeply."""
    try:
        return _text(value).encode("ascii")
    except RecursionError:
        raise ValueError("nested too deeply") from None


def canonical(value: object) -> str:
    """The JSON text that values of the same meaning share: keys sorted, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _text(value: object) -> str:
    # Most of what is sent is text in lists and objects, hence in this order.
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{_quoted(key)}:{_text(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([_text(item) for item in value]) + "]"
    if isinstance(value, Number):
        return value.text
    return json.dumps(value, allow_nan=False)


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
