"""Drift: where the live state differs from what the last run wrote, and from what the manifest asks for.

Only the sections that the manifest manages count; the others belong to somebody else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.diff import SECTION_OF, Change, diff
from reconciler.core.overlay import Overlay
from reconciler.core.plan import Plan
from reconciler.core.steps import Action, Step
from reconciler.diagnostics import Place


class DriftKind(StrEnum):
    """Who moved away: somebody else changed the live state, the manifest is ahead of it, or both."""

    CHANGED = "changed"
    NOT_APPLIED = "not-applied"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWritten:
    """What a run, the last one that did, left in a repository."""

    run: str
    overlay: Overlay


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One repository that differs.

    `changed` is what somebody else did to what the run `run` wrote; `pending` is what an apply would do now.
    """

    repository: str
    kind: DriftKind
    place: Place | None
    run: str | None
    changed: tuple[Change, ...] = ()
    pending: tuple[Change, ...] = ()


def find_drift(plan: Plan, written: Mapping[str, LastWritten]) -> tuple[Drift, ...]:
    """Return the repositories of a plan that differ, in its order; `written` is by UIDP.

    A repository that no run wrote, or that does not exist yet, is not applied at most.
    """
    return tuple(_drifts(plan.writes, written))


def _drifts(steps: Iterable[Step], written: Mapping[str, LastWritten]) -> Iterator[Drift]:
    for step in steps:
        last = None if step.id is None or step.action is Action.CREATE else written.get(step.id)
        assert step.before is not None
        assert step.after is not None
        changed = () if last is None else _managed(step, diff(last.overlay, step.before))
        ahead = last is None or bool(_managed(step, diff(last.overlay, step.after)))
        yield Drift(
            repository=step.repository,
            kind=_kind(changed=bool(changed), ahead=ahead),
            place=step.place,
            run=None if last is None else last.run,
            changed=changed,
            pending=step.changes,
        )


def _kind(*, changed: bool, ahead: bool) -> DriftKind:
    if not changed:
        return DriftKind.NOT_APPLIED
    return DriftKind.BOTH if ahead else DriftKind.CHANGED


def _managed(step: Step, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes in sections that the manifest manages; a reset and a prune manage the whole overlay."""
    if step.entry is None or step.entry.reset:
        return tuple(changes)
    return tuple(change for change in changes if SECTION_OF.get(change.field) in step.entry.managed)
