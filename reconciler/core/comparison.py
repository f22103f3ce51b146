"""What a change of the manifest makes of its plan: two plans against the same live state, told apart.

Every change of a repository that the new plan makes is either caused by the change of the manifest, or the old plan
would make it as well: then it was different before. A third kind is what the old plan would do and the new one does
not any more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reconciler.core.plan import Action, Plan, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Writing steps with the changes that belong to each part only; a repository may stand in several of them."""

    caused: tuple[Step, ...] = ()
    already_different: tuple[Step, ...] = ()
    no_longer: tuple[Step, ...] = ()


def compare(base: Plan, head: Plan) -> Comparison:
    """The parts of `head`, and what only `base` would do; both were planned against the same live state."""
    return Comparison(
        caused=tuple(_only(head.writes, _writes(base), shared=False)),
        already_different=tuple(_only(head.writes, _writes(base), shared=True)),
        no_longer=tuple(_only(base.writes, _writes(head), shared=False)),
    )


def _writes(plan: Plan) -> dict[str, Step]:
    return {step.repository: step for step in plan.writes}


def _only(steps: Iterable[Step], others: dict[str, Step], *, shared: bool) -> Iterator[Step]:
    """The steps with those of their changes that the other plan has as well, or has not."""
    for step in steps:
        other = others.get(step.repository)
        known = frozenset(other.changes) if other is not None else frozenset()
        changes = tuple(change for change in step.changes if (change in known) is shared)
        if changes or (_creation(step, other) is shared and step.action is Action.CREATE):
            yield replace(step, changes=changes)


def _creation(step: Step, other: Step | None) -> bool:
    """Whether both plans create the repository from the same source."""
    return other is not None and (step.action, step.id) == (other.action, other.id)
