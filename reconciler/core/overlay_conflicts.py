"""Bindings of one scope whose overlays give one tag two values: the API refuses them, for a moment, too.

The usual order makes what comes before what goes. Where that would conflict, what goes is written first; what then
still conflicts is blocked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from reconciler.core import overlay_problems as problems
from reconciler.core.binding_rules import compete, disagreements
from reconciler.core.diff import Item
from reconciler.core.effective import Assembly, Bound, Effective
from reconciler.core.effects import live_assembly, simulate_step
from reconciler.core.overlay import Overlay
from reconciler.core.scopes import scope_at
from reconciler.core.state import Directory, Live
from reconciler.core.steps import Action, BindingStep, OverlayStep, Reason, ReasonCode
from reconciler.diagnostics import Diagnostic, Place

AnyStep: TypeAlias = OverlayStep | BindingStep


def without_conflicts(
    steps: Sequence[AnyStep], live: Live, directory: Directory
) -> tuple[list[AnyStep], list[Diagnostic]]:
    """Return the steps in an order that the API accepts, blocked where there is none, and warnings."""
    order = _Order(steps, live, directory)
    for step in steps:
        order.write(step)
    return order.ordered, order.warnings


class _Order:
    """Writes steps one after another, each before those that conflict with what it ends."""

    def __init__(self, steps: Sequence[AnyStep], live: Live, directory: Directory) -> None:
        self.ordered: list[AnyStep] = []
        self.warnings: list[Diagnostic] = []
        self._live, self._directory = live, directory
        self._assembly, self._final = live_assembly(live), live_assembly(live)
        self._bindings = {(one.scope.id, one.overlay): one for one in steps if isinstance(one, BindingStep)}
        self._written: set[int] = set()
        self._reported: set[tuple[str, str, str]] = set()
        self._disagreements: dict[tuple[int, int], tuple[Item, ...]] = {}
        for step in steps:
            simulate_step(step, self._final)

    def write(self, step: AnyStep) -> None:
        """Write a step, and before it those that take out of its way what it would conflict with."""
        if id(step) in self._written:
            return
        self._written.add(id(step))
        for own, other in self._conflicts(step):
            for bound in (other, own):
                earlier = self._bindings.get((bound.scope, bound.overlay))
                if earlier is not None and earlier is not step and self._ends_conflict(earlier):
                    if isinstance(step, BindingStep) and earlier.after is None:
                        self.warnings.append(problems.swapped(earlier, step))
                    self.write(earlier)
        left = next(self._conflicts(step), None)
        step = step if left is None else self._blocked(step, *left)
        simulate_step(step, self._assembly)
        self.ordered.append(step)

    def _ends_conflict(self, step: BindingStep) -> bool:
        return step.writes and step.before is not None and id(step) not in self._written

    def _conflicts(self, step: AnyStep) -> Iterator[tuple[Bound, Bound]]:
        """Yield the pairs of bindings that would conflict once a step is written, that of the step first."""
        if not step.writes or step.after is None:
            return
        if isinstance(step, OverlayStep):
            for scope in self._assembly.scopes_of(step.name):
                own = next(one for one in self._assembly.in_scope(scope) if one.overlay == step.name)
                yield from self._conflicting(own, step.after, self._assembly)
        else:
            own = Bound(scope=step.scope.id, overlay=step.overlay, selector=step.after)
            yield from self._conflicting(own, self._assembly.config(step.overlay), self._assembly)

    def _conflicting(self, own: Bound, config: Effective, assembly: Assembly) -> Iterator[tuple[Bound, Bound]]:
        for other in assembly.in_scope(own.scope):
            competes = other.overlay != own.overlay and compete(own.selector, other.selector)
            if competes and self._differ(config, assembly.config(other.overlay)):
                yield own, other

    def _differ(self, one: Effective, other: Effective) -> tuple[Item, ...]:
        if not isinstance(one, Overlay) or not isinstance(other, Overlay):
            return ()
        key = id(one), id(other)
        if key not in self._disagreements:
            self._disagreements[key] = disagreements(one, other)
        return self._disagreements[key]

    def _blocked(self, step: AnyStep, own: Bound, other: Bound) -> AnyStep:
        first, second = sorted((own.overlay, other.overlay))
        blocked = replace(step, action=Action.BLOCKED, reason=Reason(code=ReasonCode.CONFLICTING))
        if (own.scope, first, second) in self._reported:
            return blocked
        self._reported.add((own.scope, first, second))
        config = step.after if isinstance(step, OverlayStep) else self._assembly.config(own.overlay)
        items = self._differ(config or Overlay(), self._assembly.config(other.overlay))
        lasting = {one.overlay: one for one in self._final.in_scope(own.scope)}
        stays = first in lasting and any(
            two.overlay == second
            for _, two in self._conflicting(lasting[first], self._final.config(first), self._final)
        )
        problem = problems.conflict(
            (first, self._place(own.scope, first)),
            (second, self._place(own.scope, second)),
            scope=scope_at(own.scope, self._live, self._directory).label,
            fields=[f"{item.field}.{item.key}".rstrip(".") for item in items],
            passing=not stays,
        )
        return replace(blocked, problems=(replace(problem, place=problem.place or step.place),))

    def _place(self, scope: str, overlay: str) -> Place | None:
        """Return where the manifest binds an overlay; None for a binding that it does not name."""
        step = self._bindings.get((scope, overlay))
        return step.place if step is not None and step.after is not None else None
