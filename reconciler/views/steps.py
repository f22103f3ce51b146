"""The steps for repositories in the public document, what several of them share, and reasons in words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, NotRequired

from pydantic import Field as Schema
from typing_extensions import TypedDict

from reconciler.core.overlay import Section
from reconciler.core.resolution import ResolvedChange
from reconciler.core.steps import Action, Reason, ReasonCode, Step, WillBuild
from reconciler.diagnostics import Place
from reconciler.views.values import (
    ChangeDocument,
    OverlayItemDocument,
    SectionName,
    change_document,
    ordered,
    overlay_document,
)

GROUP_FROM = 3
Position = Annotated[int, Schema(ge=1)] | None
ActionName = Annotated[
    str, Schema(json_schema_extra={"enum": ["create", "update", "reset", "none", "blocked", "unknown"]})
]
WillBuildName = Annotated[
    str,
    Schema(
        description="Whether images will build with the change, according to the latest builds and the API.",
        json_schema_extra={"enum": ["yes", "no", "fails_already", "would_fix", "would_break", "unknown"]},
    ),
]


class PlaceDocument(TypedDict):
    """A position in a manifest."""

    file: str
    line: int
    column: int


class SourceDocument(TypedDict):
    """Source of a new repository."""

    repository: str | None
    id: str | None


class PackageDocument(TypedDict):
    """A package with its version."""

    name: str
    version: str


class PackageChangeDocument(TypedDict):
    """A package whose version changes."""

    name: str
    before: str
    after: str


class PackagesDifferenceDocument(TypedDict):
    """The packages that come, go or change their version."""

    added: list[PackageDocument]
    removed: list[PackageDocument]
    changed: list[PackageChangeDocument]


class ResolvedDocument(PackagesDifferenceDocument):
    """Changes of a step to the installed packages."""

    packages: Annotated[list[str], Schema(description="Every package that would be installed, as `name=version`.")]
    compared: Annotated[bool, Schema(description="Whether it is known what is installed now.")]


class StepDocument(TypedDict):
    """Step for one repository."""

    kind: NotRequired[Literal["repository"]]
    name: NotRequired[str]
    repository: str
    id: Annotated[str | None, Schema(description="Null where the repository does not exist yet or was not found.")]
    action: ActionName
    reason: Annotated[str, Schema(description="Why, in words that may change.")]
    reason_code: Annotated[str, Schema(pattern="^[a-z]+(-[a-z]+)*$", description="Why, for programs.")]
    source: Annotated[SourceDocument | None, Schema(description="Null for every action but `create`.")]
    file: Annotated[str | None, Schema(description="Where the manifest asks for it; null where no line of it does.")]
    line: Position
    column: Position
    changes: list[ChangeDocument]
    unmanaged: Annotated[list[SectionName], Schema(description="Sections that hold something and are left alone.")]
    will_build: NotRequired[WillBuildName]
    resolved: NotRequired[Annotated[ResolvedDocument, Schema(description="What would be installed, where known.")]]
    overlay: NotRequired[
        Annotated[list[OverlayItemDocument], Schema(description="The whole overlay on both sides of a write.")]
    ]
    active_tags: NotRequired[Annotated[list[str], Schema(description="The tags that Chainguard builds at present.")]]


class UnmanagedDocument(TypedDict):
    """A section that is left alone, and in how many repositories of a group."""

    section: SectionName
    repositories: Annotated[int, Schema(ge=1)]


class GroupedDocument(TypedDict):
    """A change that three or more repositories share to the last value."""

    repositories: Annotated[list[str], Schema(min_length=3)]
    action: ActionName
    source: SourceDocument | None
    reason_code: NotRequired[str]
    changes: list[ChangeDocument]
    will_build: NotRequired[WillBuildName]
    unmanaged: list[UnmanagedDocument]


class ProblemGroupDocument(TypedDict):
    """Repositories that are blocked or unknown for the same reason, with the entries that it comes from."""

    repositories: list[str]
    action: Annotated[str, Schema(json_schema_extra={"enum": ["blocked", "unknown"]})]
    reason: str
    reason_code: str
    places: list[PlaceDocument]
    changes: Annotated[list[ChangeDocument], Schema(description="The changes that all of them share.")]
    will_build: NotRequired[WillBuildName]


_SENTENCES = {
    ReasonCode.MISSING: "does not exist and is created from {first}",
    ReasonCode.DIFFERS: "differs from the manifest",
    ReasonCode.RESET_ASKED: "the manifest requests a reset",
    ReasonCode.AS_WANTED: "matches the manifest",
    ReasonCode.ALREADY_RESET: "already has no customization",
    ReasonCode.NOTHING_MANAGED: "the manifest manages none of its sections",
    ReasonCode.NOT_FOUND: "repository not found{all_perhaps}",
    ReasonCode.AMBIGUOUS: "the name is ambiguous: use one of {all}",
    ReasonCode.NAMED_TWICE: "already defined at {first}",
    ReasonCode.SOURCE_NOT_FOUND: "source repository {first} not found or ambiguous{other_perhaps}",
    ReasonCode.UNREADABLE: "cannot read the live overlay: {first}",
    ReasonCode.PRUNED: "not in the manifest, and prune is enabled",
    ReasonCode.PROTECTED: "protected, and the manifest would remove {all}",
    ReasonCode.INVALID: "the API would reject it",
    ReasonCode.REVERTED: "restored to its state before run {first}",
    ReasonCode.UNBUILDABLE: "would not build: {all}",
    ReasonCode.UNRESOLVED: "not confirmed to resolve, which the manifest requires (require_resolve)",
    ReasonCode.OWNED_BY_OTHER: "owned by {first}, whose run wrote it last",
    ReasonCode.HAS_BINDINGS: "uses Overlays and cannot have a standard customization: {all}",
    ReasonCode.HAS_CUSTOMIZATION: "has a standard customization, and overlays cannot be bound to it: {all}",
    ReasonCode.BOUND: "gets its content from overlays",
    ReasonCode.NOT_NAMED: "not in the manifest",
    ReasonCode.OVERLAY_NOT_FOUND: "overlay not found{all_perhaps}",
    ReasonCode.TAGS_NOT_FOUND: "no such tags: {all}",
    ReasonCode.CONFLICTING: "conflicting values in the manifest",
}


# Of overlays and bindings, where the words for a repository do not fit.
_OF_OVERLAYS = {
    ReasonCode.MISSING: "does not exist",
    ReasonCode.NOT_FOUND: "folder not found{all_perhaps}",
    ReasonCode.AMBIGUOUS: "several folders own an overlay of this name",
    ReasonCode.UNREADABLE: "cannot read what is live: {first}",
    ReasonCode.NOT_NAMED: "not in the manifest, which manages the bindings of its scope",
}


def overlay_reason_sentence(reason: Reason) -> str:
    """Return the reason of a step of an overlay or a binding in words."""
    return _worded(_OF_OVERLAYS.get(reason.code, _SENTENCES[reason.code]), reason)


def reason_sentence(reason: Reason) -> str:
    """Return the reason in words, without a period; it can contain untrusted names, not yet made safe."""
    return _worded(_SENTENCES[reason.code], reason)


def _worded(sentence: str, reason: Reason) -> str:
    return sentence.format(
        first=reason.names[0] if reason.names else "?",
        all=", ".join(reason.names),
        all_perhaps=_perhaps(reason.names),
        other_perhaps=_perhaps(reason.names[1:]),
    )


def _perhaps(names: tuple[str, ...]) -> str:
    return f"; did you mean {' or '.join(names)}?" if names else ""


def step_document(step: Step) -> StepDocument:
    """Return one step without what a command can ask for besides."""
    creates = step.action is Action.CREATE
    file, line, column = position(step.place)
    return {
        "kind": "repository",
        "name": step.repository,
        "repository": step.repository,
        # A creation carries the id of the repository that it is made from; the new one has none yet.
        "id": None if creates else step.id,
        "action": str(step.action),
        "reason": reason_sentence(step.reason),
        "reason_code": str(step.reason.code),
        "source": {"repository": _source(step), "id": step.id} if creates else None,
        "file": file,
        "line": line,
        "column": column,
        "changes": [change_document(change) for change in ordered(step.changes)],
        "unmanaged": [str(section) for section in step.unmanaged],
        "will_build": str(step.will_build),
    }


def position(place: Place | None) -> tuple[str | None, int | None, int | None]:
    """Return file, line and column as documents have them: null where there is no place."""
    return (place.file, place.line, place.column) if place else (None, None, None)


def whole_step_document(
    step: Step, resolved: Mapping[str, ResolvedChange], tags: Mapping[str, Sequence[str]], *, overlays: bool
) -> StepDocument:
    """Return a step with what the command asked for besides, where it is known."""
    document = step_document(step)
    change = resolved.get(step.repository)
    if change is not None:
        document["resolved"] = resolved_document(change)
    if overlays and step.writes and step.before is not None and step.after is not None:
        document["overlay"] = overlay_document(step.before, step.after)
    # The id of a creation is that of another repository.
    if step.id is not None and step.action is not Action.CREATE and step.id in tags:
        document["active_tags"] = list(tags[step.id])
    return document


def resolved_document(change: ResolvedChange) -> ResolvedDocument:
    """Return the difference as plain data."""
    return {
        "packages": list(change.packages),
        "compared": change.compared,
        **difference_document(change),
    }


def difference_document(change: ResolvedChange) -> PackagesDifferenceDocument:
    """Return the packages that come, go or change their version as plain data."""
    return {
        "added": [{"name": name, "version": version} for name, version in change.added],
        "removed": [{"name": name, "version": version} for name, version in change.removed],
        "changed": [{"name": name, "before": before, "after": after} for name, before, after in change.changed],
    }


def _source(step: Step) -> str | None:
    return step.reason.names[0] if step.reason.code is ReasonCode.MISSING and step.reason.names else None


def group_documents(steps: Iterable[Step]) -> list[GroupedDocument]:
    """Return changes that several repositories share to the last value, each with those repositories."""
    alike: dict[object, list[Step]] = {}
    for step in steps:
        key = (step.action, step.reason.code, _source(step), step.changes, step.will_build)
        alike.setdefault(key, []).append(step)
    return [_group(found) for found in alike.values() if len(found) >= GROUP_FROM]


def problem_group_documents(steps: Iterable[Step]) -> list[ProblemGroupDocument]:
    """Return repositories that cannot be planned for the same reason; `changes` are those that all of them share."""
    alike: dict[tuple[Action, Reason, WillBuild], list[Step]] = {}
    for step in steps:
        if step.action in (Action.BLOCKED, Action.UNKNOWN):
            alike.setdefault((step.action, step.reason, step.will_build), []).append(step)
    return [_problem_group(found) for found in alike.values() if len(found) >= GROUP_FROM]


def _problem_group(steps: Sequence[Step]) -> ProblemGroupDocument:
    same = all(step.changes == steps[0].changes for step in steps)
    places = dict.fromkeys(step.place for step in steps if step.place is not None)
    return {
        "repositories": [step.repository for step in steps],
        "action": str(steps[0].action),
        "reason": reason_sentence(steps[0].reason),
        "reason_code": str(steps[0].reason.code),
        "places": [{"file": one.file, "line": one.line, "column": one.column} for one in places],
        "changes": [change_document(change) for change in ordered(steps[0].changes)] if same else [],
        "will_build": str(steps[0].will_build),
    }


def _group(steps: Sequence[Step]) -> GroupedDocument:
    first = step_document(steps[0])
    unmanaged = Counter(section for step in steps for section in step.unmanaged)
    return {
        "repositories": [step.repository for step in steps],
        "action": first["action"],
        "source": first["source"],
        "reason_code": first["reason_code"],
        "changes": first["changes"],
        "will_build": first["will_build"],
        "unmanaged": [{"section": str(one), "repositories": unmanaged[one]} for one in Section if unmanaged[one]],
    }
