"""The steps of overlays and bindings, and their effect on the images, as plain data for the public document."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeAlias

from reconciler.core.bindings import SelectorKind, TagSelector
from reconciler.core.diff import Change, diff
from reconciler.core.steps import Action, BindingStep, OverlayStep, Reach, TagEffect
from reconciler.diagnostics import Place
from reconciler.views.reasons import overlay_reason_sentence
from reconciler.views.values import change_document, ordered

Selected: TypeAlias = str | list[str] | None

COUNTED = {
    "create": Action.CREATE,
    "update": Action.UPDATE,
    "delete": Action.DELETE,
    "unchanged": Action.NONE,
    "blocked": Action.BLOCKED,
    "unknown": Action.UNKNOWN,
}


def step_counts(steps: Iterable[OverlayStep | BindingStep]) -> dict[str, int]:
    """Return the number of steps by action."""
    found = Counter(step.action for step in steps)
    return {name: found[action] for name, action in COUNTED.items()}


def overlay_step_document(step: OverlayStep | BindingStep) -> dict[str, Any]:
    """Return one step; that of a binding has no changes but the selectors of both sides."""
    shared = {
        "id": step.id,
        "action": str(step.action),
        "reason": overlay_reason_sentence(step.reason),
        "reason_code": str(step.reason.code),
        **_place(step.place),
        "reaches": _reach(step.reaches),
    }
    if isinstance(step, OverlayStep):
        changes = [change_document(change) for change in ordered(step.changes)]
        return {"kind": "overlay", "name": step.name, **shared, "changes": changes}
    scope = {"kind": str(step.scope.kind), "id": step.scope.id or None, "name": step.scope.label}
    return {
        "kind": "binding",
        "name": step.label,
        **shared,
        "scope": scope,
        "overlay": step.overlay,
        "overlay_id": step.overlay_id,
        "selector": selected(step.before if step.after is None else step.after),
        "selector_before": selected(step.before),
    }


def _place(place: Place | None) -> dict[str, Any]:
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


def _reach(reach: Reach) -> dict[str, Any]:
    return {"repositories": len(reach.repositories), "tags": reach.tags, "names": list(reach.repositories)}


def selected(selector: TagSelector | None) -> Selected:
    """Return a selector as a manifest has it: `all`, `dev`, or a list of tags; None for none."""
    match selector:
        case None:
            return None
        case TagSelector(kind=SelectorKind.EXACT):
            return list(selector.tags)
        case _:
            return str(selector)


def effect_documents(effects: Iterable[TagEffect]) -> list[dict[str, Any]]:
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
