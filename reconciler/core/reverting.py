"""The way back: the plan to the overlays that stood before a run, for the repositories that still hold what it wrote.

A pure function of the recorded run and the live state. What is judged here is only what may be taken back; showing,
asking, guarding against losses and writing are those of every plan.
"""

from collections.abc import Sequence

from reconciler.core.desired import Settings
from reconciler.core.diff import diff
from reconciler.core.guards import Flags, judge, rules
from reconciler.core.live import Live, LiveRepository
from reconciler.core.model import EMPTY, Overlay
from reconciler.core.outcome import Applied, Failed, FailureKind, Outcome
from reconciler.core.plan import Action, Plan, Reason, ReasonCode, Step
from reconciler.core.recovery import found, outcome
from reconciler.core.runs import Run, RunStep
from reconciler.diagnostics import Diagnostic, Severity


def revert(run: Run, live: Live, *, later: Sequence[Run] = (), max_removal: float | None = None) -> Plan:
    """The plan that takes a run back; warnings name the repositories that are left as they are, and why.

    `later` are the runs recorded after it, the oldest first.
    """
    judged = [_judge(step, run.id, live) for step in run.steps if _wrote(step, outcome(step, live, later), live)]
    steps = tuple(sorted((one for one in judged if isinstance(one, Step)), key=lambda step: step.repository))
    return Plan(
        organization=run.header.organization,
        steps=steps,
        diagnostics=tuple(one for one in judged if isinstance(one, Diagnostic)),
        guard=judge(steps, rules(Settings(), Flags(max_removal=max_removal), steps)),
    )


def _wrote(step: RunStep, came_to: Outcome, live: Live) -> bool:
    match came_to:
        case Applied():
            return True
        case Failed(kind=FailureKind.ANSWER_LOST):
            # It was not known whether it arrived. It did where the repository holds it.
            there = found(step, live)
            return there is not None and there.overlay == step.step.after
        case _:
            return False


def _judge(step: RunStep, run: str, live: Live) -> Step | Diagnostic:
    there = found(step, live)
    if step.step.action is Action.CREATE:
        return _left(step, "revert-created", "the run created it, and nothing here deletes a repository")
    if there is None:
        return _left(step, "revert-gone", "it does not exist any more")
    if there.overlay != step.step.after:
        return _left(step, "revert-changed", "it has changed since the run")
    assert step.step.before is not None
    assert step.step.after is not None
    return _back(step, there, run, before=step.step.after, after=step.step.before)


def _back(step: RunStep, there: LiveRepository, run: str, *, before: Overlay, after: Overlay) -> Step:
    return Step(
        repository=step.step.repository,
        id=there.id,
        action=Action.RESET if after == EMPTY else Action.UPDATE,
        reason=Reason(code=ReasonCode.REVERTED, names=(run,)),
        place=None,
        changes=diff(before, after),
        before=before,
        after=after,
    )


def _left(step: RunStep, code: str, why: str) -> Diagnostic:
    return Diagnostic(
        code=code,
        severity=Severity.WARNING,
        summary=f"{step.step.repository} is left as it is: {why}",
    )
