"""Settle writes by reading: what became of one whose response was lost, or says something else than what was sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.api.errors import ApiError
from reconciler.core.bindings import TagSelector
from reconciler.core.diff import diff
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.runs import PLAN_AGAIN, Failed, FailureKind
from reconciler.core.state import Unreadable
from reconciler.core.steps import Action, AnyStep, BindingStep, OverlayStep, Step
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import Clock, Stop

# Pauses before each read that settles a write. Reads may lag: an unchanged state proves that the write did not arrive
# only after the longer time. A write that can be repeated once need not wait as long.
PAUSES = (0.0, 1.0, 3.0)
LAST_PAUSES = (*PAUSES, 6.0, 12.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Live state of a step's subject: its UIDP, and its overlay, configuration or selector."""

    id: str
    content: Overlay | Unreadable | TagSelector


# Returns the current state, None if it does not exist; raises `ApiError`.
ReadLive = Callable[[], Seen | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The live state is the one that was sent; for a deletion, nothing is there. `id` is the UIDP written to."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritten:
    """After every read the state is still as before the write."""

    failed: Failed


Settlement = Written | Unwritten | Failed


def settle(
    read: ReadLive, step: AnyStep, lost: Diagnostic, *, clock: Clock, stop: Stop, pauses: Sequence[float] = PAUSES
) -> Settlement:
    """Return the outcome of a write whose response was lost; `lost` is the client's error."""
    settlement: Settlement = Failed(step=step, kind=FailureKind.ANSWER_LOST, problem=lost)
    for pause in pauses:
        clock.wait(pause, stop)
        settlement = _judge(read, step, lost)
        if isinstance(settlement, Written):
            break
    return settlement


def _judge(read: ReadLive, step: AnyStep, lost: Diagnostic) -> Settlement:
    unknown = Failed(step=step, kind=FailureKind.ANSWER_LOST, problem=lost)
    try:
        now = read()
    except ApiError:
        return unknown
    if now is None:
        if step.action is Action.DELETE:
            return Written(id=step.id or "")
        return _unwritten(step, lost) if step.action is Action.CREATE else unknown
    if now.content == step.after:
        return Written(id=now.id)
    if step.action is not Action.CREATE and now.content == step.before:
        return _unwritten(step, lost)
    return Failed(step=step, kind=FailureKind.ANSWER_LOST, problem=_unknown(step, now, lost))


def _unwritten(step: AnyStep, lost: Diagnostic) -> Unwritten:
    problem = Diagnostic(
        code="not-written",
        summary="the write did not take effect",
        detail=lost.detail,
        hint="apply again",
    )
    return Unwritten(failed=Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=problem))


def _unknown(step: AnyStep, now: Seen, lost: Diagnostic) -> Diagnostic:
    """Return the failure for an unknown result: others may have written before or after this write."""
    return Diagnostic(
        code="write-not-confirmed",
        summary=f"{noun(step)} differs from what was sent: {_what(step, now)}",
        detail=lost.detail,
        hint="plan again: the write may have taken effect",
    )


def not_confirmed(step: AnyStep, now: Seen | None) -> Diagnostic:
    """Return the failure for a server state that differs from what was sent, with the dropped or changed items."""
    differs = f"differs from what was sent: {_what(step, now)}" if now else "does not exist"
    return Diagnostic(
        code="write-not-confirmed",
        summary=f"the API accepted the write, but {noun(step)} {differs}",
        hint=PLAN_AGAIN,
    )


def noun(step: AnyStep) -> str:
    """Return what a step is about, for messages."""
    match step:
        case Step():
            return "the repository"
        case OverlayStep():
            return "the overlay"
        case BindingStep():
            return "the binding"


def _what(step: AnyStep, now: Seen) -> str:
    if step.after is None:
        return "it still exists"
    match now.content:
        case Unreadable(problem=problem):
            return problem
        case Overlay() as overlay:
            wanted = step.after if isinstance(step.after, Overlay) else EMPTY
            return ", ".join(dict.fromkeys(change.path for change in diff(wanted, overlay)))
        case TagSelector() as selector:
            return f"tags {selector}"
