"""Apply a whole plan: all at once, or in waves that each wait for the builds of the previous one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import TypeVar

from reconciler.api.errors import TokenRejected
from reconciler.core.builds import Stage
from reconciler.core.events import Listener, WaveStarted
from reconciler.core.plan import Plan
from reconciler.core.progress import begin
from reconciler.core.runs import Applied, Failed, FailureKind, NotAttempted, Outcome, Skip, Unchanged
from reconciler.core.steps import AnyStep
from reconciler.core.write_order import before_repositories
from reconciler.engine.apply import apply, count_others, in_order, plan_writes, unplanned
from reconciler.engine.follow import Followed, Limits, follow, targets_of
from reconciler.engine.ports import Clock, OnError, Record, Stop, WriteApi


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Size of one wave: a `count`, a `percent` of all, or, with neither, everything left."""

    count: int | None = None
    percent: int | None = None

    def of(self, total: int) -> int:
        """Return the number of items that the wave may hold, at least one."""
        if self.count is not None:
            return self.count
        return total if self.percent is None else max(1, -(-total * self.percent // _WHOLE))


REST = Size()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Sizes of the waves, and how many repositories may fail in all of them before the rest is held back."""

    sizes: tuple[Size, ...]
    max_failed: int = 0


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
) -> tuple[tuple[Outcome, ...], Followed | None]:
    """Apply a plan and follow its builds; return the outcomes in the plan's order, and None if none were followed.

    With batches, overlays and bindings are the first wave. The other steps are taken in the plan's order, in waves of
    the given sizes, the last of which is repeated until all are done. A wave begins once every build of the previous
    one has ended and at most `max_failed` repositories failed over all waves so far; the rest is held back.
    """
    run = _Run(plan, api, clock=clock, stop=stop, settings=settings, on_event=on_event, record=record)
    batches = settings.batches
    if batches is None:
        run.wave(plan_writes(plan))
    else:
        run.waves(plan_waves(plan, batches.sizes), batches.max_failed)
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

    def waves(self, waves: Sequence[Sequence[AnyStep]], max_failed: int) -> None:
        """Run one wave after the other, until one forbids the next."""
        wrong = 0
        for number, steps in enumerate(waves, start=1):
            others = count_others(steps)
            self._on_event(
                WaveStarted(at=self._clock.now(), number=number, of=len(waves), steps=len(steps), others=others)
            )
            outcomes, followed = self.wave(steps)
            wrong += _gone_wrong(outcomes, followed)
            reason = self._no_further(outcomes, followed)
            if reason is None and wrong > max_failed:
                reason = Skip.HELD_BACK
            if reason is not None:
                self._leave(reason, (step for rest in waves[number:] for step in rest))
                return

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
            return None
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


def _gone_wrong(outcomes: Iterable[Outcome], followed: Followed | None) -> int:
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


Item = TypeVar("Item")

_WHOLE = 100


def parse_sizes(text: str) -> tuple[Size, ...]:
    """Return the sizes of a text such as `1,10%,rest`; raises `ValueError` with the reason."""
    sizes = tuple(_size(word.strip()) for word in text.split(","))
    if REST in sizes[:-1]:
        message = "`rest` must come last"
        raise ValueError(message)
    return sizes


def plan_waves(plan: Plan, sizes: Sequence[Size]) -> tuple[tuple[AnyStep, ...], ...]:
    """Split the writes of a plan: first overlays and bindings with the resets that they need, then the repositories."""
    if not plan.overlay_writes:
        return split_waves(plan.writes, sizes)
    early, others = before_repositories(plan_writes(plan))
    return (early, *split_waves(others, sizes))


def split_waves(items: Sequence[Item], sizes: Sequence[Size]) -> tuple[tuple[Item, ...], ...]:
    """Split items into waves, in order; the last size is repeated, and no wave is empty."""
    return tuple(_waves(items, chain(sizes, repeat(sizes[-1]))))


def _waves(items: Sequence[Item], sizes: Iterator[Size]) -> Iterator[tuple[Item, ...]]:
    start = 0
    while start < len(items):
        end = start + next(sizes).of(len(items))
        yield tuple(items[start:end])
        start = end


def _size(word: str) -> Size:
    if word == "rest":
        return REST
    digits = word.removesuffix("%")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else 0  # noqa: PLR2004 - more digits are not needed
    is_percent = digits != word
    if number < 1 or (is_percent and number > _WHOLE):
        message = f'"{word}" must be a count, a percentage such as 10%, or `rest`'
        raise ValueError(message)
    return Size(percent=number) if is_percent else Size(count=number)
