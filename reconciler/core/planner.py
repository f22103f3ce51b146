"""Planner: compute the steps, with their reasons, from desired and live state."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reconciler.core.binding_rules import block_bound, block_losses, effect_problems
from reconciler.core.diff import diff
from reconciler.core.effects import effects_of, repositories_below, with_reach
from reconciler.core.globs import resolve_globs
from reconciler.core.guarded import guarded_errors, guarded_warnings
from reconciler.core.layers import group_problems, item_place
from reconciler.core.overlay import EMPTY, Overlay, Section, sections_held
from reconciler.core.overlay_planner import plan_overlays
from reconciler.core.ownership import NOBODY, LastWriters, block_taken, may_prune
from reconciler.core.plan import NO_FLAGS, GuardFlags, Plan, guard_rules, judge_guard, losses
from reconciler.core.redaction import redact_desired
from reconciler.core.state import Desired, DesiredRepository, Directory, Live, LiveRepository, Unreadable, wanted
from reconciler.core.step_problems import step_problems
from reconciler.core.steps import Action, Reason, ReasonCode, Step
from reconciler.diagnostics import (
    Diagnostic,
    KnownNames,
    Place,
    Severity,
    has_errors,
)

_NOWHERE = Place(file="")


@dataclass(frozen=True, slots=True)
class _Match:
    """A manifest entry with the repositories that its address may mean, and their shared label."""

    entry: DesiredRepository
    found: tuple[LiveRepository, ...]
    label: str


def plan(
    desired: Desired,
    live: Live,
    *,
    diagnostics: Iterable[Diagnostic] = (),
    flags: GuardFlags = NO_FLAGS,
    writers: LastWriters = NOBODY,
) -> Plan:
    """Plan every manifest entry against the live state; `diagnostics` of reading the manifest are included."""
    directory = Directory(live)
    resolved = resolve_globs(desired, live, directory)
    entries = resolved.entries
    if live.salt:
        desired, entries = redact_desired(desired, entries, live.salt)
    matches = [_match(entry, directory) for entry in entries]
    named = {one.id for match in matches for one in match.found}
    unnamed = [one for one in live.repositories if one.id not in named]
    own = [one for one in unnamed if may_prune(desired, one.id, writers)]
    reset = tuple(prune_steps(own, directory)) if desired.settings.prune or flags.prune else ()
    found = sorted((*_steps(matches, directory), *reset), key=_order)
    prune = desired.settings.prune_overlays or flags.prune_overlays
    overlays = plan_overlays(desired, live, directory, _bound_entries(found, live), prune=prune)
    steps = block_bound(found if flags.take_over else block_taken(found, writers), live)
    overlay_steps = with_reach(overlays.steps, live, steps)
    effects = effects_of(live, steps, overlay_steps)
    steps = block_losses(steps, effects.tags)
    touched = {step.id for step in reset}.union(effect.id for effect in effects.tags)
    also = [effect.id for effect in effects.tags] + repositories_below(overlays.managed, live)
    rules = guard_rules(desired.settings, flags, steps, overlay_steps=overlay_steps, also=also)
    problems = (
        *diagnostics,
        *resolved.problems,
        *dict.fromkeys(step_problems((*steps, *overlay_steps))),
        *_live_warnings(steps),
        *_unsynced_warnings(matches, live),
        *overlays.problems,
        *effect_problems(steps, effects),
    )
    return Plan(
        organization=live.organization,
        steps=tuple(steps),
        diagnostics=problems,
        unlisted=tuple(sorted(directory.label(one) for one in unnamed if one.id not in touched)),
        guard=judge_guard(steps, rules, effects=effects.tags),
        bindings=live.bindings,
        overlay_steps=tuple(overlay_steps),
        effects=effects.tags,
    )


def _steps(matches: Sequence[_Match], directory: Directory) -> Iterator[Step]:
    """Yield the step of each entry."""
    twice, known = _named_twice(matches), KnownNames(directory.labels())
    for match in matches:
        yield _marked(_step(match, directory, known, twice))


def _bound_entries(steps: Iterable[Step], live: Live) -> list[tuple[DesiredRepository, LiveRepository]]:
    """Return the entries that bind overlays, each with its repository; only those that can be planned."""
    by_id = {one.id: one for one in live.repositories}
    return [
        (step.entry, by_id[step.id])
        for step in steps
        if step.entry is not None
        and step.entry.bindings is not None
        and step.reason.code is ReasonCode.BOUND
        and step.id is not None
    ]


# Shared by most of thousands of steps.
_PLAIN_REASONS = {code: Reason(code=code) for code in ReasonCode}


def _order(step: Step) -> tuple[str, Place]:
    return step.repository, step.place or _NOWHERE


def _match(entry: DesiredRepository, directory: Directory) -> _Match:
    found = directory.find(entry.address)
    label = directory.label(found[0]) if len(found) == 1 else str(entry.address)
    return _Match(entry, found, label)


def _named_twice(matches: Iterable[_Match]) -> dict[str, Place]:
    """Return repositories that several entries mean or create (`x` and `/x`), with the place of the first entry."""
    places: dict[str, list[Place]] = {}
    for match in matches:
        if (meant := _target_key(match)) is not None:
            places.setdefault(meant, []).append(match.entry.place)
    return {meant: min(found) for meant, found in places.items() if len(found) > 1}


def _target_key(match: _Match) -> str | None:
    """Return the one repository that an entry means: its id, or the folder and name of one to be created."""
    address = match.entry.address
    match match.found:
        case (repository,):
            return repository.id
        case () if match.entry.source is not None:
            return f"{address.folder or ''}/{address.name}"
        case _:
            return None


def _marked(step: Step) -> Step:
    """Return the step with the owner and the labels of its entry."""
    entry = step.entry
    marked = entry is not None and (entry.owner or entry.labels)
    return replace(step, owner=entry.owner, labels=entry.labels) if entry is not None and marked else step


def _step(match: _Match, directory: Directory, known: KnownNames, twice: dict[str, Place]) -> Step:
    if has_errors(match.entry.problems):
        found = match.found[0].id if len(match.found) == 1 else None
        return replace(_blocked(match, ReasonCode.CONFLICTING), id=found)
    first = twice.get(_target_key(match) or "")
    if first is not None and first != match.entry.place:
        return _blocked(match, ReasonCode.NAMED_TWICE, str(first))
    match match.found:
        case ():
            return _absent(match, directory, known)
        case (repository,):
            return _present(match, repository)
        case several:
            labels = sorted({directory.label(one) for one in several})
            if len(labels) == 1 and isinstance(several[0].overlay, Unreadable):
                return _present(match, several[0])  # one folder has the name twice: no address distinguishes them
            return _blocked(match, ReasonCode.AMBIGUOUS, *labels)


def _present(match: _Match, repository: LiveRepository) -> Step:
    before = repository.overlay
    if isinstance(before, Unreadable):
        reason = Reason(code=ReasonCode.UNREADABLE, names=(before.problem, before.advice))
        return Step(
            repository=match.label,
            id=repository.id,
            action=Action.UNKNOWN,
            reason=reason,
            place=match.entry.place,
            entry=match.entry,
        )
    if match.entry.bindings is not None:
        return _bound(match, repository, before)
    after = wanted(match.entry, before)
    changes = diff(before, after)
    if match.entry.protect and (gone := losses(changes, after)):
        return replace(_blocked(match, ReasonCode.PROTECTED, *gone), id=repository.id)
    if invalid := _guarded_errors(match.entry, after):
        return replace(_blocked(match, ReasonCode.INVALID), id=repository.id, problems=invalid)
    action, code = _decision(match.entry, changed=bool(changes))
    return Step(
        repository=match.label,
        id=repository.id,
        action=action,
        reason=_PLAIN_REASONS[code],
        place=match.entry.place,
        changes=changes,
        unmanaged=_unmanaged(match.entry, before),
        before=before,
        after=after,
        entry=match.entry,
        location=repository.location,
    )


def _bound(match: _Match, repository: LiveRepository, before: Overlay) -> Step:
    """Return the step of a repository whose content comes from overlays; the overlays' steps write it."""
    if before != EMPTY:
        held = tuple(map(str, sections_held(before))) or ("content that this version does not know",)
        return replace(_blocked(match, ReasonCode.HAS_CUSTOMIZATION, *held), id=repository.id)
    return Step(
        repository=match.label,
        id=repository.id,
        action=Action.NONE,
        reason=_PLAIN_REASONS[ReasonCode.BOUND],
        place=match.entry.place,
        before=before,
        after=before,
        entry=match.entry,
        location=repository.location,
    )


def _guarded_errors(entry: DesiredRepository, after: Overlay) -> tuple[Diagnostic, ...]:
    """Yield what the API would refuse although the manifest alone is valid: unmanaged sections count too."""
    return tuple(guarded_errors(after, partial(item_place, entry.layers), entry.place))


def _live_warnings(steps: Iterable[Step]) -> Iterator[Diagnostic]:
    """Yield warnings about mistakes that show only together with unmanaged sections."""
    found: list[tuple[str, Diagnostic]] = []
    for step in steps:
        if step.entry is not None and step.after is not None:
            place_of = partial(item_place, step.entry.layers)
            if warnings := tuple(guarded_warnings(step.after, place_of)):
                known = tuple(guarded_warnings(step.entry.overlay, place_of))
                found += [(step.repository, one) for one in warnings if one not in known]
    return group_problems(found)


def _unsynced_warnings(matches: Iterable[_Match], live: Live) -> Iterator[Diagnostic]:
    """Yield a warning for each repository that does not sync from the source in its entry, so it is never built.

    No warning if the API reports no source at all.
    """
    if not any(one.synced_from for one in live.repositories):
        return
    for match in matches:
        if match.entry.source is not None and [one.synced_from for one in match.found] == [""]:
            yield Diagnostic(
                code="no-sync-source",
                severity=Severity.WARNING,
                summary=f'"{match.label}" exists, but syncs from no repository: it is not built',
                hint=f"delete it in the console, then apply again to create it from `{match.entry.source}`",
                place=match.entry.place,
            )


def _decision(entry: DesiredRepository, *, changed: bool) -> tuple[Action, ReasonCode]:
    if entry.reset:
        return (Action.RESET, ReasonCode.RESET_ASKED) if changed else (Action.NONE, ReasonCode.ALREADY_RESET)
    if changed:
        return Action.UPDATE, ReasonCode.DIFFERS
    return Action.NONE, ReasonCode.AS_WANTED if entry.managed else ReasonCode.NOTHING_MANAGED


def _unmanaged(entry: DesiredRepository, live: Overlay) -> tuple[Section, ...]:
    if entry.reset:
        return ()
    return tuple(one for one in sections_held(live) if one not in entry.managed)


def _absent(match: _Match, directory: Directory, known: KnownNames) -> Step:
    source = match.entry.source
    if source is None:
        return _blocked(match, ReasonCode.NOT_FOUND, *known.nearest(str(match.entry.address)))
    found = directory.find(source)
    if len(found) != 1:
        others = sorted(directory.label(one) for one in found) or known.nearest(str(source))
        return _blocked(match, ReasonCode.SOURCE_NOT_FOUND, str(source), *others)
    after = wanted(match.entry, EMPTY)
    if invalid := _guarded_errors(match.entry, after):
        return replace(_blocked(match, ReasonCode.INVALID), problems=invalid)
    return Step(
        repository=match.label,
        id=found[0].id,
        action=Action.CREATE,
        reason=Reason(code=ReasonCode.MISSING, names=(directory.label(found[0]),)),
        place=match.entry.place,
        changes=diff(EMPTY, after),
        before=EMPTY,
        after=after,
        entry=match.entry,
        location=found[0].location,
    )


def _blocked(match: _Match, code: ReasonCode, *names: str) -> Step:
    return Step(
        repository=match.label,
        id=None,
        action=Action.BLOCKED,
        reason=Reason(code=code, names=names),
        place=match.entry.place,
        entry=match.entry,
    )


def prune_steps(unnamed: Iterable[LiveRepository], directory: Directory) -> Iterator[Step]:
    """Yield a reset for each unnamed repository that has a customization, or whose overlay is unknown."""
    for repository in unnamed:
        overlay = repository.overlay
        if isinstance(overlay, Unreadable):
            yield Step(
                repository=directory.label(repository),
                id=repository.id,
                action=Action.UNKNOWN,
                reason=Reason(code=ReasonCode.UNREADABLE, names=(overlay.problem, overlay.advice)),
                place=None,
            )
        elif overlay != EMPTY:
            yield Step(
                repository=directory.label(repository),
                id=repository.id,
                action=Action.RESET,
                reason=Reason(code=ReasonCode.PRUNED),
                place=None,
                changes=diff(overlay, EMPTY),
                before=overlay,
                after=EMPTY,
                location=repository.location,
            )
