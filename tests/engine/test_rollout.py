"""Waves: what is held back, and what stops all further writes."""

from collections.abc import Sequence

from reconciler.core.builds import Progress
from reconciler.core.runs import Applied, NotAttempted, Outcome, RecordFailed, Skip
from reconciler.core.steps import AnyStep
from reconciler.engine.follow import Limits
from reconciler.engine.ports import OnError
from reconciler.engine.rollout import Batches, Rollout, rollout
from reconciler.engine.waves import parse_sizes, plan_waves
from tests.engine.world import PROBLEM, World


class Refusing:
    """A record that can take note of nothing."""

    def about_to_write(self, step: AnyStep, *, repository_id: str | None, since: float) -> None:
        raise RecordFailed(PROBLEM)

    def finished(self, outcome: Outcome) -> None:
        pass

    def seen(self, progress: Sequence[Progress]) -> None:
        pass


def roll(world: World, *, max_failed: int = 0, record: Refusing | None = None) -> tuple[Outcome, ...]:
    settings = Rollout(
        parallelism=1,
        on_error=OnError.CONTINUE,
        batches=Batches(max_failed=max_failed),
        wait=True,
        limits=Limits(total=600),
    )
    outcomes, _ = rollout(
        world.plan,
        world.api,
        clock=world.clock,
        stop=world.stop,
        settings=settings,
        on_event=world.events.append,
        record=record,
        waves=plan_waves(world.plan, parse_sizes("1")),
    )
    return outcomes


def test_a_wave_that_times_out_holds_the_rest_back() -> None:
    world = World()
    first, *rest = roll(world, max_failed=9)
    assert isinstance(first, Applied)
    assert [one.reason for one in rest if isinstance(one, NotAttempted)] == [Skip.HELD_BACK] * 2
    assert world.api.writes == ["a"]


def test_what_cannot_be_recorded_is_not_sent() -> None:
    world = World()
    outcomes = roll(world, record=Refusing())
    assert [one.reason for one in outcomes if isinstance(one, NotAttempted)] == [Skip.NOT_RECORDED] * 3
    assert world.api.writes == []
