"""Waves: how many repositories are written before their builds must have succeeded.

Carrying the waves out is the engine's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TypeVar

Item = TypeVar("Item")

_WHOLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of one wave: a `count`, a `percent` of all, or, with neither, all that is left."""

    count: int | None = None
    percent: int | None = None

    def of(self, total: int) -> int:
        """The number of items that the wave may hold, at least one."""
        if self.count is not None:
            return self.count
        return total if self.percent is None else max(1, -(-total * self.percent // _WHOLE))


REST = Size()


def parse(text: str) -> tuple[Size, ...]:
    """The sizes that a text such as `1,10%,rest` means; raises `ValueError` with the reason."""
    sizes = tuple(_size(word.strip()) for word in text.split(","))
    if REST in sizes[:-1]:
        message = "rest must come last"
        raise ValueError(message)
    return sizes


def split(items: Sequence[Item], sizes: Sequence[Size]) -> tuple[tuple[Item, ...], ...]:
    """The items in waves, in their order; the last size is repeated until none is left, and no wave is empty."""
    return tuple(_waves(items, chain(sizes, repeat(sizes[-1]))))


def _waves(items: Sequence[Item], sizes: Iterator[Size]) -> Iterator[tuple[Item, ...]]:
    start = 0
    while start < len(items):
        end = start + next(sizes).of(len(items))
        yield tuple(items[start:end])
        start = end


def _size(word: str) -> Size:
    if word == "rest":
        return REST
    digits = word.removesuffix("%")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else 0  # noqa: PLR2004 - no need for more
    share = digits != word
    if number < 1 or (share and number > _WHOLE):
        message = f'"{word}" is neither a count, a share such as 10%, nor rest'
        raise ValueError(message)
    return Size(percent=number) if share else Size(count=number)
