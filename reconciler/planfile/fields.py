"""Fields of decoded JSON, taken out with their type; raises `Malformed` with the name of the field."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Malformed(Exception):  # noqa: N818 - it reads as what the field is
    """A field that is missing or of another type than the format says."""


def text(item: Mapping[str, Any], name: str) -> str:
    """A string."""
    return _typed(item.get(name), str, name)


def optional_text(item: Mapping[str, Any], name: str) -> str | None:
    """A string, or null."""
    return None if item.get(name) is None else text(item, name)


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
    return _typed(item.get(name), bool, name)


def mapping(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object; an empty one where it is left out."""
    return _typed(item.get(name, {}), dict, name)


def texts(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of strings; an empty one where it is left out."""
    return tuple(_typed(one, str, name) for one in _list(item, name))


def text_map(item: Mapping[str, Any], name: str) -> dict[str, str]:
    """An object with string values; an empty one where it is left out."""
    return {key: _typed(value, str, name) for key, value in mapping(item, name).items()}


def several(item: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    """A list of objects, each read; an empty one where it is left out."""
    return tuple(read(_typed(one, dict, name)) for one in _list(item, name))


def one_of(item: Mapping[str, Any], name: str, kind: type[E]) -> E:
    """A member of a closed set of words."""
    written = text(item, name)
    try:
        return kind(written)
    except ValueError:
        raise Malformed(f"{name} is {written!r}") from None


def _list(item: Mapping[str, Any], name: str) -> list[Any]:
    return _typed(item.get(name, []), list, name)


def _typed(value: object, kind: type[T], name: str) -> T:
    if not isinstance(value, kind):
        raise Malformed(f"{name} is missing or of another type")
    return value
