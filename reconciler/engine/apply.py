"""An approved plan carried out: every step is read again, written, confirmed, and ends in exactly one outcome."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from reconciler.api.errors import AnswerLost, ApiError, Rejected, TokenRejected
from reconciler.api.values import Reading
from reconciler.core.events import ApplyStarted, Event, Listener, StepFinished, StepStarted
from reconciler.core.overlay import Overlay
from reconciler.core.plan import Action, Plan, Step
from reconciler.core.runs import Applied, Failed, FailureKind, NotAttempted, Outcome, RecordFailed, Skip, Unchanged
from reconciler.core.state import Address, LiveRepository, Organization
from reconciler.diagnostics import Diagnostic
from reconciler.engine.pool import stream
from reconciler.engine.ports import Clock, OnError, Record, Stop, WriteApi
from reconciler.engine.recheck import recheck, recheck_created
from reconciler.engine.settle import Finding, Look, Unwritten, Written, confirm, settle

T = TypeVar("T")

# What the API answers where a repository of that name exists already.
_CONFLICT = 409


def apply(
    plan: Plan,
    api: WriteApi,
    *,
    clock: Clock,
    stop: Stop,
    parallelism: int,
    listen: Listener,
    record: Record | None = None,
    on_error: OnError = OnError.CONTINUE,
    steps: Sequence[Step] | None = None,
) -> tuple[Outcome, ...]:
    """Carry out a plan; the outcomes of all steps that intend a write or could not be planned, in the plan's order.

    With `steps` only those, and the outcomes of no others.
    """
    writer = _Writer(api, plan.organization, clock, stop, record=record, on_error=on_error)
    others = unplanned(plan) if steps is None else ()
    steps = plan.writes if steps is None else steps
    listen(ApplyStarted(at=clock.now(), steps=len(steps)))
    outcomes: dict[str, Outcome] = {outcome.step.repository: outcome for outcome in others}
    for event in stream(steps, writer.carry_out, workers=min(parallelism, len(steps))):
        listen(event)
        if isinstance(event, StepFinished):
            outcomes[event.outcome.step.repository] = event.outcome
    return tuple(outcomes[step.repository] for step in plan.steps if step.repository in outcomes)


def unplanned(plan: Plan) -> tuple[Outcome, ...]:
    """The outcomes of the steps that could not be planned."""
    unknown = (step for step in plan.steps if step.action is Action.UNKNOWN)
    return tuple(NotAttempted(step=step, reason=Skip.UNREADABLE) for step in unknown)


class _Writer:
    """Carries out one step after another, for several threads at once."""

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

    def carry_out(self, step: Step) -> Iterator[Event]:
        """Do what the step intends and tell about it."""
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
        except ApiError as error:
            return Failed(step=step, kind=FailureKind.REFUSED, problem=error.diagnostic)

    def _update(self, step: Step) -> Outcome:
        reading = self._read(step)
        without_write = recheck(step, reading)
        if without_write is not None:
            return without_write
        assert reading is not None
        finding = self._write(step, reading, since=reading.server_time)
        if isinstance(finding, Unwritten) and not self._stop.is_set():
            return self._unless_unrecorded(lambda: self._write_again(step, reading.server_time), finding)
        return _outcome(finding, step, since=reading.server_time)

    def _unless_unrecorded(self, again: Callable[[], T], first: Unwritten) -> T | Failed:
        """A second try that cannot be recorded is none, but the first one was sent all the same."""
        try:
            return again()
        except RecordFailed:
            self._ended[Skip.NOT_RECORDED].set()
            return first.failed

    def _write_again(self, step: Step, since: float) -> Outcome:
        """The second try is the last. Builds count from the first one on, which may arrive after all."""
        reading = self._read(step)
        without_write = recheck(step, reading)
        match without_write:
            case None:
                assert reading is not None
                return _outcome(self._write(step, reading, since=since), step, since=since)
            case Unchanged():
                assert step.id is not None
                return _applied(step, step.id, since, read_back=True)
            case _:
                return without_write

    def _write(self, step: Step, reading: Reading, *, since: float) -> Applied | Finding:
        self._about_to_write(step, since)
        try:
            answer = self._api.write_overlay(reading, _after(step))
        except AnswerLost as error:
            lost = error.diagnostic
        else:
            return self._confirmed(step, answer, reading.server_time, lambda: self._seen(step))
        return settle(lambda: self._seen(step), step, lost, clock=self._clock, stop=self._stop)

    def _create(self, step: Step) -> Outcome:
        source = self._read(step)
        if source is None:
            return _source_gone(step)
        finding: Applied | Finding | None = None
        try:
            finding = self._create_once(step, source)
            if isinstance(finding, Unwritten) and not self._stop.is_set():
                finding = self._unless_unrecorded(lambda: self._create_once(step, source), finding)
        except Rejected as error:
            there = self._created(Address.parse(step.repository)) if error.status == _CONFLICT else None
            if there is None:
                raise
            if finding is not None and there.overlay == step.after:  # the first try arrived after all
                return _applied(step, there.id, source.server_time, read_back=True)
            return recheck_created(step, there)
        return _outcome(finding, step, since=source.server_time)

    def _create_once(self, step: Step, source: Reading) -> Applied | Finding:
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

    def _confirmed(self, step: Step, answer: LiveRepository, since: float, look: Look) -> Applied | Finding:
        """Compare what the server says that it holds with what was sent."""
        if answer.overlay == step.after:
            return _applied(step, answer.id, since)
        return confirm(look, step, answer, clock=self._clock, stop=self._stop)

    def _read(self, step: Step) -> Reading | None:
        assert step.id is not None
        return self._api.read_repository(step.id, self._organization)

    def _seen(self, step: Step) -> LiveRepository | None:
        reading = self._read(step)
        return None if reading is None else reading.repository

    def _created(self, address: Address) -> LiveRepository | None:
        """A repository that was to be created: it has no id yet to be read by."""
        wanted = (address.folder or "", address.name)
        live = self._api.read_live(self._organization).repositories
        return next((one for one in live if (one.folder, one.name) == wanted), None)


def _outcome(finding: Applied | Finding, step: Step, *, since: float) -> Outcome:
    match finding:
        case Written(repository_id=id_):
            return _applied(step, id_, since, read_back=True)
        case Unwritten(failed=failed):
            return failed
        case Applied():
            return replace(finding, since=since)
        case Failed():
            return finding


def _after(step: Step) -> Overlay:
    assert step.after is not None
    return step.after


def _applied(step: Step, id_: str, since: float, *, read_back: bool = False) -> Applied:
    return Applied(step=step, repository_id=id_, since=since, read_back=read_back)


def _source_gone(step: Step) -> Failed:
    problem = Diagnostic(
        code="source-gone",
        summary="the repository to create it from does not exist any more",
        hint="plan again to see how things stand",
    )
    return Failed(step=step, kind=FailureKind.OTHER, problem=problem)
