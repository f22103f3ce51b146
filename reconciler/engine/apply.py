"""Apply an approved plan: read each repository again, write what was approved, confirm it; one outcome a step."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.api.errors import AnswerLost, ApiError, Rejected, SourceDropped, TokenRejected
from reconciler.core.diff import diff
from reconciler.core.events import ApplyStarted, Event, Listener, StepFinished, StepStarted
from reconciler.core.overlay import Overlay
from reconciler.core.plan import Plan
from reconciler.core.runs import (
    PLAN_AGAIN,
    Applied,
    Drifted,
    Failed,
    FailureKind,
    NotAttempted,
    Outcome,
    RecordFailed,
    Skip,
    Unchanged,
    failed_step,
)
from reconciler.core.state import Address, LiveRepository, Organization, RepositoryVersion, Unreadable
from reconciler.core.steps import Action, Step
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import Clock, OnError, Record, Stop, WriteApi, stream

T = TypeVar("T")

# The API's code for an existing repository of that name.
_CONFLICT = 409

# Pauses before each read that settles a write. Reads may lag: an unchanged state proves that the write did not arrive
# only after the longer time. A write that can be repeated once need not wait as long.
_PAUSES = (0.0, 1.0, 3.0)
_LAST_PAUSES = (*_PAUSES, 6.0, 12.0)

# Returns the current repository, None if it does not exist; raises `ApiError`.
ReadLive = Callable[[], LiveRepository | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The live overlay is the one that was sent."""

    repository_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritten:
    """After every read the repository is still as before the write."""

    failed: Failed


Settlement = Written | Unwritten | Failed


def apply(
    plan: Plan,
    api: WriteApi,
    *,
    clock: Clock,
    stop: Stop,
    parallelism: int,
    on_event: Listener,
    record: Record | None = None,
    on_error: OnError = OnError.CONTINUE,
    steps: Sequence[Step] | None = None,
) -> tuple[Outcome, ...]:
    """Apply a plan; return the outcomes of all steps that write or could not be planned, in the plan's order.

    With `steps` only those are applied and returned.
    """
    writer = _Writer(api, plan.organization, clock, stop, record=record, on_error=on_error)
    others = unplanned(plan) if steps is None else ()
    steps = plan.writes if steps is None else steps
    on_event(ApplyStarted(at=clock.now(), steps=len(steps)))
    outcomes: dict[str, Outcome] = {outcome.step.repository: outcome for outcome in others}
    for event in stream(steps, writer.run_step, workers=min(parallelism, len(steps))):
        on_event(event)
        if isinstance(event, StepFinished):
            outcomes[event.outcome.step.repository] = event.outcome
    return tuple(outcomes[step.repository] for step in plan.steps if step.repository in outcomes)


def unplanned(plan: Plan) -> tuple[Outcome, ...]:
    """Return the outcomes of the steps that could not be planned."""
    unknown = (step for step in plan.steps if step.action is Action.UNKNOWN)
    unread = (NotAttempted(step=step, reason=Skip.UNREADABLE) for step in unknown)
    blocked = (step for step in plan.blocked if isinstance(step, Step))
    return (*unread, *(NotAttempted(step=step, reason=Skip.BLOCKED) for step in blocked))


class _Writer:
    """Runs steps; thread-safe."""

    def __init__(
        self,
        api: WriteApi,
        organization: Organization,
        clock: Clock,
        stop: Stop,
        *,
        record: Record | None,
        on_error: OnError,
    ) -> None:
        self._api = api
        self._organization = organization
        self._clock = clock
        self._stop = stop
        self._record = record
        self._on_error = on_error
        self._ended: dict[Skip, threading.Event] = {
            reason: threading.Event() for reason in (Skip.NOT_RECORDED, Skip.TOKEN_REJECTED, Skip.AFTER_FAILURE)
        }

    def run_step(self, step: Step) -> Iterator[Event]:
        """Run what the step intends and emit its events."""
        skip = self._skip()
        if skip is not None:
            yield self._finished(NotAttempted(step=step, reason=skip))
            return
        yield StepStarted(at=self._clock.now(), repository=step.repository)
        yield self._finished(self._outcome(step))

    def _finished(self, outcome: Outcome) -> StepFinished:
        if isinstance(outcome, Failed) and self._on_error is OnError.STOP:
            self._ended[Skip.AFTER_FAILURE].set()
        if self._record is not None:
            self._record.finished(outcome)
        return StepFinished(at=self._clock.now(), outcome=outcome)

    def _skip(self) -> Skip | None:
        if self._stop.is_set():
            return Skip.INTERRUPTED
        return next((reason for reason, ended in self._ended.items() if ended.is_set()), None)

    def _about_to_write(self, step: Step, since: float) -> None:
        if self._record is not None:
            repository_id = None if step.action is Action.CREATE else step.id
            self._record.about_to_write(step, repository_id=repository_id, since=since)

    def _outcome(self, step: Step) -> Outcome:
        try:
            return self._create(step) if step.action is Action.CREATE else self._update(step)
        except RecordFailed:
            self._ended[Skip.NOT_RECORDED].set()
            return NotAttempted(step=step, reason=Skip.NOT_RECORDED)
        except TokenRejected as error:
            self._ended[Skip.TOKEN_REJECTED].set()
            return Failed(step=step, kind=FailureKind.TOKEN, problem=error.diagnostic)
        except AnswerLost as error:
            return Failed(step=step, kind=FailureKind.ANSWER_LOST, problem=error.diagnostic)
        except SourceDropped as error:
            return Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=error.diagnostic)
        except ApiError as error:
            return Failed(step=step, kind=FailureKind.REFUSED, problem=error.diagnostic)

    def _update(self, step: Step) -> Outcome:
        reading = self._read(step)
        without_write = recheck(step, reading)
        if without_write is not None:
            return without_write
        assert reading is not None
        settlement = self._write(step, reading, since=reading.server_time)
        if isinstance(settlement, Unwritten) and not self._stop.is_set():
            return self._unless_unrecorded(lambda: self._write_again(step, reading.server_time), settlement)
        return _outcome(settlement, step, since=reading.server_time)

    def _unless_unrecorded(self, again: Callable[[], T], first: Unwritten) -> T | Failed:
        """Return the outcome of a second try; one that cannot be recorded is not made, but the first one was sent."""
        try:
            return again()
        except RecordFailed:
            self._ended[Skip.NOT_RECORDED].set()
            return first.failed

    def _write_again(self, step: Step, since: float) -> Outcome:
        """Write a second and last time. Builds count from the first try on, which may arrive after all."""
        reading = self._read(step)
        without_write = recheck(step, reading)
        match without_write:
            case None:
                assert reading is not None
                return _outcome(self._write(step, reading, since=since, pauses=_LAST_PAUSES), step, since=since)
            case Unchanged():
                assert step.id is not None
                return _applied(step, step.id, since, read_back=True)
            case _:
                return without_write

    def _write(
        self, step: Step, reading: RepositoryVersion, *, since: float, pauses: Sequence[float] = _PAUSES
    ) -> Applied | Settlement:
        self._about_to_write(step, since)
        try:
            answer = self._api.write_overlay(reading, _after(step))
        except AnswerLost as error:
            lost = error.diagnostic
        else:
            return self._confirmed(step, answer, reading.server_time, lambda: self._seen(step))
        return settle(lambda: self._seen(step), step, lost, clock=self._clock, stop=self._stop, pauses=pauses)

    def _create(self, step: Step) -> Outcome:
        source = self._read(step)
        if source is None:
            return _source_gone(step)
        if not _is_approved(step, source.repository):
            return _renamed(step, source.repository)
        settlement: Applied | Settlement | None = None
        try:
            settlement = self._create_once(step, source)
            if isinstance(settlement, Unwritten) and not self._stop.is_set():
                settlement = self._unless_unrecorded(lambda: self._create_once(step, source), settlement)
        except Rejected as error:
            there = self._created(Address.parse(step.repository)) if error.status == _CONFLICT else None
            if there is None:
                raise
            if settlement is not None and there.overlay == step.after:  # the first try arrived after all
                return _applied(step, there.id, source.server_time, read_back=True)
            return recheck_created(step, there)
        return _outcome(settlement, step, since=source.server_time)

    def _create_once(self, step: Step, source: RepositoryVersion) -> Applied | Settlement:
        address = Address.parse(step.repository)
        self._about_to_write(step, source.server_time)
        try:
            created = self._api.create_repository(
                source,
                name=address.name,
                folder=address.folder or "",
                wanted=_after(step),
                organization=self._organization,
            )
        except AnswerLost as error:
            lost = error.diagnostic
        else:
            return self._confirmed(step, created, source.server_time, lambda: self._created(address))
        return settle(lambda: self._created(address), step, lost, clock=self._clock, stop=self._stop)

    def _confirmed(self, step: Step, answer: LiveRepository, since: float, read: ReadLive) -> Applied | Settlement:
        """Return the outcome by comparing the response with what was sent, reading again if they differ."""
        if answer.overlay == step.after:
            return _applied(step, answer.id, since)
        problem = _not_confirmed(step, answer)
        found = settle(read, step, problem, clock=self._clock, stop=self._stop, pauses=_LAST_PAUSES)
        if isinstance(found, Written):
            return _applied(step, found.repository_id, since)
        return Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=problem)

    def _read(self, step: Step) -> RepositoryVersion | None:
        assert step.id is not None
        return self._api.read_repository(step.id, self._organization)

    def _seen(self, step: Step) -> LiveRepository | None:
        reading = self._read(step)
        return None if reading is None else reading.repository

    def _created(self, address: Address) -> LiveRepository | None:
        """Return the outcome of a creation with a lost response: without an id it cannot be read back."""
        wanted = (address.folder or "", address.name)
        live = self._api.read_live(self._organization).repositories
        return next((one for one in live if (one.folder, one.name) == wanted), None)


def _outcome(settlement: Applied | Settlement, step: Step, *, since: float) -> Outcome:
    match settlement:
        case Written(repository_id=id_):
            return _applied(step, id_, since, read_back=True)
        case Unwritten(failed=failed):
            return failed
        case Applied():
            return replace(settlement, since=since)
        case Failed():
            return settlement


def _after(step: Step) -> Overlay:
    assert step.after is not None
    return step.after


def _applied(step: Step, id_: str, since: float, *, read_back: bool = False) -> Applied:
    return Applied(step=step, repository_id=id_, since=since, read_back=read_back)


def _source_gone(step: Step) -> Failed:
    return failed_step(step, "source-gone", "the source repository no longer exists")


def recheck(step: Step, reading: RepositoryVersion | None) -> Unchanged | Drifted | Failed | None:
    """Return the outcome of a step without a write, or None if the approved write may be sent.

    The repository must be the approved one: same id, folder and name. Of the rest only the overlay counts: a change to
    any other field is no conflict, and is kept by the write.
    """
    if reading is None:
        return failed_step(step, "repository-gone", "the repository no longer exists")
    if not _is_approved(step, reading.repository):
        return _renamed(step, reading.repository)
    now = reading.repository.overlay
    if isinstance(now, Unreadable):
        return failed_step(step, "unreadable-overlay", now.summary)
    if now == step.after:
        return Unchanged(step=step)
    return None if now == step.before else Drifted(step=step, now=now)


def _is_approved(step: Step, repository: LiveRepository) -> bool:
    """Return whether a repository has the name and the folder of the plan; earlier plans have only the label."""
    label = step.reason.names[0] if step.action is Action.CREATE and step.reason.names else step.repository
    approved = step.location or Address.parse(label)
    return repository.name == approved.name and approved.folder in (None, repository.folder)


def _renamed(step: Step, repository: LiveRepository) -> Failed:
    now = f"{repository.folder}/{repository.name}"
    what = "the source repository" if step.action is Action.CREATE else "the approved repository"
    summary = f'{what} was renamed to "{now.removeprefix("/")}"'
    return failed_step(step, "repository-renamed", summary)


def recheck_created(step: Step, there: LiveRepository) -> Unchanged | Drifted | Failed:
    """Return the outcome of a creation if the repository was created since the plan."""
    now = there.overlay
    if isinstance(now, Unreadable):
        return failed_step(step, "unreadable-overlay", f"the repository was created meanwhile; {now.summary}")
    return Unchanged(step=step) if now == step.after else Drifted(step=step, now=now)


def settle(
    read: ReadLive, step: Step, lost: Diagnostic, *, clock: Clock, stop: Stop, pauses: Sequence[float] = _PAUSES
) -> Settlement:
    """Return the outcome of a write whose response was lost; `lost` is the client's error."""
    settlement: Settlement = Failed(step=step, kind=FailureKind.ANSWER_LOST, problem=lost)
    for pause in pauses:
        clock.wait(pause, stop)
        settlement = _judge(read, step, lost)
        if isinstance(settlement, Written):
            break
    return settlement


def _judge(read: ReadLive, step: Step, lost: Diagnostic) -> Settlement:
    unknown = Failed(step=step, kind=FailureKind.ANSWER_LOST, problem=lost)
    try:
        now = read()
    except ApiError:
        return unknown
    if now is None:
        return _unwritten(step, lost) if step.action is Action.CREATE else unknown
    if now.overlay == step.after:
        return Written(repository_id=now.id)
    if step.action is not Action.CREATE and now.overlay == step.before:
        return _unwritten(step, lost)
    return Failed(step=step, kind=FailureKind.ANSWER_LOST, problem=_unknown(step, now, lost))


def _unwritten(step: Step, lost: Diagnostic) -> Unwritten:
    problem = Diagnostic(
        code="not-written",
        summary="the write did not take effect",
        detail=lost.detail,
        hint="apply again",
    )
    return Unwritten(failed=Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=problem))


def _unknown(step: Step, now: LiveRepository, lost: Diagnostic) -> Diagnostic:
    """Return the failure for an unknown result: others may have written before or after this write."""
    return Diagnostic(
        code="write-not-confirmed",
        summary=f"the repository differs from what was sent: {_what(step, now)}",
        detail=lost.detail,
        hint="plan again: the write may have taken effect",
    )


def _not_confirmed(step: Step, now: LiveRepository) -> Diagnostic:
    """Return the failure for a server state that differs from what was sent, with the dropped or changed items."""
    return Diagnostic(
        code="write-not-confirmed",
        summary=f"the API accepted the write, but the repository differs from what was sent: {_what(step, now)}",
        hint=PLAN_AGAIN,
    )


def _what(step: Step, now: LiveRepository) -> str:
    wanted: Overlay | None = step.after
    assert wanted is not None
    if isinstance(now.overlay, Unreadable):
        return now.overlay.problem
    return ", ".join(dict.fromkeys(change.path for change in diff(wanted, now.overlay)))
