"""The public plan document: what every format of a plan is made from, and what `--format json` prints.

Ordering, counting, grouping and masking happen here, once. A consumer must accept new keys; a changed meaning raises
the major number of `FORMAT_VERSION`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from reconciler.core.bindings import Bindings, UnknownBindings
from reconciler.core.forecast import BuildForecast, Durations, Forecast, NoForecast
from reconciler.core.overlay import Section
from reconciler.core.plan import Comparison, Guard, Plan
from reconciler.core.resolution import ResolvedChange
from reconciler.core.steps import Action, BindingStep, OverlayStep, Reason, ReasonCode, Step, WillBuild
from reconciler.views.diagnostics import diagnostic_document
from reconciler.views.overlay_steps import effect_documents, overlay_step_document, step_counts
from reconciler.views.plan_schema import (
    BindingsDocument,
    ForecastDocument,
    GroupedDocument,
    GuardDocument,
    NamesDocument,
    PackagesDifferenceDocument,
    ProblemGroupDocument,
    ResolvedDocument,
    SecondsDocument,
    StepDocument,
)
from reconciler.views.reasons import reason_sentence
from reconciler.views.text import rfc3339
from reconciler.views.values import change_document, ordered, overlay_document

FORMAT_VERSION = "1.0"
GROUP_FROM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """File that a plan comes from: its `kind` (`plan` or `snapshot`), when and by what it was made.

    `created` is in seconds since the epoch; `manifest_digest` None where the file is of live state.
    """

    kind: str
    created: float
    tool_version: str
    manifest_digest: str | None = None


_WRITES = (Action.CREATE, Action.UPDATE, Action.RESET)
_COUNTED = {
    "create": Action.CREATE,
    "update": Action.UPDATE,
    "reset": Action.RESET,
    "unchanged": Action.NONE,
    "blocked": Action.BLOCKED,
    "unknown": Action.UNKNOWN,
}


def plan_document(
    plan: Plan,
    *,
    api: str,
    tool_version: str,
    origin: Origin | None = None,
    comparison: Comparison | None = None,
    forecast: Forecast | None = None,
    resolved: Mapping[str, ResolvedChange] | None = None,
    checked: Mapping[str, int] | None = None,
    overlays: bool = False,
    active_tags: Mapping[str, Sequence[str]] | None = None,
    manifest: str | None = None,
) -> dict[str, Any]:
    """Return the plan as plain data: dictionaries, lists, strings, numbers; not yet made safe for any format.

    `origin` is that of a saved plan or of a snapshot; `comparison` tells what a change of the manifest causes;
    `forecast` what an apply would set going; `resolved` what repositories would get in the end, by their names;
    `checked` what was asked to find out, None where nothing was. With `overlays` every step that writes has its whole
    overlay on both sides; `active_tags` are the tags that Chainguard builds, by the id of their repository. `manifest`
    is the owner of the manifest, else its path.
    """
    counts, tags = plan.counts(), active_tags or {}
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "api": api,
        "organization": {"id": plan.organization.id, "name": plan.organization.name},
        "complete": plan.complete,
        "applyable": plan.applyable,
        "counts": {name: counts[action] for name, action in _COUNTED.items()},
        "overlay_counts": step_counts(one for one in plan.overlay_steps if isinstance(one, OverlayStep)),
        "binding_counts": step_counts(one for one in plan.overlay_steps if isinstance(one, BindingStep)),
        "steps": [
            *(overlay_step_document(step) | _caused(step, comparison) for step in plan.overlay_steps),
            *(_whole_step(step, resolved or {}, tags, overlays=overlays) for step in plan.steps),
        ],
        "effects": effect_documents(plan.effects),
        "groups": _groups(plan.writes),
        "problem_groups": _problem_groups(plan.steps),
        "unlisted": _names(plan.unlisted),
        "left_out": _names(plan.left_out),
        "guard": _guard(plan.guard),
        "bindings": _bindings(plan.bindings),
        "diagnostics": [diagnostic_document(diagnostic) for diagnostic in plan.diagnostics],
        **({"skip_blocked": True} if plan.skip_blocked else {}),
        **({"manifest": manifest} if manifest else {}),
        **_origin(origin),
        **_comparison(comparison),
        **({} if checked is None else {"checked": dict(checked)}),
        **_forecast(forecast),
    }


def _names(names: Sequence[str]) -> NamesDocument:
    return {"count": len(names), "names": sorted(names)}


def _guard(guard: Guard) -> GuardDocument:
    rules = guard.rules
    return {
        "refused": bool(guard.refusals),
        "covered": rules.covered,
        "losing": _names(guard.losing),
        "share": round(guard.ratio, 4),
        "limit": rules.limit,
        "limit_from": str(rules.limit_from),
        "prune": rules.prune,
        "refusals": [diagnostic_document(refusal) for refusal in guard.refusals],
    }


def _bindings(bindings: Bindings) -> BindingsDocument:
    """Return what was known of the overlays that are bound to repositories."""
    if isinstance(bindings, UnknownBindings):
        return {"known": False, "count": None, "problem": bindings.problem}
    return {"known": True, "count": len(bindings), "problem": None}


def _origin(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {}
    return {
        "origin": {
            "kind": origin.kind,
            "created": rfc3339(origin.created),
            "tool_version": origin.tool_version,
            "manifest_digest": origin.manifest_digest,
        }
    }


def _caused(step: OverlayStep | BindingStep, comparison: Comparison | None) -> dict[str, bool]:
    return {} if comparison is None or not step.writes else {"caused": step.key in comparison.caused_overlays}


def _comparison(comparison: Comparison | None) -> dict[str, Any]:
    """Return the parts of a comparison as steps, and below `part_groups` the changes that several of a part share."""
    if comparison is None:
        return {}
    parts = {
        "caused": comparison.caused,
        "already_different": comparison.already_different,
        "no_longer": comparison.no_longer,
    }
    return {
        **{name: [_step(step) for step in steps] for name, steps in parts.items()},
        "caused_counts": {str(action): sum(step.action is action for step in comparison.caused) for action in _WRITES},
        "part_groups": {name: _groups(steps) for name, steps in parts.items()},
    }


def _step(step: Step) -> StepDocument:
    creates = step.action is Action.CREATE
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
        "file": step.place.file if step.place else None,
        "line": step.place.line if step.place else None,
        "column": step.place.column if step.place else None,
        "changes": [change_document(change) for change in ordered(step.changes)],
        "unmanaged": [str(section) for section in step.unmanaged],
        "will_build": str(step.will_build),
    }


def _forecast(forecast: Forecast | None) -> dict[str, Any]:
    if forecast is None:
        return {}

    return {"forecast": forecast_document(forecast)}


def _whole_step(
    step: Step, resolved: Mapping[str, ResolvedChange], tags: Mapping[str, Sequence[str]], *, overlays: bool
) -> StepDocument:
    """Return a step with what the command asked for besides, where it is known."""
    document = _step(step)
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


def _groups(steps: Iterable[Step]) -> list[GroupedDocument]:
    """Return changes that several repositories share to the last value, each with those repositories."""
    alike: dict[object, list[Step]] = {}
    for step in steps:
        key = (step.action, step.reason.code, _source(step), step.changes, step.will_build)
        alike.setdefault(key, []).append(step)
    return [_group(found) for found in alike.values() if len(found) >= GROUP_FROM]


def _problem_groups(steps: Iterable[Step]) -> list[ProblemGroupDocument]:
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
    first = _step(steps[0])
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


def forecast_document(forecast: Forecast) -> ForecastDocument:
    """Return the forecast as plain data; `builds` is null if the number is not known."""
    match forecast:
        case BuildForecast(repositories=repositories, builds=builds, unknown=unknown, durations=durations):
            return {
                "repositories": repositories,
                "builds": builds or None,
                "unknown": {"count": len(unknown), "names": list(unknown)},
                "seconds": _seconds(durations),
                "problem": None,
            }
        case NoForecast(problem=problem):
            return {"repositories": None, "builds": None, "unknown": None, "seconds": None, "problem": problem}
        case _:
            assert_never(forecast)


def _seconds(durations: Durations | None) -> SecondsDocument | None:
    if durations is None:
        return None
    return {"median": round(durations.middle, 3), "longest": round(durations.longest, 3), "of": durations.of}
