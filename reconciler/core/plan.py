"""A plan: for every repository of the manifest one step with its action, its reason and its changes."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.diff import Change
from reconciler.core.live import Organization
from reconciler.core.model import Overlay, Section
from reconciler.diagnostics import Diagnostic, Place


class Action(StrEnum):
    """What a step does to its repository."""

    CREATE = "create"
    UPDATE = "update"
    RESET = "reset"
    NONE = "none"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.RESET})


class ReasonCode(StrEnum):
    """Why a step does what it does; the views turn it into a sentence."""

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
    REVERTED = "reverted"
    UNBUILDABLE = "unbuildable"
    UNRESOLVED = "unresolved"


# The step is planned, and its own rules forbid to carry it out.
_REFUSED = frozenset({ReasonCode.PROTECTED, ReasonCode.UNRESOLVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why, with the names or the text that the sentence needs."""

    code: ReasonCode
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the plan intends for one repository.

    `id` is the repository's UIDP; for a creation it is that of the repository to create from. `before` and `after`
    are the whole overlays on both sides, None where they are not known. `unmanaged` are the sections that hold
    something live and that the manifest leaves alone. `place` is None where no line of the manifest asks for the step.
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

    @property
    def writes(self) -> bool:
        """Whether an apply sends something for this step."""
        return self.action in WRITES

    @property
    def planned(self) -> bool:
        """Whether it is known what the step would have to do; one that a protection stops is planned all the same."""
        unplanned = self.action in (Action.UNKNOWN, Action.BLOCKED)
        return not unplanned or self.reason.code in _REFUSED


class LimitSource(StrEnum):
    """Who set the guard's limit."""

    COMMAND_LINE = "command-line"
    MANIFEST = "manifest"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """What the guard of a plan goes by.

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
        """The share of the covered repositories that lose something, from 0 to 1."""
        return len(self.losing) / self.rules.covered if self.rules.covered else 0.0


DEFAULT_LIMIT = 0.3
NO_GUARD = Guard(rules=GuardRules(limit=DEFAULT_LIMIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every step, ordered by repository, with the problems found on the way.

    `unlisted` are live repositories that the manifest does not name and that are not touched. `left_out` are
    repositories that the plan would be about, had the selection not left them out.
    """

    organization: Organization
    steps: tuple[Step, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    unlisted: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    guard: Guard = NO_GUARD

    @property
    def writes(self) -> tuple[Step, ...]:
        """The steps that an apply carries out."""
        return tuple(step for step in self.steps if step.writes)

    @property
    def complete(self) -> bool:
        """Whether every repository of the manifest was read and planned."""
        return all(step.planned for step in self.steps)

    @property
    def failed(self) -> bool:
        """Whether the manifest asks for something impossible, so that nothing of it may be applied."""
        return any(step.action is Action.BLOCKED and not step.planned for step in self.steps)

    @property
    def refused(self) -> bool:
        """Whether the guard or a protection forbids to apply anything of it."""
        return bool(self.guard.refusals) or any(step.reason.code in _REFUSED for step in self.steps)

    @property
    def applyable(self) -> bool:
        """Whether an apply of this plan would send something."""
        return bool(self.writes) and not self.failed and not self.refused

    def counts(self) -> dict[Action, int]:
        """The number of steps for each action."""
        found = Counter(step.action for step in self.steps)
        return {action: found[action] for action in Action}
