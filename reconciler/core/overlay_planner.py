"""Planner of overlays and bindings: the steps that make them as the manifest has them, in the order of their writes.

Overlays are created and changed first, then bound, then unbound, and deleted last, so that no image is without what
both states give it. An overlay is managed by section, as a repository is; the bindings of a scope that the manifest
names are managed as a whole, and those of other scopes not at all, unless it prunes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from reconciler.core import overlay_problems as problems
from reconciler.core.bindings import Binding, BindingIndex, SelectorKind, TagSelector, UnknownBindings
from reconciler.core.diff import diff
from reconciler.core.effective import matches_tag
from reconciler.core.effects import overlay_keys
from reconciler.core.guarded import guarded_errors
from reconciler.core.layers import item_place
from reconciler.core.overlay import EMPTY, SECTION_FIELDS, fingerprint, without_zero_gids
from reconciler.core.overlay_conflicts import without_conflicts
from reconciler.core.scopes import group_scope, repository_scope, scope_at
from reconciler.core.state import (
    Desired,
    DesiredBinding,
    DesiredOverlay,
    DesiredRepository,
    Directory,
    Live,
    LiveOverlay,
    LiveRepository,
    Unreadable,
)
from reconciler.core.steps import Action, BindingStep, OverlayStep, Reason, ReasonCode, Scope, ScopeKind
from reconciler.core.write_order import rank
from reconciler.diagnostics import (
    Diagnostic,
    KnownNames,
    Place,
    has_errors,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayPlan:
    """The steps in the order of their writes, the warnings, and the scopes, by UIDP, whose bindings are managed."""

    steps: tuple[OverlayStep | BindingStep, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    managed: frozenset[str] = frozenset()


NO_OVERLAYS: Final = OverlayPlan()

# Entries that manage the bindings of their repository, which is there.
BoundEntries = Sequence[tuple[DesiredRepository, LiveRepository]]


def plan_overlays(
    desired: Desired, live: Live, directory: Directory, entries: BoundEntries, *, prune: bool = False
) -> OverlayPlan:
    """Plan the overlays of the manifest, and the bindings of its scopes and entries.

    With `prune`, overlays and bindings that the manifest does not name are removed.
    """
    if not (desired.overlays or desired.scopes or entries or prune):
        return NO_OVERLAYS
    unknown = next((one for one in (live.overlays, live.bindings) if isinstance(one, UnknownBindings)), None)
    if unknown is not None:
        return _unknown(desired, live, directory, entries, unknown)
    return _Planner(desired, live, directory).plan(entries, prune=prune)


def _unknown(
    desired: Desired, live: Live, directory: Directory, entries: BoundEntries, unknown: UnknownBindings
) -> OverlayPlan:
    """Return the step for an overlay whose live state is unknown."""
    action = Action.BLOCKED if unknown.absent else Action.UNKNOWN
    reason = Reason(code=ReasonCode.UNREADABLE, names=(unknown.problem,))
    problem = problems.not_read(unknown)
    steps: list[OverlayStep | BindingStep] = [
        OverlayStep(name=one.name, id=None, action=action, reason=reason, place=one.place, problems=(problem,))
        for one in desired.overlays
    ]
    wanted = [(group_scope(one.folder, live), one.bindings) for one in desired.scopes]
    wanted += [(repository_scope(found, directory), entry.bindings or ()) for entry, found in entries]
    steps += [
        BindingStep(
            scope=scope,
            overlay=one.overlay,
            overlay_id=None,
            id=None,
            action=action,
            reason=reason,
            place=one.place,
            after=_canonical(one.selector),
            problems=(problem,),
        )
        for scope, bindings in wanted
        if scope is not None
        for one in bindings
    ]
    return OverlayPlan(steps=tuple(steps), problems=() if steps else (problem,))


class _Catalog:
    """The overlays that bindings can name: those of the organization, and those that the manifest creates."""

    def __init__(self, desired: Desired, overlays: Sequence[LiveOverlay], root: str) -> None:
        self.keys = overlay_keys(overlays, root)
        self.defined = {one.name: one for one in desired.overlays}
        self._by_name: dict[str, list[LiveOverlay]] = {}
        for one in sorted(overlays, key=lambda one: one.id.rpartition("/")[0] != root):
            self._by_name.setdefault(one.name, []).append(one)
        self._root = root
        self._contents: dict[str, str] = {}
        self._known = KnownNames({*self._by_name, *self.defined})

    def find(self, name: str) -> Sequence[LiveOverlay]:
        """Return the live overlays that a name may mean: that of the organization itself before those of folders."""
        found = self._by_name.get(name, ())
        return found[:1] if found and found[0].id.rpartition("/")[0] == self._root else found

    def has(self, name: str) -> bool:
        """Return whether a binding can name it."""
        return name in self.defined or name in self._by_name

    def content(self, found: Sequence[LiveOverlay]) -> str:
        """Return the fingerprint of the overlay that a name means, "" where the manifest holds it."""
        if len(found) != 1 or found[0].name in self.defined:
            return ""
        if found[0].id not in self._contents:
            overlay = found[0].overlay
            self._contents[found[0].id] = "" if isinstance(overlay, Unreadable) else fingerprint(overlay)
        return self._contents[found[0].id]

    def nearest(self, name: str) -> tuple[str, ...]:
        """Return the names that resemble one that is not known."""
        return self._known.nearest(name)


class _Planner:
    """Plans with everything known; the warnings are collected on the way."""

    def __init__(self, desired: Desired, live: Live, directory: Directory) -> None:
        assert not isinstance(live.overlays, UnknownBindings)
        assert not isinstance(live.bindings, UnknownBindings)
        self._desired, self._live, self._directory = desired, live, directory
        self._overlays, self._bindings = live.overlays, live.bindings
        self._index = BindingIndex(live.bindings)
        self._catalog = _Catalog(desired, live.overlays, live.organization.id.partition("/")[0])
        self._warnings: list[Diagnostic] = []

    def plan(self, entries: BoundEntries, *, prune: bool) -> OverlayPlan:
        overlays = [self._overlay(one) for one in sorted(self._desired.overlays, key=lambda one: one.name)]
        bindings: list[BindingStep] = []
        managed: set[str] = set()
        for wanted in self._desired.scopes:
            scope = group_scope(wanted.folder, self._live)
            if scope is None:
                bindings += self._without_folder(wanted.folder, wanted.bindings)
            else:
                managed.add(scope.id)
                live = self._index.of_group(scope.id)
                bindings += self._scope(scope, wanted.bindings, live, wanted.place, self._below(scope.id))
        for entry, found in entries:
            scope = repository_scope(found, self._directory)
            managed.add(scope.id)
            live = self._index.of_repository(found.id)
            bindings += self._scope(scope, entry.bindings or (), live, entry.place, (found,), entry=entry)
        if prune:
            bindings += self._pruned_bindings(managed)
            overlays += self._pruned_overlays({one.overlay for one in bindings if one.after is not None})
        steps, swaps = without_conflicts(sorted([*overlays, *bindings], key=_order), self._live, self._directory)
        return OverlayPlan(
            steps=tuple(steps),
            problems=(*self._warnings, *swaps),
            managed=frozenset(managed),
        )

    def _below(self, group: str) -> tuple[LiveRepository, ...]:
        return tuple(one for one in self._live.repositories if one.id.startswith(f"{group}/"))

    def _overlay(self, wanted: DesiredOverlay) -> OverlayStep:
        found = self._catalog.find(wanted.name)
        step = OverlayStep(
            name=wanted.name,
            id=found[0].id if len(found) == 1 else None,
            action=Action.BLOCKED,
            reason=Reason(code=ReasonCode.CONFLICTING),
            place=wanted.place,
        )
        if has_errors(wanted.problems):
            return step
        if len(found) > 1:
            return _problem(step, problems.ambiguous_overlay(wanted.name, found, wanted.place), ReasonCode.AMBIGUOUS)
        before = found[0].overlay if found else EMPTY
        if isinstance(before, Unreadable):
            return _unknown_step(step, problems.unreadable_overlay(step, before), before.problem)
        fields = {SECTION_FIELDS[one]: getattr(wanted.overlay, SECTION_FIELDS[one]) for one in wanted.managed}
        after = without_zero_gids(replace(before, **fields))
        invalid = tuple(guarded_errors(after, partial(item_place, wanted.layers), wanted.place))
        if after == EMPTY:
            invalid += (problems.empty_overlay(wanted),)
        if invalid:
            return replace(step, reason=Reason(code=ReasonCode.INVALID), problems=invalid)
        changes = diff(before, after)
        if not found:
            action, code = Action.CREATE, ReasonCode.MISSING
        elif changes:
            action, code = Action.UPDATE, ReasonCode.DIFFERS
        else:
            action, code = Action.NONE, ReasonCode.AS_WANTED
        return replace(
            step,
            action=action,
            reason=Reason(code=code),
            changes=changes,
            before=before if found else None,
            after=after,
        )

    def _scope(
        self,
        scope: Scope,
        wanted: Iterable[DesiredBinding],
        live: Sequence[Binding],
        place: Place,
        repositories: Sequence[LiveRepository],
        *,
        entry: DesiredRepository | None = None,
    ) -> Iterator[BindingStep]:
        """Yield the steps of every binding of a scope that the manifest manages, wanted or removed."""
        tags = frozenset(tag for one in repositories for tag in one.active_tags)
        left = {one.overlay_id: one for one in live}
        for one in wanted:
            found = self._catalog.find(one.overlay)
            there = left.pop(found[0].id, None) if len(found) == 1 else None
            step = self._binding(scope, one, found, there)
            yield self._with_tags(step, tags, entry) if step.planned else step
        for gone in left.values():
            yield self._removal(scope, gone, Reason(code=ReasonCode.NOT_NAMED), place)

    def _binding(
        self, scope: Scope, wanted: DesiredBinding, found: Sequence[LiveOverlay], there: Binding | None
    ) -> BindingStep:
        before = None if there is None else _canonical(there.selector)
        step = BindingStep(
            scope=scope,
            overlay=wanted.overlay,
            overlay_id=found[0].id if len(found) == 1 else None,
            id=there.id if there else None,
            action=Action.BLOCKED,
            reason=Reason(code=ReasonCode.CONFLICTING),
            place=wanted.place,
            before=before,
            after=_canonical(wanted.selector),
            content=self._catalog.content(found),
        )
        if not self._catalog.has(wanted.overlay):
            near = self._catalog.nearest(wanted.overlay)
            return _problem(step, problems.unknown_overlay(wanted, near), ReasonCode.OVERLAY_NOT_FOUND, *near)
        if len(found) > 1:
            return _problem(step, problems.ambiguous_overlay(wanted.overlay, found, wanted.place), ReasonCode.AMBIGUOUS)
        if before is not None and before.kind is SelectorKind.UNKNOWN:
            return _unknown_step(step, problems.unreadable_binding(step), "unknown kind of tag selector")
        if before is None:
            action, code = Action.CREATE, ReasonCode.MISSING
        elif before != step.after:
            action, code = Action.UPDATE, ReasonCode.DIFFERS
        else:
            action, code = Action.NONE, ReasonCode.AS_WANTED
        return replace(step, action=action, reason=Reason(code=code))

    def _removal(self, scope: Scope, gone: Binding, reason: Reason, place: Place | None) -> BindingStep:
        return BindingStep(
            scope=scope,
            overlay=self._catalog.keys.get(gone.overlay_id, gone.overlay),
            overlay_id=gone.overlay_id,
            id=gone.id,
            action=Action.DELETE,
            reason=reason,
            place=place,
            before=_canonical(gone.selector),
        )

    def _without_folder(self, folder: str, bindings: Iterable[DesiredBinding]) -> Iterator[BindingStep]:
        known = KnownNames(path for path, _ in self._live.folders)
        near = known.nearest(folder)
        scope = Scope(kind=ScopeKind.FOLDER, id="", label=f"all repositories of {folder}")
        for one in bindings:
            step = BindingStep(
                scope=scope,
                overlay=one.overlay,
                overlay_id=None,
                id=None,
                action=Action.BLOCKED,
                reason=Reason(code=ReasonCode.NOT_FOUND),
                place=one.place,
                after=_canonical(one.selector),
            )
            yield _problem(step, problems.unknown_folder(folder, one.place, near), ReasonCode.NOT_FOUND, *near)

    def _pruned_bindings(self, managed: set[str]) -> Iterator[BindingStep]:
        organization = self._live.organization.id
        for one in self._bindings:
            inside = one.scope == organization or one.scope.startswith(f"{organization}/")
            if inside and one.scope not in managed:
                yield self._removal(
                    scope_at(one.scope, self._live, self._directory), one, Reason(code=ReasonCode.PRUNED), None
                )

    def _pruned_overlays(self, bound: set[str]) -> Iterator[OverlayStep]:
        """Yield a deletion for each overlay that the manifest neither defines nor binds."""
        organization = self._live.organization.id
        for one in self._overlays:
            key = self._catalog.keys[one.id]
            owner = one.id.rpartition("/")[0]
            inside = owner == organization or owner.startswith(f"{organization}/")
            if not inside or key in bound or key in self._catalog.defined:
                continue
            step = OverlayStep(
                name=key,
                id=one.id,
                action=Action.DELETE,
                reason=Reason(code=ReasonCode.PRUNED),
                place=None,
            )
            if isinstance(one.overlay, Unreadable):
                problem = problems.unreadable_overlay(step, one.overlay)
                yield _unknown_step(step, problem, one.overlay.problem)
            else:
                yield replace(step, changes=diff(one.overlay, EMPTY), before=one.overlay)

    def _with_tags(self, step: BindingStep, tags: frozenset[str], entry: DesiredRepository | None) -> BindingStep:
        """Return the step, blocked if the repository lacks a tag that it newly names; `tags` are empty if unknown."""
        selector = step.after
        allowed = self._desired.settings.allow_missing_tags or (entry is not None and entry.allow_missing_tags)
        if not tags or selector is None or allowed:
            return step
        missing = [tag for tag in selector.tags if tag not in tags]
        if selector.kind is SelectorKind.EXACT and missing:
            known = KnownNames(tags)
            named = step.before.tags if step.before is not None else ()
            new = [tag for tag in missing if tag not in named]
            if new and entry is not None:
                return _problem(step, problems.unknown_tags(step, new, known), ReasonCode.TAGS_NOT_FOUND, *new)
            self._warnings.append(problems.missing_tags(step, missing, known))
        elif not any(matches_tag(selector, tag) for tag in tags):
            self._warnings.append(problems.matches_nothing(step))
        return step


def _order(step: OverlayStep | BindingStep) -> tuple[int, str, str]:
    if isinstance(step, OverlayStep):
        return rank(step), "", step.name
    return rank(step), step.scope.label, step.overlay


def _canonical(selector: TagSelector) -> TagSelector:
    return replace(selector, tags=tuple(sorted(set(selector.tags))))


_Blocked = TypeVar("_Blocked", OverlayStep, BindingStep)


def _problem(step: _Blocked, problem: Diagnostic, code: ReasonCode, *names: str) -> _Blocked:
    return replace(step, action=Action.BLOCKED, reason=Reason(code=code, names=names), problems=(problem,))


def _unknown_step(step: _Blocked, problem: Diagnostic, why: str) -> _Blocked:
    reason = Reason(code=ReasonCode.UNREADABLE, names=(why,))
    return replace(step, action=Action.UNKNOWN, reason=reason, problems=(problem,))
