"""Every case is a data file: what is live, what the manifest asks of overlays and bindings, and the plan of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.core import planner
from reconciler.core.diff import diff
from reconciler.core.plan import Plan
from reconciler.core.steps import BindingStep, OverlayStep, Step, TagEffect
from tests.core.test_planner import shown_change
from tests.support.bindings import desired_state, live_state

CASES = sorted((Path(__file__).parent / "overlay_cases").glob("*.yaml"))


def shown_step(step: OverlayStep | BindingStep) -> str:
    what = f"{step.action} {step.label}"
    if isinstance(step, OverlayStep):
        told = [shown_change(change) for change in step.changes]
    else:
        told = [" -> ".join(str(one) for one in (step.before, step.after) if one is not None)]
    names = f" ({', '.join(step.reason.names)})" if step.reason.names else ""
    reaches = f" @ {step.reaches.tags} tags of {', '.join(step.reaches.repositories)}" if step.reaches.tags else ""
    return f"{what} [{step.reason.code}{names}]: {'; '.join(filter(None, told))}{reaches}"


def shown_effect(effect: TagEffect) -> str:
    told = "; ".join(map(shown_change, diff(effect.before, effect.after)))
    return f"{effect.repository} {', '.join(effect.tags)}: {told}"


def shown_repository(step: Step) -> str:
    return f"{step.action} {step.repository} [{step.reason.code}]"


def shown(plan: Plan) -> dict[str, Any]:
    found = {
        "steps": list(map(shown_step, plan.overlay_steps)),
        "repositories": list(map(shown_repository, plan.steps)),
        "effects": list(map(shown_effect, plan.effects)),
        "problems": [f"{one.severity}: {one.place}: {one.summary}" for one in plan.diagnostics],
        "losing": list(plan.guard.losing),
        "unlisted": list(plan.unlisted),
        "applyable": plan.applyable,
        "complete": plan.complete,
    }
    return {key: value for key, value in found.items() if value != []}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    plan = planner.plan(desired_state(case["desired"]), live_state(case["live"]))
    assert shown(plan) == case["plan"]
