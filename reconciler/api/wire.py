"""Taking fields out of decoded JSON, with what is wrong where one does not have its shape.

Absent, null and empty are the same on this wire (proto3), so each function turns all three into its empty value; any
other shape is `Malformed`, never empty. There are no pydantic models here, for two reasons: an organisation's list can
hold 10,000 repositories, where validating takes as long again as reading the JSON and importing pydantic longer than
that; and an update must send the object back as it came, for which the plain dictionary is the most faithful model.
"""

from collections.abc import Sequence
from typing import cast

from reconciler.core.overlay import without_absent

MAX_UINT32 = 2**32 - 1
_UINT32_DIGITS = 10


class Malformed(ValueError):  # noqa: N818 - named by what is found, as the errors of this room are
    """A field that has not the shape that the API documents; never leaves this room."""

    def __init__(self, path: str, value: object, expected: str) -> None:
        super().__init__(f"{path} is {shape(value)}, not {expected}")


def shape(value: object) -> str:
    """The JSON name of a value's kind, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def mapping(value: object, path: str) -> dict[str, object]:
    """An object."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise Malformed(path, value, "an object")


def objects(value: object, path: str) -> list[dict[str, object]]:
    """A list of objects."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed(path, value, "a list")
    for number, item in enumerate(value):
        if not isinstance(item, dict):
            raise Malformed(f"{path}[{number}]", item, "an object")
    return value


def texts(value: object, path: str) -> Sequence[str]:
    """A list of texts."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Malformed(path, value, "a list")
    wrong = [number for number, item in enumerate(value) if not isinstance(item, str)]
    if wrong:
        raise Malformed(f"{path}[{wrong[0]}]", value[wrong[0]], "text")
    return value


def text_map(value: object, path: str) -> dict[str, str]:
    """An object whose values are all texts."""
    found = mapping(value, path)
    wrong = [key for key, item in found.items() if not isinstance(item, str)]
    if wrong:
        raise Malformed(f"{path}.{wrong[0]}", found[wrong[0]], "text")
    return cast("dict[str, str]", found)


def text(value: object, path: str) -> str:
    """A text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise Malformed(path, value, "text")


def name(value: object, path: str) -> str:
    """A text that must be there, because the rest is found by it."""
    if isinstance(value, str) and value:
        return value
    if value in (None, ""):
        raise Malformed(path, None, "a name")
    raise Malformed(path, value, "text")


def uint32(value: object, path: str) -> int:
    """An unsigned 32-bit number, also written as text."""
    found = optional_uint32(value, path)
    return 0 if found is None else found


def optional_uint32(value: object, path: str) -> int | None:
    """An unsigned 32-bit number where being absent differs from 0."""
    match value:
        case None:
            return None
        case str() if value.isascii() and value.isdigit() and len(value) <= _UINT32_DIGITS:
            number = int(value)
        case float() if value.is_integer():
            number = int(value)
        case int() if not isinstance(value, bool):
            number = value
        case _:
            raise Malformed(path, value, "an id")
    if 0 <= number <= MAX_UINT32:
        return number
    raise Malformed(path, value, "an id of 32 bits")


def is_absent(value: object) -> bool:
    """Say whether a value of a field that is not known is its zero value, as unset fields are emitted: not content."""
    return without_absent(value) is None
