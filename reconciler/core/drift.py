"""Drift: where the live state differs from what the last run wrote, and from what the manifest asks for.

Only the sections that the manifest manages count; the others belong to somebody else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.core.bindings import TagSelector
from reconciler.core.diff import SECTION_OF, Change, diff
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.plan import Plan
from reconciler.core.steps import Action, BindingStep, OverlayStep, Step
from reconciler.diagnostics import Place


class DriftKind(StrEnum):
    """Cause of a drift: somebody else changed the live state, the manifest is ahead of it, or both."""

    CHANGED = "changed"
    NOT_APPLIED = "not-applied"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWritten:
    """Result of the last run that wrote here: an overlay, the selector of a binding, or nothing."""

    run: str
    content: Overlay | TagSelector | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One repository, overlay or binding that differs.

    `changed` is what somebody else did to what the run `run` wrote; `pending` is what an apply would do now. Of a
    binding, `tags` are the selectors that the run left, that are live, and that the manifest asks for, "" for none.
    """

    name: str
    kind: DriftKind
    place: Place | None
    run: str | None
    changed: tuple[Change, ...] = ()
    pending: tuple[Change, ...] = ()
    tags: tuple[str, str, str] | None = None


def find_drift(plan: Plan, written: Mapping[str, LastWritten]) -> tuple[Drift, ...]:
    """Return what differs, in the order of the plan; `written` is by UIDP for repositories, else by the step's key.

    What no run wrote, or does not exist yet, is not applied at most.
    """
    overlays = (_of_overlay_step(step, written.get(step.key)) for step in plan.overlay_steps if step.writes)
    return (*overlays, *(_of_repository(step, written) for step in plan.writes))


def _of_repository(step: Step, written: Mapping[str, LastWritten]) -> Drift:
    last = None if step.id is None or step.action is Action.CREATE else written.get(step.id)
    assert step.before is not None
    assert step.after is not None
    left = last.content if last is not None and isinstance(last.content, Overlay) else None
    changed = () if left is None else _managed(step, diff(left, step.before))
    ahead = left is None or bool(_managed(step, diff(left, step.after)))
    return Drift(
        name=step.repository,
        kind=_kind(changed=bool(changed), ahead=ahead),
        place=step.place,
        run=None if last is None else last.run,
        changed=changed,
        pending=step.changes,
    )


def _of_overlay_step(step: OverlayStep | BindingStep, last: LastWritten | None) -> Drift:
    changed = last is not None and last.content != step.before
    ahead = last is None or last.content != step.after
    found = Drift(
        name=step.key.partition(":")[0] + f" {step.label}",
        kind=_kind(changed=changed, ahead=ahead),
        place=step.place,
        run=None if last is None else last.run,
    )
    if isinstance(step, BindingStep):
        selectors = (last.content if last else None, step.before, step.after)
        was, is_now, will = ("" if one is None else str(one) for one in selectors)
        return replace(found, tags=(was, is_now, will))
    left = last.content if last is not None and isinstance(last.content, Overlay) else EMPTY
    return replace(
        found,
        changed=diff(left, step.before or EMPTY) if changed else (),
        pending=diff(step.before or EMPTY, step.after or EMPTY),
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
