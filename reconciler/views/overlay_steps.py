"""The steps of overlays and bindings in the public documents, their effects, and what a step of any kind is about."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, NotRequired, TypeAlias

from pydantic import Field as Schema
from typing_extensions import TypedDict

from reconciler.core.bindings import SelectorKind, TagSelector
from reconciler.core.diff import Change, diff
from reconciler.core.steps import Action, AnyStep, BindingStep, OverlayStep, Reach, Scope, Step, TagEffect
from reconciler.views.steps import Position, overlay_reason_sentence, position
from reconciler.views.values import ChangeDocument, Count, change_document, ordered

Selector: TypeAlias = Annotated[str | list[str] | None, Schema(description="`all`, `dev`, or a list of exact tags.")]
OverlayActionName = Annotated[
    str, Schema(json_schema_extra={"enum": ["create", "update", "delete", "none", "blocked", "unknown"]})
]


class ReachDocument(TypedDict):
    """The repositories, by name, and the number of tags whose images change."""

    repositories: Count
    tags: Count
    names: list[str]


class ScopeDocument(TypedDict):
    """Scope of a binding."""

    kind: Literal["organization", "folder", "repository"]
    id: Annotated[str | None, Schema(description="Null where it does not exist.")]
    name: str


class _StepFields(TypedDict):
    name: str
    id: Annotated[str | None, Schema(description="Null where it does not exist yet.")]
    action: OverlayActionName
    reason: str
    reason_code: str
    file: str | None
    line: Position
    column: Position
    reaches: Annotated[ReachDocument, Schema(description="What the step by itself changes, in the order of the steps.")]
    caused: NotRequired[Annotated[bool, Schema(description="With `--base`: whether the change causes it.")]]


class OverlayStepDocument(_StepFields):
    """Step for one overlay of the organization."""

    kind: Literal["overlay"]
    changes: list[ChangeDocument]


class BindingStepDocument(_StepFields):
    """Step for one binding of an overlay to a repository, or to all of a folder or the organization."""

    kind: Literal["binding"]
    scope: ScopeDocument
    overlay: str
    overlay_id: Annotated[str | None, Schema(description="Null where the overlay does not exist yet.")]
    selector: Annotated[
        Selector, Schema(description="The tags that get the overlay; of a deletion, those that got it.")
    ]
    selector_before: Annotated[Selector, Schema(description="Null where the binding does not exist yet.")]


class OverlayCountsDocument(TypedDict):
    """The number of steps of overlays, or of bindings, by action; `unchanged` are those whose action is `none`."""

    create: Count
    update: Count
    delete: Count
    unchanged: Count
    blocked: Count
    unknown: Count


class EffectTagsDocument(TypedDict):
    """Tags of one repository."""

    repository: str
    tags: list[str]


class EffectDocument(TypedDict):
    """The same change of the effective configuration of several tags."""

    changes: list[ChangeDocument]
    reaches: ReachDocument
    tags: list[EffectTagsDocument]


def step_counts(steps: Iterable[OverlayStep | BindingStep]) -> OverlayCountsDocument:
    """Return the number of steps by action."""
    found = Counter(step.action for step in steps)
    return {
        "create": found[Action.CREATE],
        "update": found[Action.UPDATE],
        "delete": found[Action.DELETE],
        "unchanged": found[Action.NONE],
        "blocked": found[Action.BLOCKED],
        "unknown": found[Action.UNKNOWN],
    }


def overlay_step_document(step: OverlayStep | BindingStep) -> OverlayStepDocument | BindingStepDocument:
    """Return one step; that of a binding has no changes but the selectors of both sides."""
    if isinstance(step, OverlayStep):
        changes = [change_document(change) for change in ordered(step.changes)]
        return {"kind": "overlay", **_fields(step, step.name), "changes": changes}
    return {
        "kind": "binding",
        **_fields(step, step.label),
        "scope": scope_document(step.scope),
        "overlay": step.overlay,
        "overlay_id": step.overlay_id,
        "selector": selected(step.before if step.after is None else step.after),
        "selector_before": selected(step.before),
    }


def _fields(step: OverlayStep | BindingStep, name: str) -> _StepFields:
    file, line, column = position(step.place)
    return {
        "name": name,
        "id": step.id,
        "action": str(step.action),
        "reason": overlay_reason_sentence(step.reason),
        "reason_code": str(step.reason.code),
        "file": file,
        "line": line,
        "column": column,
        "reaches": _reach(step.reaches),
    }


def scope_document(scope: Scope) -> ScopeDocument:
    """Return the scope of a binding; its id is null where it does not exist."""
    return {"kind": scope.kind.value, "id": scope.id or None, "name": scope.label}


def _reach(reach: Reach) -> ReachDocument:
    return {"repositories": len(reach.repositories), "tags": reach.tags, "names": list(reach.repositories)}


def selected(selector: TagSelector | None) -> Selector:
    """Return a selector as a manifest has it: `all`, `dev`, or a list of tags; None for none."""
    match selector:
        case None:
            return None
        case TagSelector(kind=SelectorKind.EXACT):
            return list(selector.tags)
        case _:
            return str(selector)


def effect_documents(effects: Iterable[TagEffect]) -> list[EffectDocument]:
    """Return what changes in the images, the same changes once, with the tags of each repository that they concern."""
    alike: dict[tuple[Change, ...], dict[str, set[str]]] = {}
    known: dict[tuple[int, int], tuple[Change, ...]] = {}
    for effect in effects:
        key = id(effect.before), id(effect.after)
        if key not in known:
            known[key] = diff(effect.before, effect.after)
        alike.setdefault(known[key], {}).setdefault(effect.repository, set()).update(effect.tags)
    return [
        {
            "changes": [change_document(change) for change in ordered(changes)],
            "reaches": {
                "repositories": len(found),
                "tags": sum(map(len, found.values())),
                "names": sorted(found),
            },
            "tags": [{"repository": name, "tags": sorted(found[name])} for name in sorted(found)],
        }
        for changes, found in alike.items()
    ]


class SubjectDocument(TypedDict):
    """Subject of a step; `repository` is present for repositories, `scope` and `overlay` for bindings."""

    subject: Literal["repository", "overlay", "binding"]
    name: str
    repository: NotRequired[str]
    scope: NotRequired[str]
    overlay: NotRequired[str]


def subject(step: AnyStep) -> SubjectDocument:
    """Return what a step is about: a repository, an overlay or a binding, and the name that people know it by."""
    match step:
        case Step():
            return {"repository": step.repository, "subject": "repository", "name": step.repository}
        case OverlayStep():
            return {"subject": "overlay", "name": step.name}
        case BindingStep():
            return {"subject": "binding", "name": step.label, "scope": step.scope.label, "overlay": step.overlay}
