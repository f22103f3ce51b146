"""The public plan document: what every format of a plan is made from, and what `--format json` prints.

Ordering, counting, grouping and masking happen here, once. A consumer must accept new keys; a changed meaning raises
the major number of `FORMAT_VERSION`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.overlay import Section
from reconciler.core.plan import Action, Guard, Plan, ReasonCode, Step
from reconciler.views.problems import diagnostic_document
from reconciler.views.reasons import sentence
from reconciler.views.resolved import resolved_document
from reconciler.views.times import rfc3339
from reconciler.views.values import change_document, ordered

if TYPE_CHECKING:
    from reconciler.core.events import Forecast
    from reconciler.core.plan import Comparison
    from reconciler.core.resolution import ResolvedChange

FORMAT_VERSION = "1.0"
GROUP_FROM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a plan was drawn from where that is a file: its `kind` (`plan` or `snapshot`), when and by what it was made.

    `created` is in seconds since the epoch; `manifest_digest` None where the file is of live state.
    """

    kind: str
    created: float
    tool_version: str
    manifest_digest: str | None = None


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
    comparison: "Comparison | None" = None,
    forecast: "Forecast | None" = None,
    resolved: Mapping[str, "ResolvedChange"] | None = None,
    checked: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The plan as plain data: dictionaries, lists, strings, numbers; not yet made safe for any format.

    `origin` is that of a saved plan or of a snapshot; `comparison` tells what a change of the manifest causes;
    `forecast` what an apply would set going; `resolved` what repositories would get in the end, by their names;
    `checked` what was asked to find out, None where nothing was.
    """
    counts = plan.counts()
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "api": api,
        "organization": {"id": plan.organization.id, "name": plan.organization.name},
        "complete": plan.complete,
        "applyable": plan.applyable,
        "counts": {name: counts[action] for name, action in _COUNTED.items()},
        "steps": [{**_step(step), **_resolved(step, resolved or {})} for step in plan.steps],
        "groups": _groups(plan.writes),
        "unlisted": _names(plan.unlisted),
        "left_out": _names(plan.left_out),
        "guard": _guard(plan.guard),
        "diagnostics": [diagnostic_document(diagnostic) for diagnostic in plan.diagnostics],
        **_origin(origin),
        **_comparison(comparison),
        **({} if checked is None else {"checked": dict(checked)}),
        **_forecast(forecast),
    }


def _names(names: Sequence[str]) -> dict[str, Any]:
    return {"count": len(names), "names": sorted(names)}


def _guard(guard: Guard) -> dict[str, Any]:
    rules = guard.rules
    return {
        "refused": bool(guard.refusals),
        "covered": rules.covered,
        "losing": _names(guard.losing),
        "share": round(guard.share, 4),
        "limit": rules.limit,
        "limit_from": str(rules.limit_from),
        "prune": rules.prune,
        "refusals": [diagnostic_document(refusal) for refusal in guard.refusals],
    }


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


def _comparison(comparison: "Comparison | None") -> dict[str, Any]:
    """The parts of a comparison as steps, and below `part_groups` the changes that several of a part share."""
    if comparison is None:
        return {}
    parts = {
        "caused": comparison.caused,
        "already_different": comparison.already_different,
        "no_longer": comparison.no_longer,
    }
    return {
        **{name: [_step(step) for step in steps] for name, steps in parts.items()},
        "part_groups": {name: _groups(steps) for name, steps in parts.items()},
    }


def _step(step: Step) -> dict[str, Any]:
    creates = step.action is Action.CREATE
    return {
        "repository": step.repository,
        # A creation carries the id of the repository that it is made from; the new one has none yet.
        "id": None if creates else step.id,
        "action": str(step.action),
        "reason": sentence(step.reason),
        "reason_code": str(step.reason.code),
        "source": {"repository": _source(step), "id": step.id} if creates else None,
        "file": step.place.file if step.place else None,
        "line": step.place.line if step.place else None,
        "column": step.place.column if step.place else None,
        "changes": [change_document(change) for change in ordered(step.changes)],
        "unmanaged": [str(section) for section in step.unmanaged],
    }


def _forecast(forecast: "Forecast | None") -> dict[str, Any]:
    if forecast is None:
        return {}
    from reconciler.views.forecast_document import forecast_document  # most plans of a day change nothing

    return {"forecast": forecast_document(forecast)}


def _resolved(step: Step, resolved: Mapping[str, "ResolvedChange"]) -> dict[str, Any]:
    change = resolved.get(step.repository)
    return {} if change is None else {"resolved": resolved_document(change)}


def _source(step: Step) -> str | None:
    return step.reason.names[0] if step.reason.code is ReasonCode.MISSING and step.reason.names else None


def _groups(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Changes that several repositories share to the last value, each with those repositories."""
    alike: dict[object, list[Step]] = {}
    for step in steps:
        alike.setdefault((step.action, step.reason.code, _source(step), step.changes), []).append(step)
    return [_group(found) for found in alike.values() if len(found) >= GROUP_FROM]


def _group(steps: Sequence[Step]) -> dict[str, Any]:
    first = _step(steps[0])
    unmanaged = Counter(section for step in steps for section in step.unmanaged)
    return {
        "repositories": [step.repository for step in steps],
        "action": first["action"],
        "source": first["source"],
        "reason_code": first["reason_code"],
        "changes": first["changes"],
        "unmanaged": [{"section": str(one), "repositories": unmanaged[one]} for one in Section if unmanaged[one]],
    }
