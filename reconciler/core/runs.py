"""Runs: outcomes of steps, and what is recorded of a run. The journal records and restores runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reconciler.core.bindings import TagSelector
from reconciler.core.builds import FINISHED, Progress, Result, Stage
from reconciler.core.overlay import Overlay
from reconciler.core.state import Organization
from reconciler.core.steps import AnyStep, Step, TagEffect
from reconciler.diagnostics import Diagnostic

PLAN_AGAIN: Final = "plan again to see the current state"

# Code of the problem of a write that was in flight when its run died, and that proved not to have taken effect.
NOT_ARRIVED: Final = "not-arrived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Written, and the server confirmed exactly what was sent.

    `repository_id` is the UIDP written to, that of an overlay or a binding as well; `since` the server's time just
    before the write; `read_back` is set if the server's answer was lost and reading again confirmed the write.
    """

    step: AnyStep
    repository_id: str
    since: float
    read_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """Nothing was sent: the wanted state was live already at the time of writing."""

    step: AnyStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """Left alone: the live state differs from the one that the plan was made from.

    `now` is that of a repository or an overlay, the selector of a binding, or None where it does not exist any more.
    """

    step: AnyStep
    now: Overlay | TagSelector | None


class FailureKind(StrEnum):
    """Kinds of failed writes that decide the exit code or the next steps."""

    REFUSED = "refused"
    TOKEN = "token"  # noqa: S105 - the kind of failure, not a token
    NOT_CONFIRMED = "not-confirmed"
    ANSWER_LOST = "answer-lost"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The write failed, or its result is unknown; the diagnostic says which."""

    step: AnyStep
    kind: FailureKind
    problem: Diagnostic


class RecordFailed(Exception):  # noqa: N818 - named after the problem, as the API's errors are
    """The intent to write could not be recorded, so that nothing may be sent."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


class Skip(StrEnum):
    """Reason for not attempting a step."""

    INTERRUPTED = "interrupted"
    TOKEN_REJECTED = "token-rejected"  # noqa: S105 - a reason, not a token
    UNREADABLE = "unreadable"
    NOT_RECORDED = "not-recorded"
    AFTER_FAILURE = "after-failure"
    HELD_BACK = "held-back"
    PAUSED = "paused"
    BLOCKED = "blocked"
    PREREQUISITE = "prerequisite"


# What was left for a reason that is no fault of the step: `resume` writes it.
RESUMABLE: Final = frozenset(
    {
        Skip.PAUSED,
        Skip.HELD_BACK,
        Skip.INTERRUPTED,
        Skip.TOKEN_REJECTED,
        Skip.NOT_RECORDED,
        Skip.AFTER_FAILURE,
        Skip.PREREQUISITE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAttempted:
    """Nothing was sent for this step."""

    step: AnyStep
    reason: Skip


Outcome = Applied | Unchanged | Drifted | Failed | NotAttempted


class RunKind(StrEnum):
    """Command that writes."""

    APPLY = "apply"
    REVERT = "revert"


class RunState(StrEnum):
    """State of a run; `CRASHED` if its process is gone without recording an end."""

    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """Author, target and source of a run; `api` is the identity of the API, without credentials."""

    kind: RunKind
    user: str
    host: str
    tool_version: str
    api: str
    organization: Organization
    source: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One step of a run.

    With `intended_at` and without `outcome` the write was in flight when the process died, and its result is unknown.
    `since` is the server's time just before the write, None if it is not certain that the write was even tried.
    `wave` is the number of its wave, from 1.
    """

    step: AnyStep
    wave: int = 1
    repository_id: str | None = None
    since: float | None = None
    intended_at: float | None = None
    outcome: Outcome | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One recorded run; times are seconds since the epoch on the local clock.

    `effects` are the changes of images that its overlay and binding steps were planned to cause, and `followed` the
    build progress of the tags that did change.
    """

    id: str
    header: RunHeader
    started: float
    ended: float | None
    exit_code: int | None
    state: RunState
    steps: tuple[RunStep, ...]
    effects: tuple[TagEffect, ...] = ()
    followed: tuple[Progress, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One recorded run without its steps, of which there may be thousands; times as in `Run`.

    `outcomes` is the number of steps by outcome (`applied`, `already_done`, `stale`, `failed`, `not_attempted`, and
    `unknown` for those in flight), `builds` the number of builds by result; a build that lacks requested items counts
    as failed.
    """

    id: str
    header: RunHeader
    started: float
    ended: float | None
    exit_code: int | None
    state: RunState
    outcomes: Mapping[str, int]
    builds: Mapping[Result, int]


def is_in_flight(step: RunStep) -> bool:
    """Return whether the write of the step was in flight when the process died, so that its result is not recorded."""
    return step.intended_at is not None and step.outcome is None


def is_left(step: RunStep) -> bool:
    """Return whether `resume` writes a step: it was not attempted, or its write was cut off and did not take effect.

    A write that the API refused is not left.
    """
    match step.outcome:
        case None:
            return True
        case NotAttempted(reason=reason):
            return reason in RESUMABLE
        case Failed(problem=problem):
            return problem.code == NOT_ARRIVED
        case _:
            return False


def has_overlays(run: Run) -> bool:
    """Return whether a run has steps of overlays or bindings, or changed what they give to images."""
    return bool(run.effects) or any(not isinstance(one.step, Step) for one in run.steps)


def is_settled(run: Run) -> bool:
    """Return whether the record is complete: every step's outcome, and all builds to their end."""
    return not _unsettled(run)


def unfollowed(runs: Iterable[Run], written: Iterable[str] = ()) -> Run | None:
    """Return the first of some runs, newest first, with writes whose builds were not followed to completion.

    Builds do not count where a later one of the runs has written again, nor where the key of a step is `written`.
    """
    again = set(written)
    for run in runs:
        if _unsettled(run) - again:
            return run
        again |= _applied(run)
    return None


def _unsettled(run: Run) -> set[str]:
    """Return the keys of the steps without an outcome that was begun, or with builds that are not over."""
    by_tag = {effect.id for effect in run.effects}
    found = {step.step.key for step in run.steps if not _is_step_settled(step, by_tag)}
    return found if _are_tags_settled(run) else found | _applied(run)


def _applied(run: Run) -> set[str]:
    return {step.step.key for step in run.steps if isinstance(step.outcome, Applied)}


def _is_step_settled(step: RunStep, by_tag: set[str]) -> bool:
    match step.outcome:
        case None:
            return step.intended_at is None
        case Applied(step=Step(), repository_id=id_) if step.progress is not None or id_ not in by_tag:
            return step.progress is not None and is_over(step.progress)
        case _:
            return True


def _are_tags_settled(run: Run) -> bool:
    """Return whether the builds of tags are over, where a write may have started some."""
    ids = {effect.id for effect in run.effects}
    applied = [one.outcome for one in run.steps if isinstance(one.outcome, Applied)]
    started = any(not isinstance(one.step, Step) or one.repository_id in ids for one in applied)
    if not ids or not started:
        return True
    return bool(run.followed) and all(map(is_over, run.followed))


def is_over(progress: Progress) -> bool:
    """Return whether there is nothing left to wait for; a build that was never reported may still come."""
    return progress.stage in FINISHED and progress.stage is not Stage.UNREPORTED


def recorded_outcomes(run: Run) -> tuple[Outcome, ...]:
    """Return the outcomes of a run without in-flight steps, from the record alone."""
    return tuple(step.outcome or not_begun(step) for step in run.steps)


def not_begun(step: RunStep) -> Outcome:
    """Return the outcome of a step that the run never began."""
    return NotAttempted(step=step.step, reason=Skip.INTERRUPTED)


def failed_step(step: AnyStep, code: str, summary: str, hint: str = PLAN_AGAIN) -> Failed:
    """Return a failure that a new plan can explain."""
    problem = Diagnostic(code=code, summary=summary, hint=hint)
    return Failed(step=step, kind=FailureKind.OTHER, problem=problem)
