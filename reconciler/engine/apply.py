"""Apply an approved plan: read each thing again, write what was approved, confirm it; one outcome a step."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TypeVar

from reconciler.api.errors import AnswerLost, ApiError, Rejected, SourceDropped, TokenRejected
from reconciler.core.events import ApplyStarted, Event, Listener, StepFinished, StepStarted
from reconciler.core.overlay import Overlay
from reconciler.core.plan import Plan
from reconciler.core.runs import (
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
from reconciler.core.state import Address, RepositoryVersion, Unreadable
from reconciler.core.steps import Action, AnyStep, BindingStep, OverlayStep, Step
from reconciler.core.write_order import Chain, Unmet, stages
from reconciler.engine.ports import Clock, OnError, Record, Stop, WriteApi, stream
from reconciler.engine.settle import (
    LAST_PAUSES,
    PAUSES,
    ReadLive,
    Seen,
    Settlement,
    Unwritten,
    Written,
    not_confirmed,
    settle,
)
from reconciler.engine.writes import (
    BindingWrite,
    OverlayWrite,
    RepositoryWrite,
    Write,
    exists_already,
    is_approved,
    renamed,
    seen_repository,
)

T = TypeVar("T")


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
    steps: Sequence[AnyStep] | None = None,
) -> tuple[Outcome, ...]:
    """Apply a plan; return the outcomes of all steps that write or could not be planned, in the plan's order.

    The steps are written stage by stage (`write_order`): a step is not attempted if one that it depends on did not
    succeed. With `steps` only those are applied and returned.
    """
    writer = _Writer(plan, api, clock, stop, record=record, on_error=on_error)
    others = unplanned(plan) if steps is None else ()
    steps = plan_writes(plan) if steps is None else steps
    on_event(ApplyStarted(at=clock.now(), steps=len(steps), others=count_others(steps)))
    outcomes: dict[str, Outcome] = {outcome.step.key: outcome for outcome in others}
    unmet = Unmet()
    for step in plan.overlay_steps:
        if step.action in (Action.BLOCKED, Action.UNKNOWN):
            unmet.add(step)
    for stage in stages(steps):
        run = partial(writer.run_chain, unmet=unmet)
        for event in stream(stage, run, workers=min(parallelism, len(stage))):
            on_event(event)
            if isinstance(event, StepFinished):
                outcomes[event.outcome.step.key] = event.outcome
        for done in chain.from_iterable(stage):
            if not isinstance(outcomes[done.key], Applied | Unchanged):
                unmet.add(done)
    return in_order(plan, outcomes)


def plan_writes(plan: Plan) -> tuple[AnyStep, ...]:
    """Return every step that an apply of a plan writes: those of overlays and bindings, then those of repositories."""
    return (*plan.overlay_writes, *plan.writes)


def count_others(steps: Iterable[AnyStep]) -> int:
    """Return how many steps are of overlays and bindings."""
    return sum(not isinstance(step, Step) for step in steps)


def in_order(plan: Plan, outcomes: Mapping[str, Outcome]) -> tuple[Outcome, ...]:
    """Return outcomes, by the key of their step, in the order of the plan."""
    return tuple(outcomes[step.key] for step in (*plan.overlay_steps, *plan.steps) if step.key in outcomes)


def unplanned(plan: Plan) -> tuple[Outcome, ...]:
    """Return the outcomes of the steps that could not be planned."""
    unknown = (step for step in (*plan.overlay_steps, *plan.steps) if step.action is Action.UNKNOWN)
    unread = (NotAttempted(step=step, reason=Skip.UNREADABLE) for step in unknown)
    return (*unread, *(NotAttempted(step=step, reason=Skip.BLOCKED) for step in plan.blocked))


class _Writer:
    """Runs steps; thread-safe."""

    def __init__(
        self,
        plan: Plan,
        api: WriteApi,
        clock: Clock,
        stop: Stop,
        *,
        record: Record | None,
        on_error: OnError,
    ) -> None:
        self._api = api
        self._organization = plan.organization
        self._overlays = {one.name: one.after for one in plan.overlay_steps if isinstance(one, OverlayStep)}
        self._clock = clock
        self._stop = stop
        self._record = record
        self._on_error = on_error
        self._ended: dict[Skip, threading.Event] = {
            reason: threading.Event() for reason in (Skip.NOT_RECORDED, Skip.TOKEN_REJECTED, Skip.AFTER_FAILURE)
        }

    def run_chain(self, steps: Chain, unmet: Unmet) -> Iterator[Event]:
        """Run steps one after another."""
        for step in steps:
            yield from self.run_step(step, unmet)

    def run_step(self, step: AnyStep, unmet: Unmet) -> Iterator[Event]:
        """Run what the step intends and emit its events; `unmet` is what earlier stages have not achieved."""
        skip = self._skip() or (Skip.PREREQUISITE if unmet.holds_back(step) else None)
        if skip is not None:
            yield self._finished(NotAttempted(step=step, reason=skip))
            return
        yield StepStarted(at=self._clock.now(), step=step)
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

    def _about_to_write(self, step: AnyStep, since: float) -> None:
        if self._record is not None:
            id_ = None if step.action is Action.CREATE else step.id
            self._record.about_to_write(step, repository_id=id_, since=since)

    def _outcome(self, step: AnyStep) -> Outcome:
        try:
            return self._written(step)
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

    def _written(self, step: AnyStep) -> Outcome:
        if isinstance(step, Step) and step.action is Action.CREATE:
            return self._create(step)
        return self._update(step, self._write_of(step))

    def _write_of(self, step: AnyStep) -> Write:
        match step:
            case Step():
                return RepositoryWrite(step, self._api, self._organization)
            case OverlayStep():
                return OverlayWrite(step, self._api, self._organization)
            case BindingStep(overlay=name):
                return BindingWrite(step, self._api, self._organization, reviewed=self._overlays.get(name))

    def _update(self, step: AnyStep, write: Write) -> Outcome:
        without_write = write.recheck()
        if without_write is not None:
            return without_write
        since = write.since
        settlement = self._write(step, write, since=since)
        if isinstance(settlement, Unwritten) and not self._stop.is_set():
            return self._unless_unrecorded(lambda: self._write_again(step, write, since), settlement)
        return _outcome(settlement, step, since=since)

    def _unless_unrecorded(self, again: Callable[[], T], first: Unwritten) -> T | Failed:
        """Return the outcome of a second try; one that cannot be recorded is not made, but the first one was sent."""
        try:
            return again()
        except RecordFailed:
            self._ended[Skip.NOT_RECORDED].set()
            return first.failed

    def _write_again(self, step: AnyStep, write: Write, since: float) -> Outcome:
        """Write a second and last time. Builds count from the first try on, which may arrive after all."""
        without_write = write.recheck()
        match without_write:
            case None:
                outcome = _outcome(self._write(step, write, since=since, pauses=LAST_PAUSES), step, since=since)
                return self._arrived(step, write, since) if isinstance(outcome, Unchanged) else outcome
            case Unchanged():
                return self._arrived(step, write, since)
            case _:
                return without_write

    def _arrived(self, step: AnyStep, write: Write, since: float) -> Applied:
        """Return the outcome of a first write that arrived after all."""
        there = None if step.after is None else write.seen()
        return _applied(step, there.id if there else step.id or "", since, read_back=True)

    def _write(
        self, step: AnyStep, write: Write, *, since: float, pauses: Sequence[float] = PAUSES
    ) -> Applied | Drifted | Unchanged | Settlement:
        self._about_to_write(step, since)
        try:
            answer = write.send()
        except AnswerLost as error:
            lost = error.diagnostic
        except Rejected as error:
            return self._refused(step, write, error)
        else:
            return self._confirmed(step, answer, since, write.seen)
        return settle(write.seen, step, lost, clock=self._clock, stop=self._stop, pauses=pauses)

    def _refused(self, step: AnyStep, write: Write, error: Rejected) -> Drifted | Unchanged | Failed:
        """Return the outcome of a creation of something that somebody else has created meanwhile."""
        if step.action is not Action.CREATE or not exists_already(error):
            raise error
        there = write.recheck()
        if there is None:
            raise error
        return there

    def _create(self, step: Step) -> Outcome:
        source = self._read(step)
        if source is None:
            return _source_missing(step)
        if not is_approved(step, source.repository):
            return renamed(step, source.repository)
        settlement: Applied | Settlement | None = None
        try:
            settlement = self._create_once(step, source)
            if isinstance(settlement, Unwritten) and not self._stop.is_set():
                settlement = self._unless_unrecorded(lambda: self._create_once(step, source), settlement)
        except Rejected as error:
            there = self._created(Address.parse(step.repository)) if exists_already(error) else None
            if there is None:
                raise
            if settlement is not None and there.content == step.after:  # the first try arrived after all
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
            return self._confirmed(step, seen_repository(created), source.server_time, lambda: self._created(address))
        return settle(lambda: self._created(address), step, lost, clock=self._clock, stop=self._stop)

    def _confirmed(self, step: AnyStep, answer: Seen | None, since: float, read: ReadLive) -> Applied | Failed:
        """Return the outcome by comparing the response with what was sent, reading again if they differ."""
        if answer is not None and answer.content == step.after:
            return _applied(step, answer.id, since)
        problem = not_confirmed(step, answer)
        found = settle(read, step, problem, clock=self._clock, stop=self._stop, pauses=LAST_PAUSES)
        match found:
            case Written(id=id_):
                return _applied(step, id_, since)
            case Unwritten():
                return Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=problem)
            case Failed(problem=unread):
                shown = problem if answer is not None else unread
                return Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=shown)

    def _read(self, step: Step) -> RepositoryVersion | None:
        assert step.id is not None
        return self._api.read_repository(step.id, self._organization)

    def _created(self, address: Address) -> Seen | None:
        """Return the outcome of a creation with a lost response: without an id it cannot be read back."""
        wanted = (address.folder or "", address.name)
        live = self._api.read_live(self._organization).repositories
        return next((seen_repository(one) for one in live if (one.folder, one.name) == wanted), None)


def _outcome(settlement: Outcome | Settlement, step: AnyStep, *, since: float) -> Outcome:
    match settlement:
        case Written(id=id_):
            return _applied(step, id_, since, read_back=True)
        case Unwritten(failed=failed):
            return failed
        case Applied():
            return replace(settlement, since=since)
        case _:
            return settlement


def _after(step: Step) -> Overlay:
    assert step.after is not None
    return step.after


def _applied(step: AnyStep, id_: str, since: float, *, read_back: bool = False) -> Applied:
    return Applied(step=step, repository_id=id_, since=since, read_back=read_back)


def _source_missing(step: Step) -> Failed:
    return failed_step(step, "source-gone", "the source repository no longer exists")


def recheck_created(step: Step, there: Seen) -> Unchanged | Drifted | Failed:
    """Return the outcome of a creation if the repository was created since the plan."""
    now = there.content
    if isinstance(now, Unreadable):
        return failed_step(step, "unreadable-overlay", f"the repository was created meanwhile; {now.summary}")
    return Unchanged(step=step) if now == step.after else Drifted(step=step, now=now)
