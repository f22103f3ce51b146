"""Desired and live state in, a plan out. Why a repository is changed or left alone is decided here and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.core.desired import Desired, DesiredRepository, wanted
from reconciler.core.diff import diff
from reconciler.core.globs import resolve
from reconciler.core.guards import NO_FLAGS, Flags, judge, losses, rules
from reconciler.core.live import Directory, Live, LiveRepository, Unreadable
from reconciler.core.making import maker
from reconciler.core.model import EMPTY, Overlay, Section, sections_held
from reconciler.core.names import nearest
from reconciler.core.plan import Action, Plan, Reason, ReasonCode, Step
from reconciler.core.problems import problems
from reconciler.core.pruning import pruned
from reconciler.diagnostics import Diagnostic, Place, has_errors

_NOWHERE = Place(file="")
_make_step = maker(Step)


@dataclass(frozen=True, slots=True)
class _Match:
    """A manifest entry with the repositories that its address may mean, and the label that both are shown under."""

    entry: DesiredRepository
    found: tuple[LiveRepository, ...]
    label: str


def plan(desired: Desired, live: Live, *, diagnostics: Iterable[Diagnostic] = (), flags: Flags = NO_FLAGS) -> Plan:
    """Plan every entry of the manifest against the live state; `diagnostics` of reading the manifest go along."""
    directory = Directory(live)
    resolved = resolve(desired, live, directory)
    matches = [_match(entry, directory) for entry in resolved.entries]
    twice = _named_twice(matches)
    named = {one.id for match in matches for one in match.found}
    unnamed = [one for one in live.repositories if one.id not in named]
    reset = tuple(pruned(unnamed, directory)) if desired.settings.prune or flags.prune else ()
    steps = sorted((*(_step(match, directory, twice) for match in matches), *reset), key=_order)
    touched = {step.id for step in reset}
    return Plan(
        organization=live.organization,
        steps=tuple(steps),
        diagnostics=(*diagnostics, *resolved.problems, *problems(steps)),
        unlisted=tuple(sorted(directory.label(one) for one in unnamed if one.id not in touched)),
        guard=judge(steps, rules(desired.settings, flags, steps)),
    )


def _order(step: Step) -> tuple[str, Place]:
    return step.repository, step.place or _NOWHERE


def _match(entry: DesiredRepository, directory: Directory) -> _Match:
    found = directory.find(entry.address)
    return _Match(entry, found, directory.label(found[0]) if len(found) == 1 else str(entry.address))


def _named_twice(matches: Iterable[_Match]) -> dict[str, Place]:
    """For each repository that several entries mean (`x` and `/x`), where the first of them stands."""
    places: dict[str, list[Place]] = {}
    for match in matches:
        if len(match.found) == 1:
            places.setdefault(match.found[0].id, []).append(match.entry.place)
    return {id_: min(found) for id_, found in places.items() if len(found) > 1}


def _step(match: _Match, directory: Directory, twice: dict[str, Place]) -> Step:
    if has_errors(match.entry.problems):
        found = match.found[0].id if len(match.found) == 1 else None
        return replace(_blocked(match, ReasonCode.CONFLICTING), id=found)
    match match.found:
        case ():
            return _absent(match, directory)
        case (repository,):
            first = twice.get(repository.id)
            if first is not None and first != match.entry.place:
                return _blocked(match, ReasonCode.NAMED_TWICE, str(first))
            return _present(match, repository)
        case several:
            return _blocked(match, ReasonCode.AMBIGUOUS, *sorted(directory.label(one) for one in several))


def _present(match: _Match, repository: LiveRepository) -> Step:
    before = repository.overlay
    if isinstance(before, Unreadable):
        reason = Reason(code=ReasonCode.UNREADABLE, names=(before.problem,))
        return Step(
            repository=match.label, id=repository.id, action=Action.UNKNOWN, reason=reason, place=match.entry.place
        )
    after = wanted(match.entry, before)
    changes = diff(before, after)
    if match.entry.protect and (gone := losses(changes, after)):
        return replace(_blocked(match, ReasonCode.PROTECTED, *gone), id=repository.id)
    action, code = _decision(match.entry, changed=bool(changes))
    return _make_step(
        repository=match.label,
        id=repository.id,
        action=action,
        reason=Reason(code=code),
        place=match.entry.place,
        changes=changes,
        unmanaged=_unmanaged(match.entry, before),
        before=before,
        after=after,
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


def _absent(match: _Match, directory: Directory) -> Step:
    source = match.entry.source
    if source is None:
        return _blocked(match, ReasonCode.NOT_FOUND, *nearest(str(match.entry.address), directory.labels()))
    found = directory.find(source)
    if len(found) != 1:
        others = sorted(directory.label(one) for one in found) or nearest(str(source), directory.labels())
        return _blocked(match, ReasonCode.SOURCE_NOT_FOUND, str(source), *others)
    after = wanted(match.entry, EMPTY)
    return Step(
        repository=match.label,
        id=found[0].id,
        action=Action.CREATE,
        reason=Reason(code=ReasonCode.MISSING, names=(directory.label(found[0]),)),
        place=match.entry.place,
        changes=diff(EMPTY, after),
        before=EMPTY,
        after=after,
    )


def _blocked(match: _Match, code: ReasonCode, *names: str) -> Step:
    reason = Reason(code=code, names=names)
    return Step(repository=match.label, id=None, action=Action.BLOCKED, reason=reason, place=match.entry.place)
