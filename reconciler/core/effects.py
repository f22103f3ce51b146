"""Effects of a plan's overlays and bindings on the images: the reach of each step, and the effects of all."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.bindings import Binding, UnknownBindings
from reconciler.core.effective import Assembly, Bound, Effective
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Directory, Live, LiveOverlay, LiveRepository, Unreadable
from reconciler.core.steps import Action, BindingStep, OverlayStep, Reach, Step, TagEffect

OverlaySteps = Sequence[OverlayStep | BindingStep]


def overlay_keys(overlays: Iterable[LiveOverlay], root: str) -> dict[str, str]:
    """Return the key of each overlay, by its UIDP: its name if the organization owns it.

    `root` is the UIDP of the organization. The key of an overlay owned by a folder includes its UIDP.
    """
    return {one.id: one.name if one.id.rpartition("/")[0] == root else f"{one.name} ({one.id})" for one in overlays}


def live_assembly(live: Live, steps: Iterable[Step] = ()) -> Assembly:
    """Return overlays and bindings as they are live, the repositories as they are after their steps.

    What is not known of the overlays and the bindings is left out.
    """
    overlays = () if isinstance(live.overlays, UnknownBindings) else live.overlays
    bindings = () if isinstance(live.bindings, UnknownBindings) else live.bindings
    keys = overlay_keys(overlays, live.organization.id.partition("/")[0])
    found = Assembly(
        {keys[one.id]: one.overlay for one in overlays},
        [_bound(one, keys) for one in bindings],
        {one.id: one.overlay for one in live.repositories if one.overlay != EMPTY},
    )
    _change_repositories(found, steps)
    return found


def _change_repositories(assembly: Assembly, steps: Iterable[Step]) -> None:
    for step in steps:
        if step.writes and step.action is not Action.CREATE and step.id is not None and step.after is not None:
            assembly.set_standard(step.id, step.after)


def _bound(binding: Binding, keys: Mapping[str, str]) -> Bound:
    key = keys.get(binding.overlay_id, binding.overlay)
    return Bound(scope=binding.scope, overlay=key, selector=binding.selector)


def simulate_step(step: OverlayStep | BindingStep, assembly: Assembly) -> None:
    """Change the assembly in the way that an apply of the step changes the organization."""
    if not step.writes:
        return
    if isinstance(step, OverlayStep):
        assembly.set_overlay(step.name, step.after)
    elif step.after is None:
        assembly.unbind(step.scope.id, step.overlay)
    else:
        assembly.bind(Bound(scope=step.scope.id, overlay=step.overlay, selector=step.after))


class _Images:
    """The effective configuration of each tag while steps are applied; only affected tags are computed."""

    def __init__(self, live: Live, assembly: Assembly) -> None:
        self._assembly = assembly
        self._repositories = {one.id: one for one in live.repositories}
        self._known: dict[str, tuple[Effective, ...]] = {}
        self._below: dict[str, list[LiveRepository]] = {}
        for one in live.repositories:
            for group in _scopes(one.id.rpartition("/")[0]):
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
    """Return the steps with the repositories and tags that each changes when applied in order."""
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
    simulate_step(step, assembly)
    names, tags = [], 0
    known: dict[tuple[int, int], int] = {}
    for repository, before in touched:
        after = images.renewed(repository)
        key = id(before), id(after)
        if key not in known:
            known[key] = sum(_differ(was, is_now) for was, is_now in zip(before, after, strict=True))
        changed = known[key]
        if changed:
            names.append(directory.label(repository))
            tags += changed
    return replace(step, reaches=Reach(repositories=tuple(sorted(names)), tags=tags)) if names else step


def _differ(before: Effective, after: Effective) -> bool:
    return before is not after and before != after


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Changes by a plan in the images that overlays are bound to, before or after, ordered by repository.

    `unknown` are the repositories, by label, with tags whose configuration is not known on one of the sides.
    """

    tags: tuple[TagEffect, ...] = ()
    unknown: tuple[str, ...] = ()


def effects_of(live: Live, steps: Sequence[Step], overlay_steps: OverlaySteps) -> Effects:
    """Return what all steps together change."""
    if isinstance(live.overlays, UnknownBindings) or isinstance(live.bindings, UnknownBindings):
        return Effects()
    before = live_assembly(live)
    after = before.copy()
    _change_repositories(after, steps)
    images = _Images(live, after)
    touched = {step.id for step in steps if step.writes}
    for step in overlay_steps:
        if step.writes:
            touched |= {one.id for one in images.touched(step)}
            simulate_step(step, after)
    directory = Directory(live)
    found: list[TagEffect] = []
    unknown = []
    for one in live.repositories:
        if one.id in touched and (before.layers(one) or after.layers(one)):
            sides = list(zip(one.active_tags, before.of_tags(one), after.of_tags(one), strict=True))
            found += _effects(one, directory.label(one), sides)
            if any(isinstance(side, Unreadable) and was != will for _, was, will in sides for side in (was, will)):
                unknown.append(directory.label(one))
    return Effects(
        tags=tuple(sorted(found, key=lambda effect: (effect.repository, effect.tags))),
        unknown=tuple(sorted(unknown)),
    )


def _effects(
    repository: LiveRepository, label: str, sides: Iterable[tuple[str, Effective, Effective]]
) -> Iterator[TagEffect]:
    alike: dict[tuple[int, int], tuple[list[str], Overlay, Overlay]] = {}
    for tag, was, will in sides:
        if isinstance(was, Overlay) and isinstance(will, Overlay) and _differ(was, will):
            alike.setdefault((id(was), id(will)), ([], was, will))[0].append(tag)
    for tags, was, will in alike.values():
        yield TagEffect(repository=label, id=repository.id, tags=tuple(sorted(tags)), before=was, after=will)


def repositories_below(scopes: Collection[str], live: Live) -> list[str]:
    """Return the UIDPs of the repositories that are in scopes or below them; scopes are known by their UIDP."""
    if not scopes:
        return []
    return [one.id for one in live.repositories if any(scope in scopes for scope in _scopes(one.id))]


def _scopes(id_: str) -> Iterator[str]:
    while id_:
        yield id_
        id_ = id_.rpartition("/")[0]
