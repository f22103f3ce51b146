"""Runs: outcomes of steps, recovery of an interrupted run, and reverting.

Pure functions of a run and the live state. The journal records and restores runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from reconciler.core.binding_rules import binding_problems, block_bound
from reconciler.core.builds import FINISHED, Progress, Result, Stage
from reconciler.core.diff import diff
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.plan import GuardFlags, Plan, guard_rules, judge_guard
from reconciler.core.planner import step_problems
from reconciler.core.state import Address, Directory, Live, LiveRepository, Organization, Settings, Unreadable
from reconciler.core.steps import Action, Reason, ReasonCode, Step
from reconciler.diagnostics import Diagnostic, Severity

PLAN_AGAIN: Final = "plan again to see the current state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Written, and the server confirmed exactly what was sent.

    `repository_id` is the UIDP written to; `since` the server's time just before the write; `read_back` is set if the
    server's answer was lost and reading again confirmed the write.
    """

    step: Step
    repository_id: str
    since: float
    read_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """Nothing was sent: the repository already had the wanted overlay at the time of writing."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """Left alone: the live overlay differs from the one that the plan was made from."""

    step: Step
    now: Overlay


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

    step: Step
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
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAttempted:
    """Nothing was sent for this step."""

    step: Step
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
    `since` is the server's time just before the write.
    """

    step: Step
    repository_id: str | None = None
    since: float | None = None
    intended_at: float | None = None
    outcome: Outcome | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One recorded run; times are seconds since the epoch on the local clock."""

    id: str
    header: RunHeader
    started: float
    ended: float | None
    exit_code: int | None
    state: RunState
    steps: tuple[RunStep, ...]


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


def is_settled(run: Run) -> bool:
    """Return whether the record is complete: every step has an outcome, and its builds have ended."""
    return all(_is_step_settled(step) for step in run.steps)


def _is_step_settled(step: RunStep) -> bool:
    match step.outcome:
        case None:
            return step.intended_at is None
        case Applied():
            stage = None if step.progress is None else step.progress.stage
            return stage in FINISHED and stage is not Stage.UNREPORTED
        case _:
            return True


def recovered_outcome(step: RunStep, live: Live, later: Sequence[Run] = ()) -> Outcome:
    """Return the outcome of a recorded step; an in-flight one is judged by its repository's current state.

    `later` are the runs recorded after that of the step, oldest first. What one of them found in the repository takes
    precedence over the current state, which that run may have written itself.
    """
    return step.outcome or (_arrived(step, live, later) if is_in_flight(step) else _not_begun(step))


def recorded_outcomes(run: Run) -> tuple[Outcome, ...]:
    """Return the outcomes of a run without in-flight steps, from the record alone."""
    return tuple(step.outcome or _not_begun(step) for step in run.steps)


def find_written(step: RunStep, live: Live) -> LiveRepository | None:
    """Return the current repository that a recorded step wrote to; a created one may be known by name only."""
    id_ = _known_id(step)
    if id_ is not None:
        return next((one for one in live.repositories if one.id == id_), None)
    candidates = Directory(live).find(_created_at(step))
    return candidates[0] if len(candidates) == 1 else None


def _created_at(step: RunStep) -> Address:
    # A creation is sent with this folder; the organization's own level if the address has none.
    address = Address.parse(step.step.repository)
    return Address(folder=address.folder or "", name=address.name)


def _not_begun(step: RunStep) -> Outcome:
    return NotAttempted(step=step.step, reason=Skip.INTERRUPTED)


def _arrived(step: RunStep, live: Live, later: Sequence[Run]) -> Outcome:
    there = find_written(step, live)
    id_ = _known_id(step) or (there.id if there else None)
    same = (one for run in later for one in run.steps if _is_same(one, step, id_))
    looked = next((one for one in same if one.intended_at is not None or isinstance(one.outcome, Unchanged)), None)
    if looked is None:
        return _judged(step, there.id if there else None, there.overlay if there else None)
    return _judged(step, id_ or looked.repository_id or looked.step.id, _found_by(looked))


def _known_id(step: RunStep) -> str | None:
    """Return the id of the repository that a step writes to; None for an unseen one to be created."""
    return step.repository_id or (None if step.step.action is Action.CREATE else step.step.id)


def _is_same(other: RunStep, step: RunStep, id_: str | None) -> bool:
    """Return whether two steps write to the same repository: by its id, as names and labels change."""
    known = _known_id(other)
    if known is not None and id_ is not None:
        return known == id_
    creations = other.step.action is Action.CREATE and step.step.action is Action.CREATE
    return creations and _created_at(other) == _created_at(step)


def _found_by(later: RunStep) -> Overlay | None:
    """Return what a later run found in a repository just before its write, or when it found nothing to write."""
    if isinstance(later.outcome, Unchanged):
        return later.step.after
    return None if later.step.action is Action.CREATE else later.step.before


def _judged(step: RunStep, id_: str | None, overlay: Overlay | Unreadable | None) -> Outcome:
    not_arrived = failed_step(
        step.step, "not-arrived", "the run crashed during this write, and the write did not take effect"
    )
    if overlay is None or id_ is None:
        gone = failed_step(step.step, "repository-gone", "the repository no longer exists")
        return not_arrived if step.step.action is Action.CREATE else gone
    if isinstance(overlay, Unreadable):
        return failed_step(step.step, "unreadable-overlay", overlay.summary)
    if overlay == step.step.after:
        since = step.since if step.since is not None else (step.intended_at or 0.0)
        return Applied(step=step.step, repository_id=id_, since=since, read_back=True)
    if overlay == step.step.before and step.step.action is not Action.CREATE:
        return not_arrived
    return Drifted(step=step.step, now=overlay)


def failed_step(step: Step, code: str, summary: str) -> Failed:
    """Return a failure that a new plan can explain."""
    problem = Diagnostic(code=code, summary=summary, hint=PLAN_AGAIN)
    return Failed(step=step, kind=FailureKind.OTHER, problem=problem)


def plan_revert(run: Run, live: Live, *, later: Sequence[Run] = (), max_removal: float | None = None) -> Plan:
    """Return the plan that reverts a run, with warnings for the repositories left alone and the reasons.

    `later` are the runs recorded after it, oldest first.
    """
    directory = Directory(live)
    judged = [
        _judge(step, run.id, live, directory)
        for step in run.steps
        if _wrote(step, recovered_outcome(step, live, later), live)
    ]
    found = sorted((one for one in judged if isinstance(one, Step)), key=lambda step: step.repository)
    steps = tuple(block_bound(found, live))
    plan = Plan(
        organization=run.header.organization,
        steps=steps,
        diagnostics=(*(one for one in judged if isinstance(one, Diagnostic)), *step_problems(steps)),
        guard=judge_guard(
            steps,
            guard_rules(Settings(), GuardFlags(max_removal=max_removal), steps),
            covered="changed by the revert",
        ),
        bindings=live.bindings,
    )
    return replace(plan, diagnostics=(*plan.diagnostics, *binding_problems(plan, live)))


def rewritten(plan: Plan, left: Mapping[str, Overlay]) -> tuple[Step, ...]:
    """Return steps that write repositories which are unchanged since a revert; `left` is their state by id."""
    return tuple(
        step for step in plan.writes if step.id is not None and step.id in left and step.before == left[step.id]
    )


def left_by(outcomes: Iterable[Outcome]) -> dict[str, Overlay]:
    """Return the overlays that a run wrote last, by repository id."""
    written = (one for one in outcomes if isinstance(one, Applied))
    return {one.repository_id: one.step.after for one in written if one.step.after is not None}


def _wrote(step: RunStep, outcome: Outcome, live: Live) -> bool:
    match outcome:
        case Applied():
            return True
        case Failed(kind=FailureKind.ANSWER_LOST):
            # Its result was unknown. It took effect if the repository has the overlay now.
            there = find_written(step, live)
            return there is not None and there.overlay == step.step.after
        case _:
            return False


def _judge(step: RunStep, run: str, live: Live, directory: Directory) -> Step | Diagnostic:
    there = find_written(step, live)
    if step.step.action is Action.CREATE:
        return _left(step, "revert-created", "the run created it, and reconciler does not delete repositories")
    if there is None:
        return _left(step, "revert-gone", "it no longer exists")
    if there.overlay != step.step.after:
        return _left(step, "revert-changed", "it has changed since the run")
    assert step.step.before is not None
    assert step.step.after is not None
    return _back(
        there, directory.label(there), run, before=step.step.after, after=step.step.before, owner=step.step.owner
    )


def _back(there: LiveRepository, label: str, run: str, *, before: Overlay, after: Overlay, owner: str) -> Step:
    return Step(
        repository=label,
        id=there.id,
        action=Action.RESET if after == EMPTY else Action.UPDATE,
        reason=Reason(code=ReasonCode.REVERTED, names=(run,)),
        place=None,
        changes=diff(before, after),
        before=before,
        after=after,
        location=there.location,
        owner=owner,
    )


def _left(step: RunStep, code: str, why: str) -> Diagnostic:
    return Diagnostic(
        code=code,
        severity=Severity.WARNING,
        summary=f"{step.step.repository} is left unchanged: {why}",
    )
