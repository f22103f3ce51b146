"""A plan: one step for each repository of the manifest, with its action, its reason and its changes.

The guard counts the covered repositories that lose something. A loss is a package, a variable or another item that is
present before and absent after, under any value. A changed value, another version of the same package, and additions
are not losses. `planner` computes the steps.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.core.bindings import NOT_READ, Bindings
from reconciler.core.diff import Change, ChangeKind, Value, diff, has_key
from reconciler.core.overlay import Group, Overlay
from reconciler.core.state import Organization, Settings
from reconciler.core.steps import REFUSED, Action, BindingStep, OverlayStep, ReasonCode, Step, TagEffect
from reconciler.diagnostics import Diagnostic, listed


class LimitSource(StrEnum):
    """Source of the guard's limit."""

    COMMAND_LINE = "command-line"
    MANIFEST = "manifest"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """Rules of the guard.

    `covered` is the number of live repositories that the manifest covers, those that `prune` adds among them; `named`
    the number of repositories that it names itself. A plan of a part of the manifest keeps both. `prune` is true as
    well where overlays are pruned by a manifest that names nothing at all.
    """

    limit: float
    limit_from: LimitSource = LimitSource.DEFAULT
    prune: bool = False
    covered: int = 0
    named: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The guard's figures: `losing` are the repositories that the plan takes something away from.

    `refusals` say why nothing of the plan may be applied; there is none where it may.
    """

    rules: GuardRules
    losing: tuple[str, ...] = ()
    refusals: tuple[Diagnostic, ...] = ()

    @property
    def ratio(self) -> float:
        """Return the ratio of covered repositories that lose something, from 0 to 1."""
        return len(self.losing) / self.rules.covered if self.rules.covered else 0.0


DEFAULT_LIMIT = 0.3
NO_GUARD = Guard(rules=GuardRules(limit=DEFAULT_LIMIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every step, ordered by repository, with the problems found on the way.

    `unlisted` are live repositories that the manifest does not name and that are not touched. `left_out` are
    repositories that the plan would be about, had the selection not left them out. `bindings` are those that were
    known when it was planned. `overlay_steps` are those of overlays and bindings in the order in which they are
    written, and `effects` what all of them change in the images. With `skip_blocked` what is blocked is left out of an
    apply, and does not keep the others from it.
    """

    organization: Organization
    steps: tuple[Step, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    unlisted: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    guard: Guard = NO_GUARD
    bindings: Bindings = NOT_READ
    overlay_steps: tuple[OverlayStep | BindingStep, ...] = ()
    effects: tuple[TagEffect, ...] = ()
    skip_blocked: bool = False

    @property
    def writes(self) -> tuple[Step, ...]:
        """Return the steps that an apply writes."""
        return tuple(step for step in self.steps if step.writes)

    @property
    def overlay_writes(self) -> tuple[OverlayStep | BindingStep, ...]:
        """Return the steps of overlays and bindings that an apply writes."""
        return tuple(step for step in self.overlay_steps if step.writes)

    @property
    def complete(self) -> bool:
        """Return whether every repository of the manifest was read and planned."""
        return all(step.planned for step in (*self.steps, *self.overlay_steps))

    @property
    def failed(self) -> bool:
        """Return whether the manifest requests something impossible, so that none of the plan may be applied."""
        return not self.skip_blocked and bool(self.blocked)

    @property
    def blocked(self) -> tuple[Step | OverlayStep | BindingStep, ...]:
        """Return the steps that the manifest requests and that are impossible."""
        every = (*self.steps, *self.overlay_steps)
        return tuple(step for step in every if step.action is Action.BLOCKED and not step.planned)

    @property
    def refused(self) -> bool:
        """Return whether the guard or a protection refuses the plan."""
        return bool(self.guard.refusals) or any(step.reason.code in REFUSED for step in self.steps)

    @property
    def applyable(self) -> bool:
        """Return whether an apply would write anything."""
        return bool(self.writes or self.overlay_writes) and not self.failed and not self.refused

    def counts(self) -> dict[Action, int]:
        """Return the number of steps for each action."""
        found = Counter(step.action for step in self.steps)
        return {action: found[action] for action in Action}


# With fewer repositories a percentage means little: one of three is a third.
FEWEST_COVERED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardFlags:
    """The command-line overrides of the manifest's settings; `max_removal` None is "not given".

    `take_over` allows to write repositories that another owner's run wrote last.
    """

    prune: bool = False
    prune_overlays: bool = False
    max_removal: float | None = None
    take_over: bool = False


NO_FLAGS = GuardFlags()


def losses(changes: Iterable[Change], after: Overlay) -> tuple[str, ...]:
    """Return what the changes remove, named as `contents.packages git` or `environment NODE_ENV`."""
    return tuple(dict.fromkeys(_place(change) for change in changes if _loses(change, after)))


def lost_by(effect: TagEffect) -> tuple[str, ...]:
    """Return what tags lose, as `losses` does."""
    return losses(diff(effect.before, effect.after), effect.after)


def _place(change: Change) -> str:
    return f"{change.field} {change.key}".rstrip()


def _loses(change: Change, after: Overlay) -> bool:
    if change.kind is ChangeKind.REMOVE:
        return not has_key(after, change.field, change.key)
    return change.kind is ChangeKind.CHANGE and not _items(change.before) <= _items(change.after)


def _items(value: Value | None) -> frozenset[str]:
    """Return the parts of a value that can be lost separately: repositories of a list, members of a group."""
    match value:
        case tuple():
            return frozenset(map(str, value))
        case Group(members=members):
            return frozenset(members)
        case _:
            return frozenset()


def guard_rules(
    settings: Settings,
    flags: GuardFlags,
    steps: Sequence[Step],
    *,
    overlay_steps: Sequence[OverlayStep | BindingStep] = (),
    also: Iterable[str] = (),
) -> GuardRules:
    """Return the guard's rules for a plan of the whole manifest; the command line goes before the settings.

    `also` are the UIDPs of live repositories that the overlays and bindings of the manifest cover.
    """
    limit, source = _limit(settings, flags)
    there = {step.id for step in steps if step.id is not None and step.action is not Action.CREATE}
    named = sum(step.place is not None for step in steps)
    nothing_named = not named and all(step.place is None for step in overlay_steps)
    prunes_all = nothing_named and (settings.prune_overlays or flags.prune_overlays)
    return GuardRules(
        limit=limit,
        limit_from=source,
        prune=settings.prune or flags.prune or prunes_all,
        covered=len(there.union(also)),
        named=named,
    )


def _limit(settings: Settings, flags: GuardFlags) -> tuple[float, LimitSource]:
    if flags.max_removal is not None:
        return flags.max_removal, LimitSource.COMMAND_LINE
    if settings.max_removal is not None:
        return settings.max_removal, LimitSource.MANIFEST
    return DEFAULT_LIMIT, LimitSource.DEFAULT


def judge_guard(
    steps: Iterable[Step],
    by: GuardRules,
    *,
    effects: Iterable[TagEffect] = (),
    covered: str = "covered by the manifest",
) -> Guard:
    """Return the guard's figures of a plan with these steps and effects, and the reasons for refusing it.

    `covered` is the refusal's wording for the counted repositories.
    """
    found = [step.repository for step in steps if step.writes and _takes_away(step)]
    found += [effect.repository for effect in effects if lost_by(effect)]
    losing = tuple(dict.fromkeys(found))
    return Guard(rules=by, losing=losing, refusals=tuple(_refusals(losing, by, covered)))


def _takes_away(step: Step) -> bool:
    after = step.after
    if after is not None:
        for change in step.changes:
            if _loses(change, after):
                return True
    return False


def _refusals(losing: Sequence[str], by: GuardRules, covered: str) -> Iterator[Diagnostic]:
    if by.prune and not by.named:
        yield _empty_manifest()
    elif by.covered >= FEWEST_COVERED and len(losing) / by.covered > by.limit:
        yield _too_many(losing, by, covered)


def _empty_manifest() -> Diagnostic:
    return Diagnostic(
        code="prune-with-empty-manifest",
        summary="prune with an empty manifest would remove every customization",
        hint="add repositories to the manifest, or set `reset: true` on each one to reset; no flag overrides this",
    )


def _too_many(losing: Sequence[str], by: GuardRules, covered: str) -> Diagnostic:
    count = len(losing)
    needed = -(-100 * count // by.covered)
    ratio = f"{100 * count / by.covered:.1f}".removesuffix(".0")
    return Diagnostic(
        code="removal-guard",
        summary=(
            f"{count:,} of the {by.covered:,} repositories {covered} would lose content "
            f"({ratio}%); the limit is {percent(by.limit)} ({_SOURCES[by.limit_from]})"
        ),
        detail=f"affected: {listed(losing)}",
        hint=f"check the affected repositories, then allow it with `--max-removal {needed}%`",
    )


_SOURCES = {
    LimitSource.COMMAND_LINE: "from --max-removal",
    LimitSource.MANIFEST: "from the manifest settings",
    LimitSource.DEFAULT: "default",
}


def percent(ratio: float) -> str:
    """Return a ratio as a percentage, such as `30%` or `12.5%`."""
    return f"{ratio * 100:.4g}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Steps that write or are blocked, with the changes of each part only; a repository may be in several parts.

    `caused_overlays` are the keys of the steps of overlays and bindings that only the second plan has.
    """

    caused: tuple[Step, ...] = ()
    already_different: tuple[Step, ...] = ()
    no_longer: tuple[Step, ...] = ()
    caused_overlays: frozenset[str] = frozenset()


# Found by checks of packages, which the base plan has not been through.
_OF_PACKAGES = frozenset({ReasonCode.UNBUILDABLE, ReasonCode.UNRESOLVED})


def compare(base: Plan, head: Plan) -> Comparison:
    """Compare two plans made against the same live state: return the parts of `head`, and those only in `base`.

    What `head` blocks is still requested: the part that `base` would write as well is different already.
    """
    before, after, known = _writes(base), _writes(head), _overlay_writes(base)
    problems = {_problem(step) for step in base.steps}
    caused: list[Step] = []
    already: list[Step] = []
    for step in head.steps:
        other = before.get(step.repository)
        if step.writes:
            caused += _part(step, other, shared=False)
            already += _part(step, other, shared=True)
        elif step.action is not Action.BLOCKED:
            continue
        elif _problem(step) in problems or (step.reason.code in _OF_PACKAGES and _changes(other) == _changes(step)):
            already.append(step)
        else:
            known_changes = _changes(other)
            caused.append(replace(step, changes=tuple(one for one in step.changes if one not in known_changes)))
            if other is not None and step.repository not in after:
                already += _part(other, step, shared=True)
    unwritten = {step.repository: step for step in head.steps if step.action in (Action.BLOCKED, Action.UNKNOWN)}
    return Comparison(
        caused=tuple(caused),
        already_different=tuple(already),
        no_longer=tuple(_no_longer(before.values(), unwritten | after)),
        caused_overlays=frozenset(key for key, written in _overlay_writes(head).items() if known.get(key) != written),
    )


def _no_longer(steps: Iterable[Step], wanted: dict[str, Step]) -> Iterator[Step]:
    """Return what is not requested any more; of a repository whose changes are unknown, nothing is known to be."""
    for step in steps:
        other = wanted.get(step.repository)
        if other is None or other.writes or other.changes:
            yield from _part(step, other, shared=False)


def _overlay_writes(plan: Plan) -> dict[str, tuple[object, ...]]:
    """Return what each step of an overlay or a binding comes to, by its key."""
    return {step.key: (step.action, step.before, step.after) for step in plan.overlay_writes}


def _writes(plan: Plan) -> dict[str, Step]:
    return {step.repository: step for step in plan.writes}


def _problem(step: Step) -> tuple[object, ...]:
    return step.repository, step.action, step.reason.code, step.changes


def _changes(step: Step | None) -> frozenset[Change]:
    return frozenset(step.changes) if step is not None else frozenset()


def _part(step: Step, other: Step | None, *, shared: bool) -> Iterator[Step]:
    """Return the step with only those changes that the other one shares, or lacks; nothing where there are none."""
    known = _changes(other)
    changes = tuple(change for change in step.changes if (change in known) is shared)
    creates = step.action is Action.CREATE and (other is None or other.writes)
    if changes or (creates and _creation(step, other) is shared):
        yield replace(step, changes=changes)


def _creation(step: Step, other: Step | None) -> bool:
    """Return whether both plans create the repository from the same source."""
    return other is not None and (step.action, step.id) == (other.action, other.id)
