"""JSON in and out without loss: a number that Python would spell differently keeps the text that it came in.

An update sends a whole object back, the fields that this version does not know among them; they must arrive as they
left. Shapes are not checked here.
"""

import json
import json.encoder
import re
from collections.abc import Callable, Iterator
from typing import Self, TypeVar

T = TypeVar("T")

_quoted = json.encoder.encode_basestring_ascii
_PART = 1 << 16
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


def decode_list(body: bytes | bytearray, key: str, take: Callable[[object], T]) -> tuple[list[T], object]:
    """The list under a key of an object, each item as what `take` makes of it, and the value with an empty list there.

    Only for what is never sent back: numbers keep no text. Raises `ValueError` when the body is no JSON, and what
    `take` raises. What has no list there is given as it is. Items are taken as they are decoded, so that a long list
    with all that nobody wants of it is never there as a whole, and a single character beyond the usual in one of its
    readmes does not make the whole text several times as large.
    """
    found: list[T] = []
    rest: object = None
    for rest in parts(body, key):
        items = rest.get(key) if isinstance(rest, dict) else None
        if isinstance(rest, dict) and isinstance(items, list):
            found += map(take, items)
            rest[key] = []
    return found, rest


def parts(body: bytes | bytearray, key: str, size: int = _PART) -> Iterator[object]:
    """The value of a body; that of an object which begins with a long list under `key` in several objects.

    Each has a part of the list, of about `size` bytes, and the last one also what else there is. Cut is only between
    two objects, and only where the part before is whole by itself: behind a cut within a text or within a deeper list,
    it would end in the middle of it. Raises `ValueError` for what is no JSON.
    """
    name = json.dumps(key).encode()
    head = re.match(rb"\s*\{\s*%s\s*:\s*\[" % re.escape(name), body)
    begin, start = b"{%s:[" % name, 0 if head is None else head.end()
    while head and len(body) - start > 2 * size:
        cut = _BETWEEN.search(body, start + size)
        part = _part(begin + body[start : cut.start() + 1] + b"]}", key) if cut else None
        if cut is None or part is None:
            break
        yield part
        start = cut.end() - 1
    yield _value(begin + body[start:] if head else body, float)


def _part(text: bytes | bytearray, key: str) -> dict[str, object] | None:
    """The object of a text; None where it is none with this key alone."""
    try:
        value = _value(text, float)
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.keys() == {key} else None


def _value(body: bytes | bytearray, number: Callable[[str], float]) -> object:
    try:
        value = json.loads(body.decode("utf-8"), parse_float=number, parse_constant=_refuse)
        if _SURROGATE.search(body):
            # Half a character has no UTF-8 form: it would break the first file or terminal that it is written to.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


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
