"""Fields of decoded JSON, taken out with their type; raises `Malformed` with the name of the field."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Malformed(Exception):  # noqa: N818 - it reads as what the field is
    """A field that is missing or of another type than the format says."""


def text(item: Mapping[str, Any], name: str) -> str:
    """A string."""
    value = item.get(name)
    if not isinstance(value, str):
        raise _wrong(name)
    return value


def optional_text(item: Mapping[str, Any], name: str) -> str | None:
    """A string, or null."""
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong(name)
    return value


def whole(item: Mapping[str, Any], name: str) -> int:
    """A whole number from 0 upwards."""
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Malformed(f"{name} is no whole number")
    return value


def number(item: Mapping[str, Any], name: str) -> float:
    """A number."""
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Malformed(f"{name} is no number")
    return float(value)


def flag(item: Mapping[str, Any], name: str) -> bool:
    """True or false."""
    value = item.get(name)
    if not isinstance(value, bool):
        raise _wrong(name)
    return value


def mapping(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object; an empty one where it is left out."""
    value = item.get(name, {})
    if not isinstance(value, dict):
        raise _wrong(name)
    return value


def texts(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of strings; an empty one where it is left out."""
    values = _list(item, name)
    _check_texts(values, name)
    return tuple(values)


def text_map(item: Mapping[str, Any], name: str) -> dict[str, str]:
    """An object with string values; an empty one where it is left out."""
    found = mapping(item, name)
    _check_texts(found.values(), name)
    return found


def several(item: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    """A list of objects, each read; an empty one where it is left out."""
    values = _list(item, name)
    if not all(isinstance(value, dict) for value in values):
        raise _wrong(name)
    return tuple(map(read, values))


def one_of(item: Mapping[str, Any], name: str, kind: type[E]) -> E:
    """A member of a closed set of words."""
    written = text(item, name)
    try:
        return _members(kind)[written]  # type: ignore[return-value]
    except KeyError:
        raise Malformed(f"{name} is {written!r}") from None


@cache
def _members(kind: type[StrEnum]) -> dict[str, StrEnum]:
    return {member.value: member for member in kind}


def _list(item: Mapping[str, Any], name: str) -> list[Any]:
    values = item.get(name, [])
    if not isinstance(values, list):
        raise _wrong(name)
    return values


def _check_texts(values: Iterable[Any], name: str) -> None:
    try:
        "".join(values)  # looks at the type of each in one call
    except TypeError:
        raise _wrong(name) from None


def _wrong(name: str) -> Malformed:
    return Malformed(f"{name} is missing or of another type")
