"""The plan that takes a run back: what it wrote is written as it was before, where nothing has changed since."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.core.binding_rules import binding_problems, block_bound
from reconciler.core.bindings import UnknownBindings
from reconciler.core.diff import diff
from reconciler.core.effects import effects_of, with_reach
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.overlay_conflicts import without_conflicts
from reconciler.core.plan import GuardFlags, Plan, guard_rules, judge_guard
from reconciler.core.recovery import FoundLive, LiveIndex, recovered_outcome
from reconciler.core.runs import Applied, Failed, FailureKind, Outcome, Run, RunStep
from reconciler.core.state import Live, LiveRepository, Settings
from reconciler.core.step_problems import step_problems
from reconciler.core.steps import Action, BindingStep, OverlayStep, Reason, ReasonCode, ScopeKind, Step
from reconciler.core.write_order import rank
from reconciler.diagnostics import Diagnostic, Severity, listed


def plan_revert(run: Run, live: Live, *, later: Sequence[Run] = (), max_removal: float | None = None) -> Plan:
    """Return the plan that reverts a run, with warnings for what is left alone and the reasons.

    `later` are the runs recorded after it, oldest first.
    """
    index = LiveIndex(live)
    written = [step for step in run.steps if _wrote(step, recovered_outcome(step, live, later), index)]
    back = _Back(run.id, index)
    judged = [back.of(step) for step in written]
    found = sorted((one for one in judged if isinstance(one, Step)), key=lambda step: step.repository)
    others = [one for one in judged if isinstance(one, OverlayStep | BindingStep)]
    bound = _bound_otherwise(others, live)
    others = [one for one in others if one.key not in bound]
    ordered, warnings = without_conflicts(sorted(others, key=rank), live, index.directory)
    steps = tuple(block_bound(found, _without(live, others)))
    overlay_steps = tuple(with_reach(ordered, live, steps))
    effects = effects_of(live, steps, overlay_steps).tags
    plan = Plan(
        organization=run.header.organization,
        steps=steps,
        diagnostics=(
            *(one for one in judged if isinstance(one, Diagnostic)),
            *bound.values(),
            *warnings,
            *step_problems((*steps, *overlay_steps)),
        ),
        guard=judge_guard(
            steps,
            guard_rules(
                Settings(),
                GuardFlags(max_removal=max_removal),
                steps,
                overlay_steps=overlay_steps,
                also=[effect.id for effect in effects],
            ),
            effects=effects,
            covered="changed by the revert",
        ),
        bindings=live.bindings,
        overlay_steps=overlay_steps,
        effects=effects,
    )
    return replace(plan, diagnostics=(*plan.diagnostics, *binding_problems(plan, live)))


def rewritten(plan: Plan, left: Mapping[str, Overlay]) -> tuple[Step, ...]:
    """Return steps that write repositories which are unchanged since a revert; `left` is their state by id."""
    return tuple(
        step for step in plan.writes if step.id is not None and step.id in left and step.before == left[step.id]
    )


def left_by(outcomes: Iterable[Outcome]) -> dict[str, Overlay]:
    """Return the overlays that a run wrote last, by repository id."""
    written = ((one.repository_id, one.step) for one in outcomes if isinstance(one, Applied))
    return {id_: step.after for id_, step in written if isinstance(step, Step) and step.after is not None}


def _wrote(step: RunStep, outcome: Outcome, index: LiveIndex) -> bool:
    match outcome:
        case Applied():
            return True
        case Failed(kind=FailureKind.ANSWER_LOST):
            # Its result was unknown. It took effect if what was sent is there now.
            there = index.find(step)
            return (there.content if there else None) == step.step.after and index.is_known(step)
        case _:
            return False


def _without(live: Live, steps: Iterable[OverlayStep | BindingStep]) -> Live:
    """Return the live state without the bindings that steps remove: they do not block a repository."""
    if isinstance(live.bindings, UnknownBindings):
        return live
    gone = {step.id for step in steps if isinstance(step, BindingStep) and step.action is Action.DELETE}
    return replace(live, bindings=tuple(one for one in live.bindings if one.id not in gone))


def _bound_otherwise(steps: Sequence[OverlayStep | BindingStep], live: Live) -> dict[str, Diagnostic]:
    """Return why overlays that the run created are not deleted, by the key of their step: they are still bound."""
    bindings = _without(live, steps).bindings
    known = () if isinstance(bindings, UnknownBindings) else bindings
    bound: dict[str, list[str]] = {}
    for one in known:
        bound.setdefault(one.overlay_id, []).append(one.scope)
    return {
        step.key: _left_as_is(step.label, "revert-bound", f"it is bound to {listed(bound[step.id])}")
        for step in steps
        if isinstance(step, OverlayStep) and step.action is Action.DELETE and step.id in bound
    }


class _Back:
    """The way back of each step of a run."""

    def __init__(self, run: str, index: LiveIndex) -> None:
        self._reason = Reason(code=ReasonCode.REVERTED, names=(run,))
        self._index = index

    def of(self, step: RunStep) -> Step | OverlayStep | BindingStep | Diagnostic:
        """Return the step that reverts another one, or why there is none."""
        if not self._index.is_known(step):
            return _left(step, "revert-unread", "it could not be read")
        there = self._index.find(step)
        match step.step:
            case Step() as planned:
                return self._repository(step, planned, there)
            case OverlayStep() as planned:
                return self._overlay(step, planned, there)
            case BindingStep() as planned:
                return self._binding(step, planned, there)

    def _repository(self, step: RunStep, planned: Step, there: FoundLive | None) -> Step | Diagnostic:
        if planned.action is Action.CREATE:
            return _left(step, "revert-created", "the run created it, and reconciler does not delete repositories")
        changed = _changed(step, there)
        if changed is not None:
            return changed
        assert there is not None
        repository = self._index.repositories[there.id]
        label = self._index.directory.label(repository)
        return _repository_step(repository, label, self._reason, planned)

    def _overlay(self, step: RunStep, planned: OverlayStep, there: FoundLive | None) -> OverlayStep | Diagnostic:
        changed = _changed(step, there)
        if changed is not None:
            return changed
        before, after = planned.after, planned.before
        return OverlayStep(
            name=planned.name,
            id=there.id if there else None,
            action=_reversed(planned.action),
            reason=self._reason,
            place=None,
            changes=diff(before or EMPTY, after or EMPTY),
            before=before,
            after=after,
        )

    def _binding(self, step: RunStep, planned: BindingStep, there: FoundLive | None) -> BindingStep | Diagnostic:
        changed = _changed(step, there)
        if changed is not None:
            return changed
        scope = planned.scope
        if scope.kind is ScopeKind.REPOSITORY and scope.id not in self._index.repositories:
            return _left(step, "revert-gone", "its repository no longer exists")
        return BindingStep(
            scope=scope,
            overlay=planned.overlay,
            # An overlay that was deleted as well gets a new id when it is created again.
            overlay_id=self._index.overlay_ids.get(planned.overlay),
            id=there.id if there else None,
            action=_reversed(planned.action),
            reason=self._reason,
            place=None,
            before=planned.after,
            after=planned.before,
        )


_REVERSED = {Action.CREATE: Action.DELETE, Action.DELETE: Action.CREATE}


def _reversed(action: Action) -> Action:
    return _REVERSED.get(action, Action.UPDATE)


def _changed(step: RunStep, there: FoundLive | None) -> Diagnostic | None:
    """Return why what a step wrote is left alone: it is not any more what was written."""
    now = there.content if there else None
    if now == step.step.after:
        return None
    if now is None:
        return _left(step, "revert-gone", "it no longer exists")
    return _left(step, "revert-changed", "it has changed since the run")


def _repository_step(there: LiveRepository, label: str, reason: Reason, planned: Step) -> Step:
    before, after = planned.after, planned.before
    assert before is not None
    assert after is not None
    return Step(
        repository=label,
        id=there.id,
        action=Action.RESET if after == EMPTY else Action.UPDATE,
        reason=reason,
        place=None,
        changes=diff(before, after),
        before=before,
        after=after,
        location=there.location,
        owner=planned.owner,
    )


def _left(step: RunStep, code: str, why: str) -> Diagnostic:
    return _left_as_is(step.step.label, code, why)


def _left_as_is(label: str, code: str, why: str) -> Diagnostic:
    return Diagnostic(code=code, severity=Severity.WARNING, summary=f"{label} is left unchanged: {why}")
