"""The waves of a rollout: how many repositories each has, or which label they have, and which steps are in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TypeVar

from reconciler.core.plan import Plan
from reconciler.core.state import Labels
from reconciler.core.steps import AnyStep, Step
from reconciler.core.write_order import before_repositories
from reconciler.engine.apply import plan_writes

Item = TypeVar("Item")
# The steps of each wave, in the order in which they are written.
Waves = Sequence[Sequence[AnyStep]]

_WHOLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Size of one wave: a `count`, a `percent` of all, everything with a `label`, or, with none, everything left."""

    count: int | None = None
    percent: int | None = None
    label: tuple[str, str] | None = None

    def of(self, total: int) -> int:
        """Return the number of items that the wave may hold, at least one."""
        if self.count is not None:
            return self.count
        return total if self.percent is None else max(1, -(-total * self.percent // _WHOLE))


REST = Size()


def parse_sizes(text: str, *, labels: bool = True) -> tuple[Size, ...]:
    """Return the sizes of a text such as `tier=canary,10%,rest`; raises `ValueError` with the reason.

    Without `labels` only counts and percentages are sizes.
    """
    sizes = tuple(_size(word.strip(), labels=labels) for word in text.split(","))
    if REST in sizes[:-1]:
        message = "`rest` must come last"
        raise ValueError(message)
    if sizes[-1].label is not None:
        message = "a label cannot come last: add `rest`"
        raise ValueError(message)
    return sizes


def _size(word: str, *, labels: bool) -> Size:
    if word == "rest":
        return REST
    key, equals, value = word.partition("=")
    if labels and equals and key and value:
        return Size(label=(key, value))
    digits = word.removesuffix("%")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else 0  # noqa: PLR2004 - more digits are not needed
    is_percent = digits != word
    if number < 1 or (is_percent and number > _WHOLE):
        label = "a label such as tier=canary, " if labels else ""
        message = f'"{word}" must be a count, a percentage such as 10%, {label}or `rest`'
        raise ValueError(message)
    return Size(percent=number) if is_percent else Size(count=number)


def plan_waves(plan: Plan, sizes: Sequence[Size]) -> tuple[tuple[AnyStep, ...], ...]:
    """Split the writes of a plan: first overlays and bindings with the resets that they need, then the repositories."""
    if not plan.overlay_writes:
        return split_waves(plan.writes, sizes, _labels)
    early, others = before_repositories(plan_writes(plan))
    return (early, *split_waves(others, sizes, _labels))


def _labels(step: AnyStep) -> Labels:
    return step.labels if isinstance(step, Step) else ()


def _none(_: object) -> Labels:
    return ()


def split_waves(
    items: Sequence[Item], sizes: Sequence[Size], labels: Callable[[Item], Labels] = _none
) -> tuple[tuple[Item, ...], ...]:
    """Split items into waves, in order; the last size is repeated, and no wave is empty."""
    return tuple(_waves(items, sizes, labels))


def _waves(
    items: Sequence[Item], sizes: Sequence[Size], labels: Callable[[Item], Labels]
) -> Iterator[tuple[Item, ...]]:
    left = list(items)
    for size in chain(sizes, repeat(sizes[-1])):
        if not left:
            return
        if size.label is None:
            count = size.of(len(items))
            wave, left = left[:count], left[count:]
        else:
            wave = [one for one in left if size.label in labels(one)]
            left = [one for one in left if size.label not in labels(one)]
        if wave:
            yield tuple(wave)
