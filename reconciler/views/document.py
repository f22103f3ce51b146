"""The public plan document: what every format of a plan is made from, and what `--format json` prints.

Ordering, counting, grouping and masking happen here, once. A consumer must accept new keys; a changed meaning raises
the major number of `FORMAT_VERSION`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.core.model import Section
from reconciler.core.plan import Action, Plan, ReasonCode, Step
from reconciler.views.problems import diagnostic_document
from reconciler.views.reasons import sentence
from reconciler.views.values import change_document, ordered

FORMAT_VERSION = "1.0"
GROUP_FROM = 3

_COUNTED = {
    "create": Action.CREATE,
    "update": Action.UPDATE,
    "reset": Action.RESET,
    "unchanged": Action.NONE,
    "blocked": Action.BLOCKED,
    "unknown": Action.UNKNOWN,
}


def plan_document(plan: Plan, *, api: str, tool_version: str) -> dict[str, Any]:
    """The plan as plain data: dictionaries, lists, strings, numbers; not yet made safe for any format."""
    counts = plan.counts()
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "api": api,
        "organization": {"id": plan.organization.id, "name": plan.organization.name},
        "complete": plan.complete,
        "applyable": plan.applyable,
        "counts": {name: counts[action] for name, action in _COUNTED.items()},
        "steps": [_step(step) for step in plan.steps],
        "groups": _groups(plan.writes),
        "unlisted": _names(plan.unlisted),
        "left_out": _names(plan.left_out),
        "diagnostics": [diagnostic_document(diagnostic) for diagnostic in plan.diagnostics],
    }


def _names(names: Sequence[str]) -> dict[str, Any]:
    return {"count": len(names), "names": sorted(names)}


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
        "file": step.place.file,
        "line": step.place.line,
        "column": step.place.column,
        "changes": [change_document(change) for change in ordered(step.changes)],
        "unmanaged": [str(section) for section in step.unmanaged],
    }


def _source(step: Step) -> str | None:
    return step.reason.names[0] if step.reason.code is ReasonCode.MISSING and step.reason.names else None


def _groups(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Changes that several repositories share to the last value, each with those repositories."""
    alike: dict[object, list[Step]] = {}
    for step in steps:
        alike.setdefault((step.action, _source(step), step.changes), []).append(step)
    return [_group(found) for found in alike.values() if len(found) >= GROUP_FROM]


def _group(steps: Sequence[Step]) -> dict[str, Any]:
    first = _step(steps[0])
    unmanaged = Counter(section for step in steps for section in step.unmanaged)
    return {
        "repositories": [step.repository for step in steps],
        "action": first["action"],
        "source": first["source"],
        "changes": first["changes"],
        "unmanaged": [{"section": str(one), "repositories": unmanaged[one]} for one in Section if unmanaged[one]],
    }
