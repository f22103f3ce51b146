"""The steps of a plan: what it intends for one repository, one overlay or one binding, and what changes in the images.

Overlays have neither etags nor versions, so that a step holds all that an apply compares with the live state before
it writes: the whole configuration of an overlay, the whole selector of a binding.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.bindings import TagSelector
from reconciler.core.diff import Change
from reconciler.core.overlay import Overlay, Section
from reconciler.core.state import Address, DesiredRepository, Labels
from reconciler.diagnostics import Diagnostic, Place


class Action(StrEnum):
    """Action of a step."""

    CREATE = "create"
    UPDATE = "update"
    RESET = "reset"
    DELETE = "delete"  # of an overlay or a binding; repositories are never deleted
    NONE = "none"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.RESET, Action.DELETE})


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
REFUSED = frozenset({ReasonCode.PROTECTED, ReasonCode.UNRESOLVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason with the names or the text that its sentence needs."""

    code: ReasonCode
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the plan intends for one repository.

    `id` is the repository's UIDP; for a creation it is that of the repository to create from. `before` and `after`
    are the whole overlays on both sides, None where they are not known. `unmanaged` are the sections that hold
    something live and that the manifest leaves alone. `place` is None where no line of the manifest asks for the step.
    `entry` is the entry of the manifest that the step comes from, with the layers of its globs; None where there is
    none, and in a plan that was saved.
    `problems` are why a step of reason `INVALID` is blocked; a saved plan has them among its own.
    `owner` and `labels` are those of the entry.
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
    owner: str = ""
    labels: Labels = ()

    @property
    def writes(self) -> bool:
        """Return whether an apply writes this step."""
        return self.action in WRITES

    @property
    def planned(self) -> bool:
        """Whether it is known what the step would have to do; one that a protection stops is planned all the same."""
        unplanned = self.action in (Action.UNKNOWN, Action.BLOCKED)
        return not unplanned or self.reason.code in REFUSED


class ScopeKind(StrEnum):
    """What an overlay is bound to; with the first two it holds for every repository below, present and future."""

    ORGANIZATION = "organization"
    FOLDER = "folder"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an overlay is bound to: its UIDP, and the label that a person knows it by."""

    kind: ScopeKind
    id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The repositories, by label and sorted, and the number of tags whose images a step changes."""

    repositories: tuple[str, ...] = ()
    tags: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStep:
    """What the plan intends for one overlay, which is found by its name in the organization.

    `id` is its UIDP, None before it is created. `before` and `after` are the whole configurations, None where there is
    none: before a creation, after a deletion.
    """

    name: str
    id: str | None
    action: Action
    reason: Reason
    place: Place | None
    changes: tuple[Change, ...] = ()
    before: Overlay | None = None
    after: Overlay | None = None
    reaches: Reach = Reach()
    problems: tuple[Diagnostic, ...] = field(default=(), compare=False, repr=False)

    @property
    def label(self) -> str:
        """Return the name, as every step has a label."""
        return self.name

    @property
    def writes(self) -> bool:
        """Return whether an apply writes this step."""
        return self.action in WRITES


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingStep:
    """What the plan intends for one binding: an overlay on one scope, at most once.

    `id` is the UIDP of the binding, None before it is created; `overlay_id` that of the overlay, None where the same
    plan creates it. `before` and `after` are the selectors, None before a creation and after a deletion.
    """

    scope: Scope
    overlay: str
    overlay_id: str | None
    id: str | None
    action: Action
    reason: Reason
    place: Place | None
    before: TagSelector | None = None
    after: TagSelector | None = None
    reaches: Reach = Reach()
    problems: tuple[Diagnostic, ...] = field(default=(), compare=False, repr=False)

    @property
    def label(self) -> str:
        """Return what is bound to what, such as `typer on python`."""
        return f"{self.overlay} on {self.scope.label}"

    @property
    def writes(self) -> bool:
        """Return whether an apply writes this step."""
        return self.action in WRITES


@dataclass(frozen=True, slots=True, kw_only=True)
class TagEffect:
    """The tags of one repository, sorted, that get the same new effective configuration in place of the same old one.

    `repository` is its label, `id` its UIDP. Tags that nothing matches any more have an empty `after`.
    """

    repository: str
    id: str
    tags: tuple[str, ...]
    before: Overlay
    after: Overlay
