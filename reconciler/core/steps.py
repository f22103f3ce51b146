"""Steps of a plan for repositories, overlays and bindings, and their effect on the images.

Overlays have neither etags nor versions, so a step holds everything that an apply compares with the live state before
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
    OWNED_BY_OTHER = "owned-by-other"
    HAS_CUSTOMIZATION = "has-customization"
    BOUND = "bound"
    NOT_NAMED = "not-named"
    OVERLAY_NOT_FOUND = "overlay-not-found"
    TAGS_NOT_FOUND = "tags-not-found"


# The step is planned, but its own rules forbid applying it.
REFUSED = frozenset({ReasonCode.PROTECTED, ReasonCode.UNRESOLVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason with the names or the text that its sentence needs."""

    code: ReasonCode
    names: tuple[str, ...] = ()


class WillBuild(StrEnum):
    """Prediction of a repository's builds after a step.

    `WOULD_FIX` and `WOULD_BREAK` compare with its latest builds; `FAILS_ALREADY` if these fail and nothing shows that
    the change mends it; `NO` if there are none to compare with; `UNKNOWN` also for a step that writes nothing.
    """

    YES = "yes"
    NO = "no"
    FAILS_ALREADY = "fails_already"
    WOULD_FIX = "would_fix"
    WOULD_BREAK = "would_break"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The plan's intent for one repository.

    `id` is the repository's UIDP; for a creation it is that of the repository to create from. `before` and `after` are
    the whole overlays, None if unknown. `unmanaged` are the sections with live content that the manifest leaves alone.
    `place` is None if no line of the manifest requests the step. `entry` is the manifest entry of the step with the
    layers of its globs; None if there is none, and in a saved plan. `problems` are the reasons for blocking a step with
    reason `INVALID`; a saved plan has them among its own. `location` is the folder and the name of the repository `id`,
    None in plans of earlier versions. `owner` and `labels` are those of the entry.
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
    owner: str = ""
    labels: Labels = ()

    @property
    def label(self) -> str:
        """Return the label of the repository."""
        return self.repository

    @property
    def key(self) -> str:
        """Return the unique name of the step in its plan: the label, which has no colon."""
        return self.repository

    @property
    def writes(self) -> bool:
        """Return whether an apply writes this step."""
        return self.action in WRITES

    @property
    def planned(self) -> bool:
        """Return whether the changes of the step are known; a protected step has them too."""
        unplanned = self.action in (Action.UNKNOWN, Action.BLOCKED)
        return not unplanned or self.reason.code in REFUSED


class ScopeKind(StrEnum):
    """Kind of a scope; the first two kinds cover every repository below, present and future."""

    ORGANIZATION = "organization"
    FOLDER = "folder"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The object that an overlay is bound to: its UIDP and its label."""

    kind: ScopeKind
    id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The repositories, by sorted label, and the number of tags whose images a step changes."""

    repositories: tuple[str, ...] = ()
    tags: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStep:
    """The plan's intent for one overlay, identified by its name in the organization.

    `id` is its UIDP, None before it is created. `before` and `after` are the whole configurations, None before a
    creation and after a deletion.
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
        """Return the name."""
        return self.name

    @property
    def key(self) -> str:
        """Return the unique name of the step in its plan."""
        return f"overlay:{self.name}"

    @property
    def writes(self) -> bool:
        """Return whether an apply writes this step."""
        return self.action in WRITES

    @property
    def planned(self) -> bool:
        """Return whether it is known what the step would have to do."""
        return self.action not in (Action.UNKNOWN, Action.BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingStep:
    """The plan's intent for one binding: an overlay on one scope, at most once.

    `id` is the UIDP of the binding, None before it is created; `overlay_id` that of the overlay, None if the same plan
    creates it. `before` and `after` are the selectors, None before a creation and after a deletion. `content` is the
    fingerprint of an overlay that the manifest does not hold, as the plan found it; "" for others.
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
    content: str = ""
    reaches: Reach = Reach()
    problems: tuple[Diagnostic, ...] = field(default=(), compare=False, repr=False)

    @property
    def label(self) -> str:
        """Return overlay and scope, such as `typer on python`."""
        return f"{self.overlay} on {self.scope.label}"

    @property
    def key(self) -> str:
        """Return the unique name of the step in its plan."""
        return f"binding:{self.scope.id or self.scope.label}:{self.overlay}"

    @property
    def writes(self) -> bool:
        """Return whether an apply writes this step."""
        return self.action in WRITES

    @property
    def planned(self) -> bool:
        """Return whether it is known what the step would have to do."""
        return self.action not in (Action.UNKNOWN, Action.BLOCKED)


AnyStep = Step | OverlayStep | BindingStep


@dataclass(frozen=True, slots=True, kw_only=True)
class TagEffect:
    """Tags of one repository, sorted, whose effective configuration changes in the same way.

    `repository` is its label, `id` its UIDP. Tags that no binding matches any more have an empty `after`.
    """

    repository: str
    id: str
    tags: tuple[str, ...]
    before: Overlay
    after: Overlay
