"""What the overlays and bindings of a plan change in the images: the reach of each step, and the effects of all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.core.bindings import Binding, UnknownBindings
from reconciler.core.effective import Assembly, Bound, Effective
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Directory, Live, LiveOverlay, LiveRepository, Unreadable
from reconciler.core.steps import Action, BindingStep, OverlayStep, Reach, ScopeKind, Step, TagEffect

OverlaySteps = Sequence[OverlayStep | BindingStep]


def overlay_keys(overlays: Iterable[LiveOverlay], root: str) -> dict[str, str]:
    """Return for each overlay, by its UIDP, the key that it is known by: its name, where the organization owns it.

    `root` is the UIDP of the organization. Of overlays that folders own, each has its UIDP beside the name.
    """
    return {one.id: one.name if one.id.rpartition("/")[0] == root else f"{one.name} ({one.id})" for one in overlays}


def live_assembly(live: Live, steps: Iterable[Step] = ()) -> Assembly:
    """Return overlays and bindings as they are live, the repositories as they are after their steps.

    What is not known of the overlays and the bindings is left out.
    """
    overlays = () if isinstance(live.overlays, UnknownBindings) else live.overlays
    bindings = () if isinstance(live.bindings, UnknownBindings) else live.bindings
    keys = overlay_keys(overlays, live.organization.id.partition("/")[0])
    standard = {one.id: one.overlay for one in live.repositories if one.overlay != EMPTY}
    for step in steps:
        if step.writes and step.action is not Action.CREATE and step.id is not None and step.after is not None:
            standard[step.id] = step.after
    return Assembly(
        {keys[one.id]: one.overlay for one in overlays},
        [_bound(one, keys) for one in bindings],
        {id_: overlay for id_, overlay in standard.items() if overlay != EMPTY},
    )


def _bound(binding: Binding, keys: Mapping[str, str]) -> Bound:
    key = keys.get(binding.overlay_id, binding.overlay)
    return Bound(scope=binding.scope, overlay=key, selector=binding.selector)


def carry_out(step: OverlayStep | BindingStep, assembly: Assembly) -> None:
    """Change the assembly as an apply of the step changes the organization."""
    if not step.writes:
        return
    match step:
        case OverlayStep():
            assembly.set_overlay(step.name, step.after)
        case BindingStep(after=None):
            assembly.unbind(step.scope.id, step.overlay)
        case BindingStep(after=selector) if selector is not None:
            assembly.bind(Bound(scope=step.scope.id, overlay=step.overlay, selector=selector))


class _Images:
    """The effective configuration of each tag while steps are carried out; only what they reach is computed."""

    def __init__(self, live: Live, assembly: Assembly) -> None:
        self._assembly = assembly
        self._repositories = {one.id: one for one in live.repositories}
        self._known: dict[str, tuple[Effective, ...]] = {}
        self._below: dict[str, list[LiveRepository]] = {}
        for one in live.repositories:
            group = one.id
            while "/" in group:
                group = group.rpartition("/")[0]
                self._below.setdefault(group, []).append(one)

    def touched(self, step: OverlayStep | BindingStep) -> Iterable[LiveRepository]:
        """Return the repositories that a step may change."""
        scopes = (step.scope.id,) if isinstance(step, BindingStep) else self._assembly.scopes_of(step.name)
        found = {one.id: one for scope in scopes for one in self._in(scope)}
        return found.values()

    def _in(self, scope: str) -> Sequence[LiveRepository]:
        repository = self._repositories.get(scope)
        return self._below.get(scope, ()) if repository is None else (repository,)

    def of(self, repository: LiveRepository) -> tuple[Effective, ...]:
        """Return what each tag of a repository got when it was last asked for."""
        if repository.id not in self._known:
            self._known[repository.id] = self._assembly.of_tags(repository)
        return self._known[repository.id]

    def renewed(self, repository: LiveRepository) -> tuple[Effective, ...]:
        """Return what each tag of a repository gets now."""
        self._known[repository.id] = self._assembly.of_tags(repository)
        return self._known[repository.id]


def with_reach(overlay_steps: OverlaySteps, live: Live, steps: Iterable[Step]) -> OverlaySteps:
    """Return the steps with the repositories and tags that each changes, carried out one after another."""
    if not any(step.writes for step in overlay_steps):
        return overlay_steps
    assembly, directory = live_assembly(live, steps), Directory(live)
    images = _Images(live, assembly)
    return [_with_reach(step, assembly, images, directory) for step in overlay_steps]


def _with_reach(
    step: OverlayStep | BindingStep, assembly: Assembly, images: _Images, directory: Directory
) -> OverlayStep | BindingStep:
    if not step.writes:
        return step
    touched = [(one, images.of(one)) for one in images.touched(step)]
    carry_out(step, assembly)
    names, tags = [], 0
    for repository, before in touched:
        changed = sum(_differ(was, is_now) for was, is_now in zip(before, images.renewed(repository), strict=True))
        if changed:
            names.append(directory.label(repository))
            tags += changed
    return replace(step, reaches=Reach(repositories=tuple(sorted(names)), tags=tags)) if names else step


def _differ(before: Effective, after: Effective) -> bool:
    return before is not after and before != after


def tag_effects(live: Live, steps: Sequence[Step], overlay_steps: OverlaySteps) -> tuple[TagEffect, ...]:
    """Return what all steps change in the images that overlays are bound to, before or after; ordered by repository.

    Tags whose configuration is not known on one of the sides are left out.
    """
    if isinstance(live.overlays, UnknownBindings) or isinstance(live.bindings, UnknownBindings):
        return ()
    before, after = live_assembly(live), live_assembly(live, steps)
    images = _Images(live, after)
    touched = {step.id for step in steps if step.writes}
    for step in overlay_steps:
        if step.writes:
            touched |= {one.id for one in images.touched(step)}
            carry_out(step, after)
    directory = Directory(live)
    found = [
        effect
        for one in live.repositories
        if one.id in touched and (before.layers(one) or after.layers(one))
        for effect in _effects(one, directory.label(one), before.of_tags(one), after.of_tags(one))
    ]
    return tuple(sorted(found, key=lambda effect: (effect.repository, effect.tags)))


def _effects(
    repository: LiveRepository, label: str, before: Sequence[Effective], after: Sequence[Effective]
) -> Iterator[TagEffect]:
    alike: dict[tuple[int, int], list[str]] = {}
    sides: dict[tuple[int, int], tuple[Overlay, Overlay]] = {}
    for tag, was, will in zip(repository.active_tags, before, after, strict=True):
        if isinstance(was, Unreadable) or isinstance(will, Unreadable) or not _differ(was, will):
            continue
        alike.setdefault((id(was), id(will)), []).append(tag)
        sides[id(was), id(will)] = was, will
    for key, tags in alike.items():
        was, will = sides[key]
        yield TagEffect(repository=label, id=repository.id, tags=tuple(sorted(tags)), before=was, after=will)


def group_kind(id_: str) -> ScopeKind:
    """Return whether the UIDP of a group is that of an organization or of a folder."""
    return ScopeKind.FOLDER if "/" in id_ else ScopeKind.ORGANIZATION
