"""The loop: what is sent again, what the listener is told, what an interruption does."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.api.errors import AnswerLost, ApiError, NotUnderstood, RateLimited, ServerFault, Unreachable
from reconciler.api.retry import Retrier, RetryNotice, Timing
from reconciler.api.writer import WriteClient
from reconciler.core.overlay import EMPTY
from reconciler.core.state import LiveRepository, RepositoryVersion
from tests.api.fakes import NODE, ORGANIZATION, Answerer, Asked, Told, repository, writer
from tests.support.clock import FakeClock

READING = RepositoryVersion(
    repository=LiveRepository(id=NODE, name="node", overlay=EMPTY), document=repository(), server_time=0.0
)
LISTED = Told({"items": [repository()]})
BUSY = Told(status=503, body=b"")


class World:
    """A client whose API answers from a list, the last answer again and again."""

    def __init__(self, *answers: Told | Exception, max_rps: float | None = None) -> None:
        self.clock = FakeClock()
        self.stopped = False
        self.told: list[RetryNotice] = []
        self.answers = list(answers)
        self.on_wait: Callable[[], None] = lambda: None
        timing = Timing(now=self.clock.now, monotonic=self.clock.now, sleep=self.sleep, stopped=lambda: self.stopped)
        retrier = Retrier(timing=timing, max_rps=max_rps, on_retry=self.told.append, jitter=lambda: 1.0)
        self.client: WriteClient
        self.client, self.api = writer(self._answerer(), retrier=retrier)

    def _answerer(self) -> Answerer:
        def answer(_: Asked) -> Told:
            told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(told, Exception):
                raise told
            return told

        return answer

    def sleep(self, seconds: float) -> None:
        self.on_wait()
        if not self.stopped:
            self.clock.waits.append(seconds)
            self.clock.time += seconds

    def read(self) -> object:
        return self.client.read_live(ORGANIZATION)

    def write(self) -> object:
        return self.client.write_overlay(READING, EMPTY)


def test_what_succeeds_at_once_is_sent_once_and_reported_to_nobody() -> None:
    world = World(LISTED)
    world.read()
    assert (len(world.api.asked), world.clock.waits, world.told) == (1, [], [])


@pytest.mark.parametrize("fault", [BUSY, Told(status=429, body=b""), ConnectionResetError()])
def test_a_read_continues_after_a_fault(fault: Told | Exception) -> None:
    world = World(fault, fault, LISTED)
    world.read()
    assert len(world.api.asked) == 3
    assert world.clock.waits == [1.0, 2.0]


def test_the_listener_is_called_before_each_wait() -> None:
    world = World(BUSY)
    with pytest.raises(ServerFault):
        world.read()
    action = 'list the repositories of "example.com"'
    assert world.told == [
        RetryNotice(action=action, reason="503, unavailable", wait=wait, attempt=number, tries=6)
        for number, wait in enumerate([1.0, 2.0, 4.0, 8.0, 16.0], start=2)
    ]
    assert len(world.api.asked) == 6


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Told(status=501, body=b""), ServerFault),
        (Told(body=b'{"items": ['), NotUnderstood),
        (Told(body=b"<html>"), NotUnderstood),
        (Told(status=403, body=b""), ApiError),
    ],
)
def test_what_no_repeating_mends_is_sent_once(answer: Told, kind: type[ApiError]) -> None:
    world = World(answer)
    with pytest.raises(kind):
        world.read()
    assert [asked.path for asked in world.api.asked].count(world.api.asked[0].path) == 1
    assert world.told == []


@pytest.mark.parametrize("answer", [BUSY, Told(status=504, body=b""), ConnectionResetError(), Told(body=b"{")])
def test_a_write_whose_answer_is_lost_is_sent_once(answer: Told | Exception) -> None:
    world = World(answer)
    with pytest.raises(AnswerLost) as caught:
        world.write()
    assert len(world.api.asked) == 1
    assert caught.value.__context__ is None


def test_a_write_that_was_refused_with_429_is_sent_again() -> None:
    world = World(Told({"code": 8}, status=429, headers={"Retry-After": "12"}), Told(repository()))
    world.write()
    assert [asked.method for asked in world.api.asked] == ["PUT", "PUT"]
    assert world.api.asked[0].body == world.api.asked[1].body
    assert world.clock.waits[0] == 12.0


def test_a_write_that_is_refused_with_429_again_and_again_fails() -> None:
    world = World(Told({"code": 8}, status=429))
    with pytest.raises(RateLimited):
        world.write()
    assert len(world.api.asked) == 6


def test_a_write_with_a_429_that_is_not_the_apis_own_is_not_sent_again() -> None:
    """Only the status body of the API itself says that nothing was done."""
    world = World(Told(status=429, body=b"<html>", headers={"Retry-After": "12"}))
    with pytest.raises(AnswerLost):
        world.write()
    assert len(world.api.asked) == 1


def test_a_wait_beyond_the_budget_is_not_begun() -> None:
    world = World(Told(status=429, body=b"", headers={"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as caught:
        world.read()
    assert len(world.api.asked) == 1
    assert "3600 s" in caught.value.diagnostic.hint


def test_the_budget_holds_for_all_tries_together() -> None:
    world = World(Told(status=503, body=b"", headers={"Retry-After": "25"}))
    with pytest.raises(ServerFault):
        world.read()
    assert world.clock.waits == [25.0, 25.0]


def test_an_interrupted_wait_ends_the_repeating() -> None:
    world = World(BUSY)
    world.on_wait = lambda: setattr(world, "stopped", True)
    with pytest.raises(ServerFault):
        world.read()
    assert len(world.api.asked) == 1
    assert len(world.told) == 1


def test_after_an_interruption_nothing_is_repeated() -> None:
    world = World(BUSY)
    world.stopped = True
    with pytest.raises(ServerFault):
        world.read()
    assert (len(world.api.asked), world.told) == (1, [])


def test_a_429_holds_up_the_calls_of_others() -> None:
    world = World(Told(status=429, body=b"", headers={"Retry-After": "3600"}), LISTED)
    with pytest.raises(RateLimited):
        world.read()
    world.read()
    assert world.clock.waits == [60.0]


def test_a_cap_on_the_rate_spaces_calls() -> None:
    world = World(LISTED, max_rps=0.5)
    for _ in range(3):
        world.read()
    assert world.clock.waits == [2.0, 2.0]


def test_waiting_for_the_turn_does_not_use_up_the_budget() -> None:
    world = World(BUSY, max_rps=0.02)
    with pytest.raises(ServerFault):
        world.read()
    assert len(world.api.asked) == 6


def test_a_mistake_of_ours_is_not_repeated() -> None:
    world = World(KeyError("a mistake in the app"))
    with pytest.raises(KeyError):
        world.read()
    assert len(world.api.asked) == 1


def test_a_mistake_in_the_second_try_is_raised_as_it_is() -> None:
    world = World(BUSY, KeyError("a mistake in the app"))
    with pytest.raises(KeyError):
        world.read()


def test_nothing_of_what_was_sent_is_reported() -> None:
    world = World(Told(status=429, body=b"Bearer sesame-3f9a"), ConnectionResetError("Bearer sesame-3f9a"), LISTED)
    world.read()
    assert "sesame" not in repr(world.told)
    assert len(world.told) == 2


def test_an_error_after_repeating_holds_nothing_of_the_library() -> None:
    world: Any = World(ConnectionResetError("x"))
    with pytest.raises(Unreachable) as caught:
        world.read()
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert len(world.api.asked) == 6
