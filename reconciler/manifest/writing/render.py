"""Mappings, lists and texts to lines of YAML in canonical layout, as `layout` would leave them."""

from typing import Final

from reconciler.manifest.writing.layout import WIDTH
from reconciler.manifest.writing.scalars import block, scalar
from reconciler.manifest.writing.shapes import Shape

_STEP: Final = 2


def pair(key: str, value: Shape, indent: int) -> list[str]:
    """The lines of a key with its value."""
    return _after(" " * indent + scalar(key) + ":", value, indent)


def item(value: Shape, indent: int) -> list[str]:
    """The lines of an item of a list."""
    head = " " * indent + "-"
    if isinstance(value, dict) and value:
        first, *more = below(value, indent)
        return [head + first[indent + 1 :], *more]
    return _after(head, value, indent)


def below(value: Shape, indent: int) -> list[str]:
    """The lines of a mapping or list that is not empty, below a key at `indent`."""
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in pair(key, inner, indent + _STEP)]
    assert isinstance(value, list)
    return [line for one in value for line in item(one, indent + _STEP)]


def flow(value: Shape, *, style: str = "") -> str:
    """A value on one line, collections in brackets."""
    match value:
        case dict():
            return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case bool() | int():
            return str(value).lower()
        case str():
            return scalar(value, style=style)


def fits_in_brackets(value: Shape, room: int) -> bool:
    """Whether a value is written in brackets: an empty one, or a list of words that are few enough for a line."""
    if isinstance(value, list):
        return not any(isinstance(one, (dict, list)) for one in value) and len(flow(value)) <= room
    return isinstance(value, dict) and not value


def _after(head: str, value: Shape, indent: int) -> list[str]:
    if isinstance(value, str):
        lines = block(value)
        if lines:
            inner = " " * (indent + _STEP)
            return [f"{head} {lines[0]}", *(inner + line if line else "" for line in lines[1:])]
    if isinstance(value, (dict, list)) and not fits_in_brackets(value, WIDTH - len(head) - 1):
        return [head, *below(value, indent)]
    return [f"{head} {flow(value)}"]
