"""What became of a write: its answer was lost or said something else, and only looking again can tell.

A write whose answer was lost may still be under way, so that there are several looks. What is done with the finding
belongs to `apply`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.api.errors import ApiError
from reconciler.core.diff import diff
from reconciler.core.overlay import Overlay
from reconciler.core.plan import Action, Step
from reconciler.core.runs import Failed, FailureKind
from reconciler.core.state import LiveRepository, Unreadable
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import Clock, Stop

_PAUSES = (0.0, 1.0, 3.0)

# The repository as it is now, None where it does not exist; raises `ApiError`.
Look = Callable[[], LiveRepository | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The live overlay is what was sent."""

    repository_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritten:
    """After all looks everything is still as it was before the write."""

    failed: Failed


Finding = Written | Unwritten | Failed


def settle(look: Look, step: Step, lost: Diagnostic, *, clock: Clock, stop: Stop) -> Finding:
    """What became of a write whose answer was lost; `lost` is the problem that the client had."""
    finding: Finding = Failed(step=step, kind=FailureKind.ANSWER_LOST, problem=lost)
    for pause in _PAUSES:
        clock.wait(pause, stop)
        finding = _judge(look, step, lost)
        if isinstance(finding, Written):
            break
    return finding


def confirm(look: Look, step: Step, answer: LiveRepository, *, clock: Clock, stop: Stop) -> Written | Failed:
    """What became of a write whose answer shows something else than what was sent."""
    problem = _not_confirmed(step, answer)
    finding = settle(look, step, problem, clock=clock, stop=stop)
    if isinstance(finding, Written):
        return finding
    return Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=problem)


def _judge(look: Look, step: Step, lost: Diagnostic) -> Finding:
    unknown = Failed(step=step, kind=FailureKind.ANSWER_LOST, problem=lost)
    try:
        now = look()
    except ApiError:
        return unknown
    if now is None:
        return _unwritten(step, lost) if step.action is Action.CREATE else unknown
    if now.overlay == step.after:
        return Written(repository_id=now.id)
    if step.action is not Action.CREATE and now.overlay == step.before:
        return _unwritten(step, lost)
    return Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=_not_confirmed(step, now))


def _unwritten(step: Step, lost: Diagnostic) -> Unwritten:
    problem = Diagnostic(
        code="not-written",
        summary="the answer of the API was lost, and everything is still as it was before",
        detail=lost.detail,
        hint="apply again",
    )
    return Unwritten(failed=Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=problem))


def _not_confirmed(step: Step, now: LiveRepository) -> Diagnostic:
    """The server holds something else than what was sent: name what it dropped or changed."""
    return Diagnostic(
        code="write-not-confirmed",
        summary=f"the server accepted the write and then held something else than what was sent: {_what(step, now)}",
        hint="plan again to see how things stand",
    )


def _what(step: Step, now: LiveRepository) -> str:
    wanted: Overlay | None = step.after
    assert wanted is not None
    if isinstance(now.overlay, Unreadable):
        return now.overlay.problem
    return ", ".join(dict.fromkeys(change.path for change in diff(wanted, now.overlay)))
