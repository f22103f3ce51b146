"""Lossless JSON: a number that Python would spell differently keeps its original text.

An update returns a whole object including unknown fields, which must arrive as they were sent. Shapes are not checked
here; responses that are never sent back are parsed by the models of `answers` alone.
"""

import json
import json.encoder
import re
from typing import Self

_quoted = json.encoder.encode_basestring_ascii
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Number(float):
    """A number with a fraction or an exponent that remembers its spelling."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Read the number from its text."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def decode(body: bytes | bytearray) -> object:
    """Return the JSON value of a body; raises `ValueError` if it could not be sent back."""
    try:
        value = json.loads(body.decode("utf-8"), parse_float=Number, parse_constant=_refuse)
        if _SURROGATE.search(body):
            # A lone surrogate has no UTF-8 form: it would break the first file or terminal that receives it.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def encode(value: object) -> bytes:
    """Return the JSON text of a value, in ASCII; raises `ValueError` when it is nested too deeply."""
    try:
        return _text(value).encode("ascii")
    except RecursionError:
        raise ValueError("nested too deeply") from None


def canonical(value: object) -> str:
    """Return the canonical JSON text of a value: keys sorted, no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _text(value: object) -> str:
    # Most values are text in lists and objects, hence this order.
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
