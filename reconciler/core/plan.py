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
    something live and that the manifest leaves alone.
    """

    repository: str
    id: str | None
    action: Action
    reason: Reason
    place: Place
    changes: tuple[Change, ...] = ()
    unmanaged: tuple[Section, ...] = ()
    before: Overlay | None = None
    after: Overlay | None = None

    @property
    def writes(self) -> bool:
        """Whether an apply sends something for this step."""
        return self.action in WRITES


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every step, ordered by repository, with the problems found on the way.

    `unlisted` are live repositories that the manifest does not name: they are never touched. `left_out` are
    repositories that the manifest names and the selection left out.
    """

    organization: Organization
    steps: tuple[Step, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    unlisted: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[Step, ...]:
        """The steps that an apply carries out."""
        return tuple(step for step in self.steps if step.writes)

    @property
    def complete(self) -> bool:
        """Whether every repository of the manifest was read and planned."""
        return not any(step.action in (Action.UNKNOWN, Action.BLOCKED) for step in self.steps)

    @property
    def failed(self) -> bool:
        """Whether the manifest asks for something impossible, so that nothing of it may be applied."""
        return any(step.action is Action.BLOCKED for step in self.steps)

    @property
    def applyable(self) -> bool:
        """Whether an apply of this plan would send something."""
        return bool(self.writes) and not self.failed

    def counts(self) -> dict[Action, int]:
        """The number of steps for each action."""
        found = Counter(step.action for step in self.steps)
        return {action: found[action] for action in Action}
