"""Planner of overlays and bindings: the steps that make them as the manifest has them, in the order of their writes.

Overlays are created and changed first, then bound, then unbound, and deleted last, so that no image is without what
both states give it. An overlay is managed by section, as a repository is; the bindings of a scope that the manifest
names are managed as a whole, and those of other scopes not at all, unless it prunes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from reconciler.core.bindings import Binding, BindingIndex, SelectorKind, TagSelector, UnknownBindings
from reconciler.core.diff import diff
from reconciler.core.effective import matches_tag
from reconciler.core.effects import group_kind, overlay_keys
from reconciler.core.guarded import guarded_errors
from reconciler.core.layers import item_place
from reconciler.core.overlay import EMPTY, SECTION_FIELDS
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
from reconciler.diagnostics import (
    Diagnostic,
    KnownNames,
    Place,
    Severity,
    did_you_mean,
    has_errors,
    listed,
    quoted,
)

# Codes with their meaning, for docs/diagnostics.md.
OVERLAY_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "overlays-unknown": ("error", "The overlays and bindings of the organization could not be read."),
    "overlays-not-offered": ("error", "The API does not offer overlays, and the manifest declares some."),
    "unknown-overlay": ("error", "A binding names an overlay that neither the manifest nor the organization has."),
    "ambiguous-overlay": ("error", "Several overlays of the organization have this name."),
    "unreadable-binding": ("error", "The live binding has a tag selector that this version does not know."),
    "unknown-folder": ("error", "The organization has no folder with this path."),
    "unknown-tag": ("error", "The repository has no such tag, and `allow_missing_tags` is not set."),
    "missing-tag": ("warning", "A binding names a tag that the repository does not have."),
    "selector-matches-nothing": ("warning", "No tag matches the selector of a binding."),
}


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
    """Nothing can be planned where it is not known what is live."""
    action = Action.BLOCKED if unknown.absent else Action.UNKNOWN
    reason = Reason(code=ReasonCode.UNREADABLE, names=(unknown.problem,))
    problem = _not_read(unknown)
    steps: list[OverlayStep | BindingStep] = [
        OverlayStep(name=one.name, id=None, action=action, reason=reason, place=one.place, problems=(problem,))
        for one in desired.overlays
    ]
    wanted = [(_group_scope(one.folder, live), one.bindings) for one in desired.scopes]
    wanted += [(_repository_scope(found, directory), entry.bindings or ()) for entry, found in entries]
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


def _not_read(unknown: UnknownBindings) -> Diagnostic:
    if unknown.absent:
        return Diagnostic(
            code="overlays-not-offered",
            summary="the API does not offer overlays and bindings, which the manifest declares",
            detail=unknown.problem,
            hint="ask your Chainguard account team to enroll the organization, or remove `overlays`, "
            "`all_repositories` and `folders` from the manifest",
        )
    return Diagnostic(
        code="overlays-unknown",
        summary=f"cannot read the overlays and bindings of the organization: {unknown.problem}",
        hint="check the capability `registry.overlays.list` with `reconciler doctor`, then plan again",
    )


class _Catalog:
    """The overlays that bindings can name: those of the organization, and those that the manifest creates."""

    def __init__(self, desired: Desired, overlays: Sequence[LiveOverlay], root: str) -> None:
        self.keys = overlay_keys(overlays, root)
        self.defined = {one.name: one for one in desired.overlays}
        self._by_name: dict[str, list[LiveOverlay]] = {}
        for one in sorted(overlays, key=lambda one: one.id.rpartition("/")[0] != root):
            self._by_name.setdefault(one.name, []).append(one)
        self._root = root
        self._known = KnownNames({*self._by_name, *self.defined})

    def find(self, name: str) -> Sequence[LiveOverlay]:
        """Return the live overlays that a name may mean: that of the organization itself before those of folders."""
        found = self._by_name.get(name, ())
        return found[:1] if found and found[0].id.rpartition("/")[0] == self._root else found

    def has(self, name: str) -> bool:
        """Return whether a binding can name it."""
        return name in self.defined or name in self._by_name

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
            scope = _group_scope(wanted.folder, self._live)
            if scope is None:
                bindings += self._without_folder(wanted.folder, wanted.bindings)
            else:
                managed.add(scope.id)
                live = self._index.of_group(scope.id)
                bindings += self._scope(scope, wanted.bindings, live, wanted.place, self._below(scope.id))
        for entry, found in entries:
            scope = _repository_scope(found, self._directory)
            managed.add(scope.id)
            live = self._index.of_repository(found.id)
            bindings += self._scope(scope, entry.bindings or (), live, entry.place, (found,), entry=entry)
        if prune:
            bindings += self._pruned_bindings(managed)
            overlays += self._pruned_overlays({one.overlay for one in bindings if one.after is not None})
        return OverlayPlan(
            steps=tuple(sorted([*overlays, *bindings], key=_order)),
            problems=tuple(self._warnings),
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
            return _problem(step, _ambiguous(wanted.name, found, wanted.place), ReasonCode.AMBIGUOUS)
        before = found[0].overlay if found else EMPTY
        if isinstance(before, Unreadable):
            return _unreadable(step, before)
        fields = {SECTION_FIELDS[one]: getattr(wanted.overlay, SECTION_FIELDS[one]) for one in wanted.managed}
        after = replace(before, **fields)
        invalid = tuple(guarded_errors(after, partial(item_place, wanted.layers), wanted.place))
        if after == EMPTY:
            invalid += (_empty(wanted),)
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
        """Every binding of a scope that the manifest manages: those that it should have, and those that go."""
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
        )
        if not self._catalog.has(wanted.overlay):
            near = self._catalog.nearest(wanted.overlay)
            return _problem(step, _unknown_overlay(wanted, near), ReasonCode.OVERLAY_NOT_FOUND, *near)
        if len(found) > 1:
            return _problem(step, _ambiguous(wanted.overlay, found, wanted.place), ReasonCode.AMBIGUOUS)
        if before is not None and before.kind is SelectorKind.UNKNOWN:
            return _unreadable_binding(step)
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
            yield _problem(step, _unknown_folder(folder, one.place, near), ReasonCode.NOT_FOUND, *near)

    def _pruned_bindings(self, managed: set[str]) -> Iterator[BindingStep]:
        organization = self._live.organization.id
        for one in self._bindings:
            inside = one.scope == organization or one.scope.startswith(f"{organization}/")
            if inside and one.scope not in managed:
                yield self._removal(self._scope_of(one), one, Reason(code=ReasonCode.PRUNED), None)

    def _scope_of(self, binding: Binding) -> Scope:
        if not binding.repository:
            folder = next((path for path, id_ in self._live.folders if id_ == binding.scope), None)
            if folder is not None or binding.scope == self._live.organization.id:
                return _group(binding.scope, folder or "", self._live)
            return Scope(kind=group_kind(binding.scope), id=binding.scope, label=binding.scope)
        found = next((one for one in self._live.repositories if one.id == binding.repository), None)
        label = binding.repository if found is None else self._directory.label(found)
        return Scope(kind=ScopeKind.REPOSITORY, id=binding.repository, label=label)

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
                yield _unreadable(step, one.overlay)
            else:
                yield replace(step, changes=diff(one.overlay, EMPTY), before=one.overlay)

    def _with_tags(self, step: BindingStep, tags: frozenset[str], entry: DesiredRepository | None) -> BindingStep:
        """The step, blocked where the repository lacks a tag that it newly names; `tags` are empty if not known."""
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
                return _problem(step, _unknown_tags(step, new, known), ReasonCode.TAGS_NOT_FOUND, *new)
            self._warnings.append(_missing_tags(step, missing, known))
        elif not any(matches_tag(selector, tag) for tag in tags):
            self._warnings.append(_matches_nothing(step))
        return step


_ORDER: Final = {(OverlayStep, False): 0, (BindingStep, False): 1, (BindingStep, True): 2, (OverlayStep, True): 3}


def _order(step: OverlayStep | BindingStep) -> tuple[int, str, str]:
    rank = _ORDER[type(step), step.action is Action.DELETE]
    return (rank, "", step.name) if isinstance(step, OverlayStep) else (rank, step.scope.label, step.overlay)


def _canonical(selector: TagSelector) -> TagSelector:
    return replace(selector, tags=tuple(sorted(set(selector.tags))))


def _group_scope(folder: str, live: Live) -> Scope | None:
    """The organization that is worked on, or a folder of it; None where there is no such folder."""
    if not folder:
        return _group(live.organization.id, "", live)
    found = next((id_ for path, id_ in live.folders if path == folder), None)
    return None if found is None else _group(found, folder, live)


def _group(id_: str, folder: str, live: Live) -> Scope:
    kind = group_kind(id_)
    below = folder or (live.organization.name if kind is ScopeKind.FOLDER else "")
    return Scope(kind=kind, id=id_, label=f"all repositories of {below}" if below else "all repositories")


def _repository_scope(repository: LiveRepository, directory: Directory) -> Scope:
    return Scope(kind=ScopeKind.REPOSITORY, id=repository.id, label=directory.label(repository))


_Blocked = TypeVar("_Blocked", OverlayStep, BindingStep)


def _problem(step: _Blocked, problem: Diagnostic, code: ReasonCode, *names: str) -> _Blocked:
    return replace(step, action=Action.BLOCKED, reason=Reason(code=code, names=names), problems=(problem,))


def _unreadable(step: OverlayStep, overlay: Unreadable) -> OverlayStep:
    problem = Diagnostic(
        code="unreadable-overlay",
        summary=f'cannot parse the live overlay "{step.name}": {overlay.problem}',
        hint="report this with the output of `reconciler --version`; the overlay is left unchanged",
        place=step.place,
    )
    reason = Reason(code=ReasonCode.UNREADABLE, names=(overlay.problem,))
    return replace(step, action=Action.UNKNOWN, reason=reason, problems=(problem,))


def _unreadable_binding(step: BindingStep) -> BindingStep:
    problem = Diagnostic(
        code="unreadable-binding",
        summary=f"the tag selector of {step.label} is of a kind that this version does not know",
        hint="report this with the output of `reconciler --version`; the binding is left unchanged",
        place=step.place,
    )
    reason = Reason(code=ReasonCode.UNREADABLE, names=("unknown kind of tag selector",))
    return replace(step, action=Action.UNKNOWN, reason=reason, problems=(problem,))


def _ambiguous(name: str, found: Sequence[LiveOverlay], place: Place) -> Diagnostic:
    return Diagnostic(
        code="ambiguous-overlay",
        summary=f'several folders own an overlay "{name}"',
        detail=f"their ids: {listed([one.id for one in found])}",
        hint="rename all but one of them with `chainctl images overlays update --name`",
        place=place,
    )


def _empty(wanted: DesiredOverlay) -> Diagnostic:
    return Diagnostic(
        code="empty-overlay",
        summary=f'nothing would be left in the overlay "{wanted.name}", which the API refuses',
        hint="unbind it and delete it, or keep some content",
        place=wanted.place,
    )


def _unknown_overlay(wanted: DesiredBinding, near: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        code="unknown-overlay",
        summary=f'overlay "{wanted.overlay}" is neither in the manifest nor in the organization',
        hint=did_you_mean(near) or "define it under `overlays`",
        place=wanted.place,
    )


def _unknown_folder(folder: str, place: Place, near: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        code="unknown-folder",
        summary=f'folder "{folder}" does not exist in the organization',
        hint=did_you_mean(near) or "write its path from the organization, such as `team-a/edge`",
        place=place,
    )


def _unknown_tags(step: BindingStep, tags: Sequence[str], known: KnownNames) -> Diagnostic:
    near = tuple(dict.fromkeys(one for tag in tags for one in known.nearest(tag)))
    return Diagnostic(
        code="unknown-tag",
        summary=f'"{step.scope.label}" has no tag {quoted(tags)}',
        detail=f'the API would accept it, and overlay "{step.overlay}" would never be used for it',
        hint=" ".join(filter(None, (did_you_mean(near), _ALLOW_MISSING if not near else ""))),
        place=step.place,
    )


_ALLOW_MISSING: Final = "write `allow_missing_tags: true` to name tags before they exist"


def _missing_tags(step: BindingStep, tags: Sequence[str], known: KnownNames) -> Diagnostic:
    near = tuple(dict.fromkeys(one for tag in tags for one in known.nearest(tag)))
    where = f'"{step.scope.label}"' if step.scope.kind is ScopeKind.REPOSITORY else step.scope.label
    return Diagnostic(
        code="missing-tag",
        severity=Severity.WARNING,
        summary=f"{step.label}: no {'tag' if len(tags) == 1 else 'tags'} {quoted(tags)} in {where}",
        hint=did_you_mean(near) or "remove the tag, or ignore this if it is still to come",
        place=step.place,
    )


def _matches_nothing(step: BindingStep) -> Diagnostic:
    return Diagnostic(
        code="selector-matches-nothing",
        severity=Severity.WARNING,
        summary=f"{step.label}: no tag matches `{step.after}`",
        hint="ignore this if such tags are still to come",
        place=step.place,
    )
