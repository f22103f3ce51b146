"""Source of each value that the tags of a repository get from overlays, once a manifest is applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.core.bindings import SelectorKind, TagSelector
from reconciler.core.diff import Field
from reconciler.core.effective import Bound, Effective, EffectiveItem, combine, matches_tag
from reconciler.core.effects import live_assembly, simulate_step
from reconciler.core.layers import item_place
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.plan import Plan
from reconciler.core.scopes import repository_scope, scope_at
from reconciler.core.state import Desired, DesiredOverlay, Directory, Live, LiveRepository
from reconciler.core.steps import BindingStep, Scope
from reconciler.diagnostics import Place

# In place of the name of an overlay; no overlay can be called so.
STANDARD: Final = "(standard customization)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLayer:
    """An overlay as a tag gets it: what it is bound to, where the manifest does, and where the manifest defines it.

    `place` is None for a binding that the manifest does not name, `defined` for an overlay that it does not define.
    """

    scope: Scope
    overlay: str
    selector: TagSelector
    place: Place | None
    defined: DesiredOverlay | None

    def place_of(self, field: Field, key: str) -> Place | None:
        """Return where the manifest writes a value of the overlay; None where the live overlay alone has it."""
        if self.defined is None:
            return None
        return item_place(self.defined.layers, field, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagExplanation:
    """Tags that get the same overlays: these, lowest precedence first, and the values that they come to.

    `before` and `after` are the effective configurations before and after the manifest is applied. There are no
    values where `after` is not known. The sources of a value are positions in `layers`.
    """

    tags: tuple[str, ...]
    layers: tuple[SourceLayer, ...]
    values: tuple[EffectiveItem, ...]
    before: Effective
    after: Effective


def explain_tags(
    repository: LiveRepository, tags: Sequence[str], plan: Plan, desired: Desired, live: Live
) -> tuple[TagExplanation, ...]:
    """Return what tags of a repository get, those with the same overlays before and after together."""
    before, after = live_assembly(live), live_assembly(live, plan.steps)
    for step in plan.overlay_steps:
        simulate_step(step, after)
    every = after.layers(repository)
    alike: dict[tuple[tuple[Bound, ...], tuple[Bound, ...]], list[str]] = {}
    for tag in tags:
        matching = tuple(one for one in every if matches_tag(one.selector, tag))
        were = tuple(one for one in before.layers(repository) if matches_tag(one.selector, tag))
        alike.setdefault((were, matching), []).append(tag)
    layer = _Layers(plan, desired, live)
    found = []
    for (_, matching), names in alike.items():
        was, will = before.of_tag(repository, names[0]), after.of_tag(repository, names[0])
        configs = [after.config(one.overlay) for one in matching]
        layers = tuple(map(layer.of, matching))
        if not matching and will != EMPTY:
            configs, layers = [will], (layer.standard(repository),)
        known = [config for config in configs if isinstance(config, Overlay)]
        found.append(
            TagExplanation(
                tags=tuple(names),
                layers=layers,
                values=combine(known) if isinstance(will, Overlay) else (),
                before=was,
                after=will,
            )
        )
    return tuple(found)


class _Layers:
    """Finds what the manifest says of a binding."""

    def __init__(self, plan: Plan, desired: Desired, live: Live) -> None:
        self._live, self._directory = live, Directory(live)
        self._defined = {one.name: one for one in desired.overlays}
        self._entries = {one.id: one.entry for one in plan.steps if one.entry is not None}
        self._steps = {(one.scope.id, one.overlay): one for one in plan.overlay_steps if isinstance(one, BindingStep)}

    def standard(self, repository: LiveRepository) -> SourceLayer:
        """Return the standard customization of a repository, as if it were an overlay bound to all of its tags."""
        entry = self._entries.get(repository.id)
        defined = None
        if entry is not None:
            defined = DesiredOverlay(name=STANDARD, place=entry.place, overlay=entry.overlay, layers=entry.layers)
        return SourceLayer(
            scope=repository_scope(repository, self._directory),
            overlay=STANDARD,
            selector=TagSelector(kind=SelectorKind.ALL),
            place=entry.place if entry is not None else None,
            defined=defined,
        )

    def of(self, bound: Bound) -> SourceLayer:
        """Return the layer of a binding."""
        step = self._steps.get((bound.scope, bound.overlay))
        return SourceLayer(
            scope=step.scope if step is not None else scope_at(bound.scope, self._live, self._directory),
            overlay=bound.overlay,
            selector=bound.selector,
            place=step.place if step is not None and step.after is not None else None,
            defined=self._defined.get(bound.overlay),
        )
