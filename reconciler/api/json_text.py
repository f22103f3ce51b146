"""JSON in and out without loss: a number that Python would spell differently keeps the text that it came in.

An update sends a whole object back, the fields that this version does not know among them; they must arrive as they
left. Shapes are not checked here.
"""

import json
import json.encoder
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

_quoted = json.encoder.encode_basestring_ascii
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


def decode(body: bytes) -> object:
    """The JSON value of a body; raises `ValueError` when it is none that could be sent back."""
    try:
        value = json.loads(body, parse_float=Number, parse_constant=_refuse)
        if _SURROGATE.search(body):
            # Half a character has no UTF-8 form: it would break the first file or terminal that it is written to.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def decode_items(body: bytes, fields: Sequence[str]) -> object:
    """The JSON value of a body, of whose `items` only some fields are kept; raises `ValueError` when it is no JSON.

    Only for what is never sent back: numbers keep no text. It takes a fraction of the memory, as the rest of a long
    list never becomes Python objects, and a single character beyond the usual in one of its readmes does not make the
    whole text several times as large.
    """
    from pydantic_core import from_json

    try:
        return _items_reader(tuple(fields)).validate_json(body)
    except ValueError:
        # Not an object, or not JSON: what it is, is for others to say.
        return from_json(body, allow_inf_nan=False)


@cache
def _items_reader(fields: tuple[str, ...]) -> "SchemaValidator":
    from pydantic_core import SchemaValidator, core_schema

    anything = core_schema.any_schema()
    wanted = core_schema.typed_dict_field(anything, required=False)
    item = core_schema.typed_dict_schema(dict.fromkeys(fields, wanted), extra_behavior="ignore")
    items = core_schema.list_schema(core_schema.union_schema([item, anything], mode="left_to_right"))
    listed = core_schema.typed_dict_field(
        core_schema.union_schema([items, anything], mode="left_to_right"), required=False
    )
    return SchemaValidator(core_schema.typed_dict_schema({"items": listed}, extra_behavior="allow"))


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
