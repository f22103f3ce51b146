"""Images that overlays and bindings change, as steps of their own, so that their packages are checked as any others."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.core.availability import PackageProblem
from reconciler.core.diff import diff
from reconciler.core.plan import Plan
from reconciler.core.steps import Action, BindingStep, OverlayStep, Reason, ReasonCode, Step
from reconciler.diagnostics import Severity, listed

_MOST_TAGS = 3


def image_steps(plan: Plan) -> tuple[Step, ...]:
    """Return a step for each group of tags whose packages a plan changes, named by repository and tags."""
    places = {name: step.place for step in reversed(plan.overlay_writes) for name in step.reaches.repositories}
    return tuple(
        Step(
            repository=f"{effect.repository}:{listed(effect.tags, _MOST_TAGS)}",
            id=effect.id,
            action=Action.UPDATE,
            reason=Reason(code=ReasonCode.DIFFERS),
            place=places.get(effect.repository),
            changes=diff(effect.before, effect.after),
            before=effect.before,
            after=effect.after,
        )
        for effect in plan.effects
        if effect.before.packages != effect.after.packages
    )


def block_overlays(plan: Plan, images: Iterable[Step], problems: Sequence[PackageProblem]) -> Plan:
    """Return the plan with the problems, and with every overlay or binding blocked that brings what has an error."""
    plan = replace(plan, diagnostics=(*plan.diagnostics, *(one.diagnostic for one in problems)))
    errors = [one for one in problems if one.diagnostic.severity is Severity.ERROR]
    names = {name for one in errors for name in one.repositories}
    wrong = {image.repository.partition(":")[0] for image in images if image.repository in names}
    if not wrong:
        return plan
    reason = Reason(code=ReasonCode.UNBUILDABLE, names=tuple(dict.fromkeys(one.diagnostic.summary for one in errors)))
    steps = tuple(
        replace(step, action=Action.BLOCKED, reason=reason) if _brings(step, wrong) else step
        for step in plan.overlay_steps
    )
    return replace(plan, overlay_steps=steps)


def _brings(step: OverlayStep | BindingStep, repositories: set[str]) -> bool:
    return step.writes and step.action is not Action.DELETE and not repositories.isdisjoint(step.reaches.repositories)
