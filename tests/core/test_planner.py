"""Every planner case is a data file: what is live, what is asked, and the plan that must come of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.core import planner
from reconciler.core.diff import Change, Value
from reconciler.core.plan import Plan
from reconciler.core.state import Address, Desired, DesiredRepository, Live, LiveRepository, Organization, Unreadable
from reconciler.core.steps import Step
from reconciler.diagnostics import Place
from tests.support.overlays import managed, overlay

CASES = sorted((Path(__file__).parent / "planner_cases").glob("*.yaml"))
ORGANIZATION = Organization(id="a" * 40, name="example.com")


def live_repository(number: int, case: dict[str, Any]) -> LiveRepository:
    broken = case.get("unreadable")
    return LiveRepository(
        id=f"{ORGANIZATION.id}/{number:016x}",
        name=case["name"],
        folder=case.get("folder", ""),
        overlay=Unreadable(problem=broken, hint=case.get("hint", "")) if broken else overlay(case.get("overlay", {})),
        synced_from=case.get("synced_from"),
    )


def desired_repository(line: int, case: dict[str, Any]) -> DesiredRepository:
    asked = case.get("overlay", {})
    return DesiredRepository(
        address=Address.parse(case["name"]),
        place=Place(file="m.yaml", line=line),
        overlay=overlay(asked),
        managed=managed(asked),
        reset=case.get("reset", False),
        source=Address.parse(case["source"]) if "source" in case else None,
    )


def make_plan(case: dict[str, Any]) -> Plan:
    desired = [desired_repository(line, one) for line, one in enumerate(case["desired"], 1)]
    live = [live_repository(number, one) for number, one in enumerate(case["live"])]
    return planner.plan(
        Desired(organization="example.com", repositories=tuple(desired)),
        Live(organization=ORGANIZATION, repositories=tuple(live)),
    )


def shown_value(value: Value | None) -> str:
    return value if isinstance(value, str) else repr(value)


def shown_change(change: Change) -> str:
    match change.kind:
        case "add":
            return f"+ {change.path} {shown_value(change.after)}"
        case "remove":
            return f"- {change.path} {shown_value(change.before)}"
        case _:
            return f"~ {change.path} {shown_value(change.before)} -> {shown_value(change.after)}"


def shown_step(step: Step) -> dict[str, Any]:
    shown: dict[str, Any] = {"repository": step.repository, "action": str(step.action), "reason": str(step.reason.code)}
    if step.reason.names:
        shown["names"] = list(step.reason.names)
    if step.changes:
        shown["changes"] = [shown_change(change) for change in step.changes]
    if step.unmanaged:
        shown["unmanaged"] = [str(section) for section in step.unmanaged]
    return shown


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    plan = make_plan(case)
    assert [shown_step(step) for step in plan.steps] == case["steps"]
    assert [f"{one.place}: {one.summary}" for one in plan.diagnostics] == case.get("problems", [])
    assert list(plan.unlisted) == case.get("unlisted", [])
    assert plan.applyable == case["applyable"]
    assert plan.complete == case.get("complete", True)


def test_there_are_cases() -> None:
    assert len(CASES) >= 12
