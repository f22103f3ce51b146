"""Recorded runs for tests, as short as they can be written."""

from collections.abc import Mapping
from typing import Any

from reconciler.core.diff import diff
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.runs import Applied, Outcome, Run, RunHeader, RunKind, RunState, RunStep
from reconciler.core.state import Live, LiveRepository, Organization
from reconciler.core.steps import Action, Reason, ReasonCode, Step
from tests.support.overlays import overlay

ORGANIZATION = Organization(id="o", name="example.com")


def step(name: str, before: Mapping[str, Any], after: Mapping[str, Any], action: Action = Action.UPDATE) -> Step:
    """A step of the repository `name`, whose id is the same in capitals."""
    old, new = overlay(before), overlay(after)
    return Step(
        repository=name,
        id=name.upper(),
        action=action,
        reason=Reason(code=ReasonCode.DIFFERS),
        place=None,
        changes=diff(old, new),
        before=old,
        after=new,
    )


def recorded(planned: Step, outcome: Outcome | None = None, *, intended: bool = True, **fields: Any) -> RunStep:
    """A step as it stands in the journal; by default it was being written when the process died."""
    known = {"repository_id": planned.id, "since": 90.0, "intended_at": 100.0} if intended else {}
    nothing = {"repository_id": None, "since": None, "intended_at": None, "progress": None}
    return RunStep(step=planned, outcome=outcome, **{**nothing, **known, **fields})


def applied(planned: Step) -> RunStep:
    """A step that was written and confirmed."""
    assert planned.id is not None
    return recorded(planned, Applied(step=planned, repository_id=planned.id, since=90.0))


def run(*steps: RunStep, state: RunState = RunState.CRASHED) -> Run:
    """A run of these steps."""
    header = RunHeader(
        kind=RunKind.APPLY,
        user="kim",
        host="desk",
        tool_version="1",
        api="emulator",
        organization=ORGANIZATION,
        source="manifests",
        pid=1,
    )
    return Run(id="r1", header=header, started=95.0, ended=None, exit_code=None, state=state, steps=steps)


def live(**overlays: Mapping[str, Any]) -> Live:
    """What is live: each repository by name with its overlay."""
    found = tuple(LiveRepository(id=name.upper(), name=name, overlay=_made(one)) for name, one in overlays.items())
    return Live(organization=ORGANIZATION, repositories=found)


def _made(short: Mapping[str, Any]) -> Overlay:
    return overlay(short) if short else EMPTY
