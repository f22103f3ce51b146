"""What rules need beyond a block: the time, the files beside the manifest, and what was found out already."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reconciler.manifest.beside import Beside


@dataclass(slots=True)
class Context:
    """`now` is in seconds since 1970; None: nothing is said about expiry.

    What was looked at and found right is remembered, because the same variables and packages come again and again:
    variables and annotations with their values, and packages without a constraint.
    """

    beside: Beside
    now: float | None = None
    variables: set[tuple[str, object]] = field(default_factory=set)
    annotations: set[tuple[str, object]] = field(default_factory=set)
    packages: set[object] = field(default_factory=set)


def known(right: set[Any], values: Iterable[object]) -> bool:
    """Whether every one of some values was found right before."""
    try:
        return right.issuperset(values)
    except TypeError:  # a list or a mapping where a text should be, which cannot be in a set
        return False
