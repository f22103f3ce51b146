"""Writing a plan: one outcome for each step, whatever happens to the others."""

from reconciler.api.errors import PermissionDenied, TokenRejected
from reconciler.core import planner
from reconciler.core.events import StepFinished, StepStarted
from reconciler.core.overlay import Overlay
from reconciler.core.runs import Applied, Drifted, Failed, FailureKind, NotAttempted, Skip, Unchanged
from reconciler.core.state import Address, Desired, DesiredRepository, LiveRepository, Unreadable
from reconciler.diagnostics import Place
from tests.engine.world import GIT, PROBLEM, VIM, World, creating
from tests.support.fake_api import ORGANIZATION
from tests.support.overlays import overlay


def is_a(id_: str) -> bool:
    return id_.endswith("/a")


def test_everything_is_written_and_confirmed() -> None:
    world = World()
    outcomes = world.apply(parallelism=3)
    assert [type(outcomes[name]) for name in "abc"] == [Applied, Applied, Applied]
    assert all(world.overlay_of(name) == GIT for name in "abc")
    assert sorted(world.api.writes) == ["a", "b", "c"]


def test_events_tell_every_step_once() -> None:
    world = World()
    world.apply()
    assert [event.step.label for event in world.events if isinstance(event, StepStarted)] == ["a", "b", "c"]
    finished = [event.outcome.step.label for event in world.events if isinstance(event, StepFinished)]
    assert finished == ["a", "b", "c"]


def test_since_is_the_servers_time_before_the_write() -> None:
    world = World("a")
    at = world.clock.now()

    def tick(_: str, wanted: Overlay) -> LiveRepository:
        world.clock.time += 30
        return world.api.put(f"{ORGANIZATION.id}/a", wanted)

    world.api.on_write = tick
    outcome = world.apply()["a"]
    assert isinstance(outcome, Applied)
    assert outcome.since == at


def test_a_refused_write_leaves_the_others_alone() -> None:
    world = World()

    def refuse(id_: str, wanted: Overlay) -> None:
        if is_a(id_):
            raise PermissionDenied(PROBLEM, capability="repo.update")

    world.api.on_write = refuse
    outcomes = world.apply()
    assert isinstance(outcomes["a"], Failed)
    assert outcomes["a"].kind is FailureKind.REFUSED
    assert [type(outcomes[name]) for name in "bc"] == [Applied, Applied]


def test_a_repository_changed_since_the_plan_is_left_alone() -> None:
    world = World()
    world.api.put(f"{ORGANIZATION.id}/a", VIM)
    outcomes = world.apply()
    assert outcomes["a"] == Drifted(step=world.plan.steps[0], now=VIM)
    assert world.overlay_of("a") == VIM
    assert world.api.writes == ["b", "c"]


def test_a_repository_that_is_as_wanted_by_now_is_not_written() -> None:
    world = World()
    world.api.put(f"{ORGANIZATION.id}/a", GIT)
    assert isinstance(world.apply()["a"], Unchanged)
    assert world.api.writes == ["b", "c"]


def test_a_repository_that_is_gone_fails() -> None:
    world = World()
    del world.api.repositories[f"{ORGANIZATION.id}/a"]
    outcome = world.apply()["a"]
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "repository-gone"


def test_a_repository_that_became_unreadable_is_left_alone() -> None:
    world = World("a")
    broken = LiveRepository(id=f"{ORGANIZATION.id}/a", name="a", overlay=Unreadable(problem="packages is a number"))
    world.api.repositories[broken.id] = broken
    outcome = world.apply()["a"]
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "unreadable-overlay"
    assert world.api.writes == []


def test_a_section_that_the_server_drops_is_named() -> None:
    world = World("a")
    world.plan = world.make_plan(overlay({"packages": ["git", "jq"]}))
    world.api.on_write = lambda id_, wanted: world.api.put(id_, GIT)
    outcome = world.apply()["a"]
    assert isinstance(outcome, Failed)
    assert "contents.packages" in outcome.problem.summary


def test_a_rejected_token_stops_the_rest() -> None:
    world = World()

    def reject(id_: str, wanted: Overlay) -> None:
        raise TokenRejected(PROBLEM)

    world.api.on_write = reject
    outcomes = world.apply()
    assert isinstance(outcomes["a"], Failed)
    assert outcomes["a"].kind is FailureKind.TOKEN
    assert [outcomes[name] for name in "bc"] == [
        NotAttempted(step=step, reason=Skip.TOKEN_REJECTED) for step in world.plan.steps[1:]
    ]


def test_an_interruption_finishes_what_is_under_way_and_starts_nothing_more() -> None:
    world = World()

    def interrupt(id_: str, wanted: Overlay) -> None:
        world.stop.set()

    world.api.on_write = interrupt
    outcomes = world.apply()
    assert isinstance(outcomes["a"], Applied)
    assert [type(outcomes[name]) for name in "bc"] == [NotAttempted, NotAttempted]
    assert world.api.writes == ["a"]


def test_an_unreadable_repository_is_not_attempted() -> None:
    world = World("a", "b")
    id_ = f"{ORGANIZATION.id}/b"
    world.api.repositories[id_] = LiveRepository(id=id_, name="b", overlay=Unreadable(problem="?"))
    world.plan = world.make_plan(GIT)
    outcomes = world.apply()
    assert isinstance(outcomes["a"], Applied)
    assert isinstance(outcomes["b"], NotAttempted)
    assert world.api.writes == ["a"]


def test_a_creation() -> None:
    world = creating()
    outcome = world.apply()["custom"]
    assert isinstance(outcome, Applied)
    assert outcome.repository_id == f"{ORGANIZATION.id}/custom"
    assert world.overlay_of("custom") == GIT


def test_a_creation_whose_source_is_gone() -> None:
    world = World("python")
    entry = DesiredRepository(address=Address(name="custom"), place=Place(file="m.yaml"), source=Address(name="python"))
    desired = Desired(organization="example.com", repositories=(entry,))
    world.plan = planner.plan(desired, world.api.read_live(ORGANIZATION))
    world.api.repositories.clear()
    outcome = world.apply()["custom"]
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "source-gone"
