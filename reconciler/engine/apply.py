"""An approved plan carried out: every step is read again, written, confirmed, and ends in exactly one outcome."""

import threading
from collections.abc import Iterator

from reconciler.api.errors import AnswerLost, ApiError, TokenRejected
from reconciler.api.values import Reading
from reconciler.core.desired import Address
from reconciler.core.diff import diff
from reconciler.core.events import ApplyStarted, Event, Listener, StepFinished, StepStarted
from reconciler.core.live import LiveRepository, Organization, Unreadable
from reconciler.core.model import Overlay
from reconciler.core.outcome import Applied, Failed, FailureKind, NotAttempted, Outcome, Skip
from reconciler.core.plan import Action, Plan, Step
from reconciler.diagnostics import Diagnostic
from reconciler.engine.pool import stream
from reconciler.engine.ports import Clock, Stop, WriteApi
from reconciler.engine.recheck import recheck

# A write whose answer was lost may still be under way: these are the pauses before each look at what became of it.
_READ_BACK_PAUSES = (0.0, 1.0, 3.0)


def apply(
    plan: Plan, api: WriteApi, *, clock: Clock, stop: Stop, parallelism: int, listen: Listener
) -> tuple[Outcome, ...]:
    """Carry out a plan; the outcomes of all steps that intend a write or could not be planned, in the plan's order."""
    writer = _Writer(api, plan.organization, clock, stop)
    steps = plan.writes
    listen(ApplyStarted(at=clock.now(), steps=len(steps)))
    outcomes: dict[str, Outcome] = {}
    for event in stream(steps, writer.carry_out, workers=min(parallelism, len(steps))):
        listen(event)
        if isinstance(event, StepFinished):
            outcomes[event.outcome.step.repository] = event.outcome
    for step in plan.steps:
        if step.action is Action.UNKNOWN:
            outcomes[step.repository] = NotAttempted(step=step, reason=Skip.UNREADABLE)
    return tuple(outcomes[step.repository] for step in plan.steps if step.repository in outcomes)


class _Writer:
    """Carries out one step after another, for several threads at once."""

    def __init__(self, api: WriteApi, organization: Organization, clock: Clock, stop: Stop) -> None:
        self._api = api
        self._organization = organization
        self._clock = clock
        self._stop = stop
        self._token_rejected = threading.Event()

    def carry_out(self, step: Step) -> Iterator[Event]:
        """Do what the step intends and tell about it."""
        skip = self._skip()
        if skip is not None:
            yield StepFinished(at=self._clock.now(), outcome=NotAttempted(step=step, reason=skip))
            return
        yield StepStarted(at=self._clock.now(), repository=step.repository)
        yield StepFinished(at=self._clock.now(), outcome=self._outcome(step))

    def _skip(self) -> Skip | None:
        if self._stop.is_set():
            return Skip.INTERRUPTED
        return Skip.TOKEN_REJECTED if self._token_rejected.is_set() else None

    def _outcome(self, step: Step) -> Outcome:
        try:
            return self._create(step) if step.action is Action.CREATE else self._update(step)
        except TokenRejected as error:
            self._token_rejected.set()
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
        try:
            answer = self._api.write_overlay(reading, _after(step))
        except AnswerLost as error:
            return self._settle(step, reading, error.diagnostic, lost=True)
        if answer.overlay == step.after:
            return _applied(step, reading)
        return self._settle(step, reading, _not_confirmed(_after(step), answer), lost=False)

    def _read(self, step: Step) -> Reading | None:
        assert step.id is not None
        return self._api.read_repository(step.id, self._organization)

    def _settle(self, step: Step, reading: Reading, problem: Diagnostic, *, lost: bool) -> Outcome:
        """Decide by reading back whether a write took effect whose answer was lost or said something else."""
        kind = FailureKind.ANSWER_LOST if lost else FailureKind.NOT_CONFIRMED
        for pause in _READ_BACK_PAUSES:
            self._clock.wait(pause, self._stop)
            try:
                now = self._read(step)
            except ApiError:
                continue
            if now is None:
                break
            if now.repository.overlay == step.after:
                return Applied(
                    step=step, repository_id=reading.repository.id, since=reading.server_time, read_back=True
                )
            if lost and now.repository.overlay == step.before:
                kind, problem = FailureKind.NOT_CONFIRMED, _not_written(problem)
            elif lost:
                kind, problem = FailureKind.NOT_CONFIRMED, _not_confirmed(_after(step), now.repository)
        return Failed(step=step, kind=kind, problem=problem)

    def _create(self, step: Step) -> Outcome:
        source = self._read(step)
        if source is None:
            return _source_gone(step)
        address = Address.parse(step.repository)
        created = self._api.create_repository(
            source,
            name=address.name,
            folder=address.folder or "",
            wanted=_after(step),
            organization=self._organization,
        )
        if created.overlay == step.after:
            return Applied(step=step, repository_id=created.id, since=source.server_time)
        problem = _not_confirmed(_after(step), created)
        return Failed(step=step, kind=FailureKind.NOT_CONFIRMED, problem=problem)


def _after(step: Step) -> Overlay:
    assert step.after is not None
    return step.after


def _applied(step: Step, reading: Reading) -> Applied:
    return Applied(step=step, repository_id=reading.repository.id, since=reading.server_time)


def _source_gone(step: Step) -> Failed:
    problem = Diagnostic(
        code="source-gone",
        summary="the repository to create it from does not exist any more",
        hint="plan again to see how things stand",
    )
    return Failed(step=step, kind=FailureKind.OTHER, problem=problem)


def _not_written(problem: Diagnostic) -> Diagnostic:
    return Diagnostic(
        code="not-written",
        summary="the answer of the API was lost, and the repository is still as it was before",
        detail=problem.detail,
        hint="apply again",
    )


def _not_confirmed(wanted: Overlay, answer: LiveRepository) -> Diagnostic:
    """The server took the write and holds something else: name what it dropped or changed."""
    if isinstance(answer.overlay, Unreadable):
        what = answer.overlay.problem
    else:
        what = ", ".join(dict.fromkeys(change.path for change in diff(wanted, answer.overlay)))
    return Diagnostic(
        code="write-not-confirmed",
        summary=f"the server accepted the write and then held something else than what was sent: {what}",
        hint="plan again to see how things stand",
    )
