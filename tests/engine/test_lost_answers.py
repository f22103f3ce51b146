"""Writes whose answer was lost: settled by reading back, sent again once where that is safe."""

from typing import Any

import pytest

from reconciler.api.errors import AnswerLost, PermissionDenied, Unreachable
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.runs import Applied, Drifted, Failed, FailureKind
from reconciler.core.state import LiveRepository, RepositoryVersion
from tests.engine.world import GIT, PROBLEM, VIM, World, creating
from tests.support.fake_api import ORGANIZATION


def test_a_lost_answer_is_settled_by_reading_back_when_the_write_took_effect() -> None:
    world = World("a")

    def lose(id_: str, wanted: Overlay) -> None:
        world.api.put(id_, wanted)
        raise AnswerLost(PROBLEM)

    world.api.on_write = lose
    outcome = world.apply()["a"]
    assert isinstance(outcome, Applied)
    assert outcome.read_back


def test_a_write_that_certainly_did_not_take_effect_is_sent_once_more() -> None:
    world = World("a")
    began = world.clock.now()

    def lose_the_first(id_: str, wanted: Overlay) -> None:
        if len(world.api.writes) == 1:
            raise AnswerLost(PROBLEM)

    world.api.on_write = lose_the_first
    outcome = world.apply()["a"]
    assert outcome == Applied(step=world.plan.steps[0], repository_id=f"{ORGANIZATION.id}/a", since=began)
    assert world.api.writes == ["a", "a"]
    assert world.clock.now() - began == 4.0, "all looks come before the second write"


def test_the_second_write_is_the_last() -> None:
    world = World("a")

    def lose(id_: str, wanted: Overlay) -> None:
        raise AnswerLost(PROBLEM)

    world.api.on_write = lose
    outcome = world.apply()["a"]
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.problem.code) == (FailureKind.NOT_CONFIRMED, "not-written")
    assert world.api.writes == ["a", "a"]
    assert world.overlay_of("a") == EMPTY


def test_a_second_write_whose_answer_is_lost_too_is_settled_by_reading_back() -> None:
    world = World("a")

    def lose(id_: str, wanted: Overlay) -> None:
        if len(world.api.writes) == 2:
            world.api.put(id_, wanted)
        raise AnswerLost(PROBLEM)

    world.api.on_write = lose
    outcome = world.apply()["a"]
    assert isinstance(outcome, Applied)
    assert outcome.read_back
    assert world.api.writes == ["a", "a"]


def test_a_write_that_arrives_after_all_looks_is_not_sent_again() -> None:
    world = World("a")
    reads: list[str] = []

    def arrive_late(id_: str) -> None:
        reads.append(id_)
        if len(reads) == 5:
            world.api.put(id_, GIT)

    def lose(id_: str, wanted: Overlay) -> None:
        raise AnswerLost(PROBLEM)

    world.api.before_read = arrive_late
    world.api.on_write = lose
    outcome = world.apply()["a"]
    assert isinstance(outcome, Applied)
    assert outcome.read_back
    assert world.api.writes == ["a"]


def test_a_change_by_somebody_else_before_the_second_write_is_left_alone() -> None:
    world = World("a")
    reads: list[str] = []

    def edit(id_: str) -> None:
        reads.append(id_)
        if len(reads) == 5:
            world.api.put(id_, VIM)

    def lose(id_: str, wanted: Overlay) -> None:
        raise AnswerLost(PROBLEM)

    world.api.before_read = edit
    world.api.on_write = lose
    assert world.apply()["a"] == Drifted(step=world.plan.steps[0], now=VIM)
    assert world.api.writes == ["a"]


def test_a_second_write_that_is_refused_fails_with_the_reason() -> None:
    world = World("a")

    def refuse(id_: str, wanted: Overlay) -> None:
        if len(world.api.writes) == 1:
            raise AnswerLost(PROBLEM)
        raise PermissionDenied(PROBLEM, capability="repo.update")

    world.api.on_write = refuse
    outcome = world.apply()["a"]
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.REFUSED


def test_an_interrupted_reading_back_sends_nothing_again() -> None:
    world = World("a")

    def lose(id_: str, wanted: Overlay) -> None:
        world.stop.set()
        raise AnswerLost(PROBLEM)

    world.api.on_write = lose
    outcome = world.apply()["a"]
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "not-written"
    assert world.api.writes == ["a"]


def test_a_last_look_that_fails_leaves_it_unknown_and_sends_nothing_again() -> None:
    world = World("a")
    reads: list[str] = []

    def fail_last(_: str) -> None:
        reads.append("")
        if len(reads) == 4:
            raise Unreachable(PROBLEM)

    def lose(id_: str, wanted: Overlay) -> None:
        raise AnswerLost(PROBLEM)

    world.api.before_read = fail_last
    world.api.on_write = lose
    outcome = world.apply()["a"]
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.ANSWER_LOST
    assert world.api.writes == ["a"]


def test_a_write_that_arrives_late_is_found_by_the_second_look() -> None:
    world = World("a")

    def lose(id_: str, wanted: Overlay) -> None:
        def arrive(now: float) -> None:
            if now > start:
                world.api.put(id_, wanted)

        world.clock.on_wait = arrive
        raise AnswerLost(PROBLEM)

    start = world.clock.now()
    world.api.on_write = lose
    assert isinstance(world.apply()["a"], Applied)


def test_a_lost_answer_after_which_something_else_is_there() -> None:
    world = World("a")

    def lose(id_: str, wanted: Overlay) -> None:
        world.api.put(id_, VIM)
        raise AnswerLost(PROBLEM)

    world.api.on_write = lose
    outcome = world.apply()["a"]
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "write-not-confirmed"
    assert "contents.packages" in outcome.problem.summary


def test_a_lost_answer_that_cannot_be_read_back_is_reported_to_be_unknown() -> None:
    world = World("a")

    def lose(id_: str, wanted: Overlay) -> None:
        def unreachable(_: str) -> None:
            raise Unreachable(PROBLEM)

        world.api.before_read = unreachable
        raise AnswerLost(PROBLEM)

    world.api.on_write = lose
    outcome = world.apply()["a"]
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.ANSWER_LOST


@pytest.mark.parametrize(("took_effect", "writes"), [(True, 1), (False, 2)])
def test_a_creation_whose_answer_is_lost(took_effect: bool, writes: int) -> None:  # noqa: FBT001 - a case of the table
    world = creating()
    create = world.api.create_repository

    def lose_the_first(source: RepositoryVersion, **what: Any) -> LiveRepository:
        first = not world.api.writes
        if not first or took_effect:
            created = create(source, **what)
            if not first:
                return created
        else:
            world.api.writes.append(what["name"])
        raise AnswerLost(PROBLEM)

    world.api.create_repository = lose_the_first  # type: ignore[method-assign]
    outcome = world.apply()["custom"]
    assert isinstance(outcome, Applied)
    assert outcome.read_back is took_effect
    assert outcome.repository_id == f"{ORGANIZATION.id}/custom"
    assert world.api.writes == ["custom"] * writes


def test_a_creation_that_is_lost_twice() -> None:
    world = creating()

    def lose(source: RepositoryVersion, **what: Any) -> LiveRepository:
        world.api.writes.append(what["name"])
        raise AnswerLost(PROBLEM)

    world.api.create_repository = lose  # type: ignore[method-assign]
    outcome = world.apply()["custom"]
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "not-written"
    assert world.api.writes == ["custom", "custom"]
