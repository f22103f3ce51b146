"""A figure with its goal, and the table of them."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`ours` against `theirs`, which may be at most `goal` times as much; without a goal it is only told.

    `theirs` is None where the peer is not installed, with the reason in `note`.
    """

    what: str
    against: str
    ours: float
    theirs: float | None
    goal: float | None
    unit: str = "ms"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where that was not measured."""
        return None if self.ratio is None or self.goal is None else self.ratio <= self.goal

    def row(self) -> tuple[str, ...]:
        verdict = {True: "met", False: "**missed**", None: self.note or "-"}[self.met]
        theirs = "-" if self.theirs is None else f"{self.theirs:.4g}"
        ratio = "-" if self.ratio is None else f"{self.ratio:.2f}"
        goal = "-" if self.goal is None else f"≤ {self.goal:g}"
        return (self.what, self.against, f"{self.ours:.4g}", theirs, self.unit, ratio, goal, verdict)


HEAD = ("what", "against", "ours", "theirs", "unit", "ratio", "goal", "verdict")


def table(figures: Iterable[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [HEAD, ("---",) * len(HEAD), *(figure.row() for figure in figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
