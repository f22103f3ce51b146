"""Apply a whole plan: all at once, or in waves that each wait for the builds of the previous one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.api.errors import TokenRejected
from reconciler.core.builds import Stage
from reconciler.core.events import Listener, WaveFailed, WaveSoaking, WaveStarted
from reconciler.core.plan import Plan
from reconciler.core.progress import begin
from reconciler.core.runs import Applied, Failed, FailureKind, NotAttempted, Outcome, Skip, Unchanged
from reconciler.core.steps import AnyStep
from reconciler.engine.apply import apply, count_others, in_order, plan_writes, unplanned
from reconciler.engine.follow import Followed, Limits, follow, targets_of
from reconciler.engine.ports import Clock, OnError, Record, Stop, WriteApi
from reconciler.engine.waves import Waves


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Order and conditions of the waves.

    `max_failed` is the number of repositories that may fail in all waves before the rest is held back, `soak` the
    seconds between the verified builds of a wave and the next one. After wave `pause_after` the rest is left for later.
    """

    max_failed: int = 0
    soak: float = 0.0
    pause_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Options of applying a plan; the limits of following are those of all waves together."""

    parallelism: int
    on_error: OnError
    batches: Batches | None
    wait: bool
    limits: Limits


def rollout(
    plan: Plan,
    api: WriteApi,
    *,
    clock: Clock,
    stop: Stop,
    settings: Rollout,
    on_event: Listener,
    record: Record | None = None,
    waves: Waves | None = None,
) -> tuple[tuple[Outcome, ...], Followed | None]:
    """Apply a plan and follow its builds; return the outcomes in the plan's order, and None if none were followed.

    `waves` are the writes of the plan, which then come one wave after another. A wave begins once every build of the
    previous one has ended and at most `max_failed` repositories failed over all waves so far; the rest is held back.
    """
    run = _Run(plan, api, clock=clock, stop=stop, settings=settings, on_event=on_event, record=record)
    if waves is None:
        run.wave(plan_writes(plan))
    else:
        run.waves(waves, settings.batches or Batches())
    outcomes = {outcome.step.key: outcome for outcome in (*run.outcomes, *unplanned(plan))}
    return in_order(plan, outcomes), _together(run.followed)


class _Run:
    """Results of the waves so far."""

    def __init__(
        self,
        plan: Plan,
        api: WriteApi,
        *,
        clock: Clock,
        stop: Stop,
        settings: Rollout,
        on_event: Listener,
        record: Record | None,
    ) -> None:
        self._plan = plan
        self._api = api
        self._clock = clock
        self._stop = stop
        self._settings = settings
        self._on_event = on_event
        self._record = record
        self.outcomes: list[Outcome] = []
        self.followed: list[Followed] = []
        self._left = settings.limits.total

    def waves(self, waves: Waves, batches: Batches) -> None:
        """Run one wave after the other, until one forbids the next."""
        wrong = 0
        for number, steps in enumerate(waves, start=1):
            others = count_others(steps)
            self._on_event(
                WaveStarted(at=self._clock.now(), number=number, of=len(waves), steps=len(steps), others=others)
            )
            outcomes, followed = self.wave(steps)
            wrong += _failed_repositories(outcomes, followed)
            reason = self._no_further(outcomes, followed)
            if reason is None and wrong > batches.max_failed:
                self._on_event(WaveFailed(at=self._clock.now(), number=number, of=len(waves), steps=tuple(steps)))
                reason = Skip.HELD_BACK
            if reason is None and number < len(waves):
                pauses = number == batches.pause_after
                reason = Skip.PAUSED if pauses else self._soaked(number, len(waves), batches.soak)
            if reason is not None:
                self._leave(reason, (step for rest in waves[number:] for step in rest))
                return

    def _soaked(self, number: int, of: int, seconds: float) -> Skip | None:
        """Wait between two waves; return why the next one does not start."""
        if seconds:
            self._on_event(WaveSoaking(at=self._clock.now(), number=number, of=of, seconds=seconds))
            self._clock.wait(seconds, self._stop)
        return Skip.INTERRUPTED if self._stop.is_set() else None

    def wave(self, steps: Sequence[AnyStep]) -> tuple[tuple[Outcome, ...], Followed | None]:
        """Write some of the plan's steps, and follow their builds."""
        outcomes = apply(
            self._plan,
            self._api,
            clock=self._clock,
            stop=self._stop,
            parallelism=self._settings.parallelism,
            on_event=self._on_event,
            record=self._record,
            on_error=self._settings.on_error,
            steps=steps,
        )
        self.outcomes += outcomes
        followed = self._follow(outcomes)
        if followed is not None:
            self.followed.append(followed)
        return outcomes, followed

    def _follow(self, outcomes: Sequence[Outcome]) -> Followed | None:
        rejected = any(isinstance(one, Failed) and one.kind is FailureKind.TOKEN for one in outcomes)
        if rejected or not self._settings.wait or self._stop.is_set():
            return None
        try:
            watched = targets_of(outcomes, self._plan.effects, self._api, self._plan.organization)
        except TokenRejected as error:
            return Followed(progress=(), token_problem=error.diagnostic)
        if not watched:
            # What was written changes no image: there is nothing left to wait for.
            return Followed(progress=()) if any(isinstance(one, Applied) for one in outcomes) else None
        began = self._clock.now()
        followed = follow(
            tuple(begin(watch, now=began) for watch in watched),
            self._api,
            self._plan.organization,
            clock=self._clock,
            stop=self._stop,
            limits=replace(self._settings.limits, total=self._left),
            on_event=self._on_event,
            record=self._record,
        )
        self._left -= self._clock.now() - began
        return followed

    def _no_further(self, outcomes: Sequence[Outcome], followed: Followed | None) -> Skip | None:
        """Return why no further wave may start, regardless of the allowed failures."""
        if self._stop.is_set():
            return Skip.INTERRUPTED
        for outcome in outcomes:
            match outcome:
                case NotAttempted(reason=reason) if reason is not Skip.PREREQUISITE:
                    return reason
                case Failed(kind=FailureKind.TOKEN):
                    return Skip.TOKEN_REJECTED
                case Failed() if self._settings.on_error is OnError.STOP:
                    return Skip.AFTER_FAILURE
                case _:
                    pass
        return None if followed is None else _unfinished(followed)

    def _leave(self, reason: Skip, steps: Iterable[AnyStep]) -> None:
        left = [NotAttempted(step=step, reason=reason) for step in steps]
        for outcome in left:
            if self._record is not None:
                self._record.finished(outcome)
        self.outcomes += left


def _unfinished(followed: Followed) -> Skip | None:
    if followed.token_problem is not None:
        return Skip.TOKEN_REJECTED
    return Skip.HELD_BACK if followed.timed_out or followed.late or followed.problem else None


def _failed_repositories(outcomes: Iterable[Outcome], followed: Followed | None) -> int:
    """Return the repositories of a wave that were not written, or whose builds did not all succeed."""
    written = {outcome.step.key for outcome in outcomes if not isinstance(outcome, Applied | Unchanged)}
    built = set()
    if followed is not None:
        built = {one.target.repository for one in followed.progress if one.failures or one.stage is not Stage.DONE}
    return len(written | built)


def _together(waves: Sequence[Followed]) -> Followed | None:
    """Merge the results of following in all waves; only the last one can have ended early."""
    if not waves:
        return None
    tags = {digest: names for one in waves for digest, names in one.tags.items()}
    return replace(waves[-1], progress=tuple(progress for one in waves for progress in one.progress), tags=tags)
