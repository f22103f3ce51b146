"""Text of a bounded size, made of folds that can be told in fewer words: the largest gives way first.

A fold is shown in one of its forms or not at all, and never cut inside. What the forms say belongs to the formats.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A piece of the text, from its whole form to its shortest; a `tight` one goes on directly below the last.

    `entries` is the number of things that are told in it, for saying what is missing; headings tell none.
    """

    forms: tuple[str, ...]
    entries: int = 1
    tight: bool = False

    def written(self, form: int) -> str:
        """The form with the space in front of it."""
        return ("\n" if self.tight else "\n\n") + self.forms[form]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """How much of a text had to go: folds told in fewer words, and entries not told at all."""

    shortened: int
    dropped: int


def fit(head: str, folds: Sequence[Fold], *, limit: int, note: Callable[[Missing], str]) -> str:
    """The head, a note where something is missing, and the folds: together at most `limit` characters."""
    whole = head + "".join(fold.written(0) for fold in folds)
    if len(whole) <= limit:
        return whole
    most = sum(fold.entries for fold in folds)
    room = limit - len(head) - len(note(Missing(shortened=len(folds), dropped=most)))
    forms = _shrunk(folds, room)
    pieces = [fold.written(form) for fold, form in zip(folds, forms, strict=True)]
    shown = sum(reached <= room for reached in accumulate(map(len, pieces)))
    while shown and not folds[shown - 1].entries:  # no heading without what it is for
        shown -= 1
    shortened = sum(form > 0 for form in forms[:shown])
    dropped = sum(fold.entries for fold in folds[shown:])
    return head + note(Missing(shortened=shortened, dropped=dropped)) + "".join(pieces[:shown])


def _shrunk(folds: Sequence[Fold], room: int) -> list[int]:
    """The form that each fold is shown in: the largest is told in fewer words until all fit, or none has fewer."""
    forms = [0] * len(folds)
    sizes = [len(fold.written(0)) for fold in folds]
    used = sum(sizes)
    queue = [(-size, number) for number, size in enumerate(sizes) if len(folds[number].forms) > 1]
    heapq.heapify(queue)
    while used > room and queue:
        size, number = heapq.heappop(queue)
        forms[number] += 1
        smaller = len(folds[number].written(forms[number]))
        used += size + smaller
        if forms[number] + 1 < len(folds[number].forms):
            heapq.heappush(queue, (-smaller, number))
    return forms
