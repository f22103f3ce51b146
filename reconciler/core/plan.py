"""A plan: for every repository of the manifest one step with its action, its reason and its changes.

The guard counts how many of the covered repositories a plan takes something away from. A loss is a package, a variable
or any other item that is there and will not be any more, under any value. Another value, another version of the same
package, and everything that is added are none. What a plan does is decided in `planner`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reconciler.core.bindings import NOT_READ, Bindings
from reconciler.core.diff import Change, ChangeKind, Value, has_key
from reconciler.core.overlay import Group, Overlay, Section
from reconciler.core.state import Address, DesiredRepository, Organization, Settings
from reconciler.diagnostics import Diagnostic, Place, listed


class Action(StrEnum):
    """Action of a step."""

    CREATE = "create"
    UPDATE = "update"
    RESET = "reset"
    NONE = "none"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.RESET})


class ReasonCode(StrEnum):
    """Reason of a step; the views turn it into a sentence."""

    MISSING = "missing"
    DIFFERS = "differs"
    RESET_ASKED = "reset-asked"
    AS_WANTED = "as-wanted"
    ALREADY_RESET = "already-reset"
    NOTHING_MANAGED = "nothing-managed"
    NOT_FOUND = "not-found"
    AMBIGUOUS = "ambiguous"
    NAMED_TWICE = "named-twice"
    SOURCE_NOT_FOUND = "source-not-found"
    UNREADABLE = "unreadable"
    CONFLICTING = "conflicting"
    PRUNED = "pruned"
    PROTECTED = "protected"
    INVALID = "invalid"
    REVERTED = "reverted"
    UNBUILDABLE = "unbuildable"
    UNRESOLVED = "unresolved"
    HAS_BINDINGS = "has-bindings"


# The step is planned, and its own rules forbid to carry it out.
_REFUSED = frozenset({ReasonCode.PROTECTED, ReasonCode.UNRESOLVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason with the names or the text that its sentence needs."""

    code: ReasonCode
    names: tuple[str, ...] = ()


class WillBuild(StrEnum):
    """Whether the images of a repository will build with what a step writes.

    `WOULD_FIX` and `WOULD_BREAK` compare with its latest builds; `FAILS_ALREADY` where these fail, and nothing shows
    that the change mends it; `NO` where there are none to compare with; `UNKNOWN` also for a step that writes nothing.
    """

    YES = "yes"
    NO = "no"
    FAILS_ALREADY = "fails_already"
    WOULD_FIX = "would_fix"
    WOULD_BREAK = "would_break"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the plan intends for one repository.

    `id` is the repository's UIDP; for a creation it is that of the repository to create from. `before` and `after`
    are the whole overlays on both sides, None where they are not known. `unmanaged` are the sections that hold
    something live and that the manifest leaves alone. `place` is None where no line of the manifest asks for the step.
    `entry` is the entry of the manifest that the step comes from, with the layers of its globs; None where there is
    none, and in a plan that was saved.
    `problems` are why a step of reason `INVALID` is blocked; a saved plan has them among its own.
    `location` is the folder and the name of the repository that `id` is, None in plans of versions that did not tell.
    """

    repository: str
    id: str | None
    action: Action
    reason: Reason
    place: Place | None
    changes: tuple[Change, ...] = ()
    unmanaged: tuple[Section, ...] = ()
    before: Overlay | None = None
    after: Overlay | None = None
    entry: DesiredRepository | None = field(default=None, compare=False, repr=False)
    problems: tuple[Diagnostic, ...] = field(default=(), compare=False, repr=False)
    location: Address | None = None
    will_build: WillBuild = WillBuild.UNKNOWN

    @property
    def writes(self) -> bool:
        """Return whether an apply writes this step."""
        return self.action in WRITES

    @property
    def planned(self) -> bool:
        """Whether it is known what the step would have to do; one that a protection stops is planned all the same."""
        unplanned = self.action in (Action.UNKNOWN, Action.BLOCKED)
        return not unplanned or self.reason.code in _REFUSED


class LimitSource(StrEnum):
    """Source of the guard's limit."""

    COMMAND_LINE = "command-line"
    MANIFEST = "manifest"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """Rules of the guard.

    `covered` is the number of live repositories that the manifest covers, those that `prune` adds among them; `named`
    the number of repositories that it names itself. A plan of a part of the manifest keeps both.
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
    def share(self) -> float:
        """Return the ratio of covered repositories that lose something, from 0 to 1."""
        return len(self.losing) / self.rules.covered if self.rules.covered else 0.0


DEFAULT_LIMIT = 0.3
NO_GUARD = Guard(rules=GuardRules(limit=DEFAULT_LIMIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every step, ordered by repository, with the problems found on the way.

    `unlisted` are live repositories that the manifest does not name and that are not touched. `left_out` are
    repositories that the plan would be about, had the selection not left them out. `bindings` are those that were
    known when it was planned.
    """

    organization: Organization
    steps: tuple[Step, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    unlisted: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    guard: Guard = NO_GUARD
    bindings: Bindings = NOT_READ

    @property
    def writes(self) -> tuple[Step, ...]:
        """Return the steps that an apply writes."""
        return tuple(step for step in self.steps if step.writes)

    @property
    def complete(self) -> bool:
        """Return whether every repository of the manifest was read and planned."""
        return all(step.planned for step in self.steps)

    @property
    def failed(self) -> bool:
        """Whether the manifest asks for something impossible, so that nothing of it may be applied."""
        return any(step.action is Action.BLOCKED and not step.planned for step in self.steps)

    @property
    def refused(self) -> bool:
        """Return whether the guard or a protection refuses the plan."""
        return bool(self.guard.refusals) or any(step.reason.code in _REFUSED for step in self.steps)

    @property
    def applyable(self) -> bool:
        """Return whether an apply would write anything."""
        return bool(self.writes) and not self.failed and not self.refused

    def counts(self) -> dict[Action, int]:
        """Return the number of steps for each action."""
        found = Counter(step.action for step in self.steps)
        return {action: found[action] for action in Action}


# With fewer repositories a percentage means little: one of three is a third.
FEWEST_COVERED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardFlags:
    """What the command line says on top of the manifest's settings; `max_removal` None when it says nothing."""

    prune: bool = False
    max_removal: float | None = None


NO_FLAGS = GuardFlags()


def losses(changes: Iterable[Change], after: Overlay) -> tuple[str, ...]:
    """Return what the changes remove, named as `contents.packages git` or `environment NODE_ENV`."""
    return tuple(dict.fromkeys(_place(change) for change in changes if _loses(change, after)))


def _place(change: Change) -> str:
    return f"{change.field} {change.key}".rstrip()


def _loses(change: Change, after: Overlay) -> bool:
    if change.kind is ChangeKind.REMOVE:
        return not has_key(after, change.field, change.key)
    return change.kind is ChangeKind.CHANGE and not _items(change.before) <= _items(change.after)


def _items(value: Value | None) -> frozenset[str]:
    """What a value holds that can be lost by itself: the repositories of a list, the members of a group."""
    match value:
        case tuple():
            return frozenset(map(str, value))
        case Group(members=members):
            return frozenset(members)
        case _:
            return frozenset()


def guard_rules(settings: Settings, flags: GuardFlags, steps: Sequence[Step]) -> GuardRules:
    """What the guard goes by for a plan of the whole manifest: the command line before the settings."""
    limit, source = _limit(settings, flags)
    there = sum(step.id is not None and step.action is not Action.CREATE for step in steps)
    return GuardRules(
        limit=limit,
        limit_from=source,
        prune=settings.prune or flags.prune,
        covered=there,
        named=sum(step.place is not None for step in steps),
    )


def _limit(settings: Settings, flags: GuardFlags) -> tuple[float, LimitSource]:
    if flags.max_removal is not None:
        return flags.max_removal, LimitSource.COMMAND_LINE
    if settings.max_removal is not None:
        return settings.max_removal, LimitSource.MANIFEST
    return DEFAULT_LIMIT, LimitSource.DEFAULT


def judge_guard(steps: Iterable[Step], by: GuardRules, *, covered: str = "covered by the manifest") -> Guard:
    """The figures of a plan with these steps, and why it may not be applied where it may not.

    `covered` says in the refusal what makes the repositories those that are counted.
    """
    losing = tuple(step.repository for step in steps if step.writes and _takes_away(step))
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
        summary="prune with an empty manifest would reset every repository",
        hint="add repositories to the manifest, or set `reset: true` on each one to reset; no flag overrides this",
    )


def _too_many(losing: Sequence[str], by: GuardRules, covered: str) -> Diagnostic:
    count = len(losing)
    needed = -(-100 * count // by.covered)
    share = f"{100 * count / by.covered:.1f}".removesuffix(".0")
    return Diagnostic(
        code="removal-guard",
        summary=(
            f"{count:,} of the {by.covered:,} repositories {covered} would lose content "
            f"({share}%); the limit is {percent(by.limit)} ({_SOURCES[by.limit_from]})"
        ),
        detail=f"affected: {listed(losing)}",
        hint=f"check the affected repositories, then allow it with `--max-removal {needed}%`",
    )


_SOURCES = {
    LimitSource.COMMAND_LINE: "from --max-removal",
    LimitSource.MANIFEST: "from the manifest settings",
    LimitSource.DEFAULT: "default",
}


def percent(share: float) -> str:
    """Return a ratio as a percentage, such as `30%` or `12.5%`."""
    return f"{share * 100:.4g}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Writing steps with the changes that belong to each part only; a repository may stand in several of them."""

    caused: tuple[Step, ...] = ()
    already_different: tuple[Step, ...] = ()
    no_longer: tuple[Step, ...] = ()


def compare(base: Plan, head: Plan) -> Comparison:
    """The parts of `head`, and what only `base` would do; both were planned against the same live state."""
    return Comparison(
        caused=tuple(_only(head.writes, _writes(base), shared=False)),
        already_different=tuple(_only(head.writes, _writes(base), shared=True)),
        no_longer=tuple(_only(base.writes, _writes(head), shared=False)),
    )


def _writes(plan: Plan) -> dict[str, Step]:
    return {step.repository: step for step in plan.writes}


def _only(steps: Iterable[Step], others: dict[str, Step], *, shared: bool) -> Iterator[Step]:
    """The steps with those of their changes that the other plan has as well, or has not."""
    for step in steps:
        other = others.get(step.repository)
        known = frozenset(other.changes) if other is not None else frozenset()
        changes = tuple(change for change in step.changes if (change in known) is shared)
        if changes or (_creation(step, other) is shared and step.action is Action.CREATE):
            yield replace(step, changes=changes)


def _creation(step: Step, other: Step | None) -> bool:
    """Whether both plans create the repository from the same source."""
    return other is not None and (step.action, step.id) == (other.action, other.id)
