"""Following builds on a clock that only waiting moves."""

import threading
from dataclasses import replace

from reconciler.api.errors import NotFound, TokenRejected, Unreachable
from reconciler.core.builds import Build, BuildConfig, Result, Stage, Sync, Target
from reconciler.core.diff import Field, items_of
from reconciler.core.events import BuildEnded, BuildsSeen, Event, PollFailed, QueueUnread, RepositoryDone
from reconciler.core.overlay import EMPTY
from reconciler.core.progress import begin
from reconciler.diagnostics import Diagnostic
from reconciler.engine.follow import Followed, Limits, failure_logs, follow
from tests.support.clock import FakeClock
from tests.support.fake_api import ORGANIZATION, FakeApi
from tests.support.overlays import overlay

GIT = overlay({"packages": ["git"]})
NEW = BuildConfig(frozenset(items_of(GIT)), frozenset({Field.PACKAGES}))
OLD = BuildConfig(frozenset(), frozenset({Field.PACKAGES}))
PROBLEM = Diagnostic(code="x", summary="x")


class Following:
    """Repositories `a` and `b`, both just given git."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.start = self.clock.now()
        self.api = FakeApi(self.clock, {"a": GIT, "b": GIT})
        self.stop = threading.Event()
        self.events: list[Event] = []

    def build(self, name: str, number: int, result: Result, config: BuildConfig | None = NEW) -> Build:
        id_ = f"{ORGANIZATION.id}/{name}"
        return Build(
            id=f"{id_}/{number}",
            repository_id=id_,
            started=self.start + number,
            ended=None,
            result=result,
            config=config,
        )

    def follow(self, *, timeout: float = 600, each: float | None = None) -> Followed:
        watched = tuple(
            Target(repository=name, id=f"{ORGANIZATION.id}/{name}", before=EMPTY, after=GIT, since=self.start)
            for name in "ab"
        )
        return follow(
            tuple(begin(watch, now=self.clock.now()) for watch in watched),
            self.api,
            ORGANIZATION,
            clock=self.clock,
            stop=self.stop,
            limits=Limits(total=timeout, each=each),
            on_event=self.events.append,
        )


def test_until_every_repository_is_done() -> None:
    following = Following()
    a, b = following.build("a", 1, Result.RUNNING), following.build("b", 2, Result.RUNNING)

    def on_look(look: int) -> None:
        if look >= 2:
            following.api.builds = [replace(a, result=Result.SUCCESS if look >= 4 else Result.RUNNING)]
        if look >= 5:
            following.api.builds.append(replace(b, result=Result.SUCCESS if look >= 7 else Result.RUNNING))

    following.api.on_look = on_look
    followed = following.follow()
    assert [progress.stage for progress in followed.progress] == [Stage.DONE, Stage.DONE]
    assert (followed.timed_out, followed.interrupted) == (False, False)
    ended = [(event.repository, event.build.result) for event in following.events if isinstance(event, BuildEnded)]
    assert ended == [("a", Result.SUCCESS), ("b", Result.SUCCESS)]
    done = [event.progress.target.repository for event in following.events if isinstance(event, RepositoryDone)]
    assert sorted(done) == ["a", "b"]


def test_a_rebuild_with_the_old_overlay_is_not_mistaken() -> None:
    following = Following()
    following.api.builds = [following.build(name, 1, Result.SUCCESS, OLD) for name in "ab"]
    followed = following.follow(timeout=120)
    assert followed.timed_out
    assert [progress.stage for progress in followed.progress] == [Stage.WAITING, Stage.WAITING]
    assert followed.build_failed  # nothing better came until the end of the time
    looks = [event.progress[0].others for event in following.events if isinstance(event, BuildsSeen)]
    assert (looks[0], looks[-1]) == (1, 0)
    assert following.clock.now() - following.start == 120


def test_the_queue_holds_a_repository_up() -> None:
    following = Following()
    following.api.builds = [following.build(name, 1, Result.SUCCESS) for name in "ab"]
    following.api.queue = {f"{ORGANIZATION.id}/a": Sync.QUEUED}
    followed = following.follow(timeout=60)
    assert followed.timed_out
    assert [progress.stage for progress in followed.progress] == [Stage.BUILDING, Stage.DONE]


def test_a_failed_build_is_a_failure_and_its_log_is_read_once() -> None:
    following = Following()
    failed = following.build("a", 1, Result.FAILURE)
    following.api.builds = [failed, following.build("a", 2, Result.SUCCESS), following.build("b", 3, Result.SUCCESS)]
    following.api.logs = {failed.id: "no such package"}
    followed = following.follow()
    assert [build.id for _, build in followed.failures] == [failed.id]
    assert failure_logs(followed, following.api) == {failed.id: "no such package"}


def test_a_log_that_cannot_be_read_is_reported() -> None:
    following = Following()
    following.api.builds = [following.build("a", 1, Result.FAILURE), following.build("b", 2, Result.SUCCESS)]
    logs = failure_logs(following.follow(), following.api)
    assert list(logs.values()) == ["(the log could not be read: no such build)"]


def test_a_failed_poll_is_reported_and_followed_by_the_next() -> None:
    following = Following()

    def on_look(look: int) -> None:
        if look < 5:
            raise Unreachable(PROBLEM)
        following.api.builds = [following.build(name, 1, Result.SUCCESS) for name in "ab"]

    following.api.on_look = on_look
    assert not following.follow().timed_out
    assert sum(isinstance(event, PollFailed) for event in following.events) == 4


def test_a_rejected_token_ends_it() -> None:
    following = Following()

    def on_look(_: int) -> None:
        raise TokenRejected(PROBLEM)

    following.api.on_look = on_look
    assert following.follow().token_problem == PROBLEM
    assert following.api.looks == 1


def test_an_interruption_ends_it() -> None:
    following = Following()
    following.api.on_look = lambda look: following.stop.set() if look == 3 else None
    followed = following.follow()
    assert followed.interrupted
    assert following.api.looks == 3


def test_a_report_that_changes_its_mind() -> None:
    following = Following()

    def on_look(look: int) -> None:
        result = Result.FAILURE if look == 2 else Result.SUCCESS
        following.api.builds = [following.build(name, 1, result) for name in "ab"]

    following.api.on_look = on_look
    followed = following.follow()
    assert followed.failures == ()
    assert [progress.stage for progress in followed.progress] == [Stage.DONE, Stage.DONE]


def test_looks_grow_apart_and_do_not_depend_on_the_number_of_repositories() -> None:
    following = Following()
    following.follow(timeout=3600)
    assert following.clock.waits[0] == 2.0
    assert min(following.clock.waits) == 2.0
    assert max(following.clock.waits) == 15.0
    assert following.api.looks < 3600 / 15 + 20


def test_every_poll_is_reported() -> None:
    following = Following()
    following.api.builds = [following.build(name, 1, Result.SUCCESS) for name in "ab"]
    following.follow()
    assert sum(isinstance(event, BuildsSeen) for event in following.events) == following.api.looks


def test_a_repository_changed_by_somebody_else_is_not_waited_for() -> None:
    following = Following()
    following.api.builds = [following.build("b", 1, Result.SUCCESS)]
    following.api.put(f"{ORGANIZATION.id}/a", EMPTY)
    followed = following.follow(timeout=3600)
    assert followed.superseded == ("a",)
    assert not followed.timed_out
    assert following.api.lives == 1


def test_a_deleted_repository_is_not_waited_for() -> None:
    following = Following()
    del following.api.repositories[f"{ORGANIZATION.id}/a"]
    following.api.builds = [following.build("b", 1, Result.SUCCESS)]
    assert following.follow(timeout=3600).superseded == ("a",)


def test_a_repository_with_its_time_up_is_late() -> None:
    following = Following()
    following.api.builds = [following.build("b", 1, Result.SUCCESS)]
    followed = following.follow(timeout=600, each=60)
    assert (followed.late, followed.timed_out) == (("a",), False)
    assert following.clock.now() - following.start == 60


def test_tags_are_asked_for_a_few_times_at_most() -> None:
    following = Following()
    following.api.builds = [replace(following.build("a", 1, Result.SUCCESS), digest="sha256:1")]
    following.follow(timeout=600)
    assert following.api.tag_lists == 3
    following.api.tags, following.api.tag_lists = {"sha256:1": ("latest",)}, 0
    assert following.follow(timeout=600).tags == {"sha256:1": ("latest",)}
    assert following.api.tag_lists == 1


def tagged(following: Following, *tags: str) -> None:
    """Let both repositories build these tags."""
    for id_, repository in following.api.repositories.items():
        following.api.repositories[id_] = replace(repository, active_tags=tags)


def ended_at(following: Following, name: str, number: int, seconds: float) -> Build:
    return replace(
        following.build(name, number, Result.SUCCESS), started=following.start, ended=following.start + seconds
    )


def test_reports_that_come_at_the_end_of_builds_alone_are_waited_for_one_for_each_tag() -> None:
    """No queue and no running build tell of the second one, which ends long after the first."""
    following = Following()
    tagged(following, "latest", "latest-dev")

    def on_look(_: int) -> None:
        since = following.clock.now() - following.start
        following.api.builds = [
            ended_at(following, name, number, took)
            for name in "ab"
            for number, took in ((1, 40.0), (2, 75.0))
            if took <= since
        ]

    following.api.on_look = on_look
    followed = following.follow()
    assert [progress.stage for progress in followed.progress] == [Stage.DONE, Stage.DONE]
    assert [len(progress.builds) for progress in followed.progress] == [2, 2]


def test_tags_that_are_not_built_hold_nothing_up_for_long() -> None:
    following = Following()
    tagged(following, "latest", "1", "1.2")
    following.api.builds = [ended_at(following, name, 1, 2.0) for name in "ab"]
    followed = following.follow()
    assert not followed.timed_out
    assert 30 <= following.clock.now() - following.start < 60


def test_a_queue_that_may_not_be_read_is_reported_once_and_stops_nothing() -> None:
    following = Following()
    following.api.queue_problem = NotFound(PROBLEM)
    following.api.builds = [following.build(name, 1, Result.SUCCESS) for name in "ab"]
    followed = following.follow()
    assert [progress.stage for progress in followed.progress] == [Stage.DONE, Stage.DONE]
    assert [event.problem for event in following.events if isinstance(event, QueueUnread)] == [PROBLEM]


def test_a_queue_that_is_not_read_any_more_has_not_let_go() -> None:
    """Else builds that prove nothing would be taken for those of the write."""
    following = Following()
    following.api.queue = {f"{ORGANIZATION.id}/{name}": Sync.IN_PROGRESS for name in "ab"}
    following.api.builds = [following.build(name, 1, Result.SUCCESS, None) for name in "ab"]

    def on_look(look: int) -> None:
        if look == 2:
            following.api.queue_problem = NotFound(PROBLEM)

    following.api.on_look = on_look
    assert following.follow(timeout=120).timed_out


def test_what_somebody_else_changes_while_the_last_builds_end_is_not_taken_for_done() -> None:
    following = Following()
    following.api.builds = [following.build(name, 1, Result.SUCCESS) for name in "ab"]

    def on_look(look: int) -> None:
        if look == 2:
            following.api.put(f"{ORGANIZATION.id}/a", EMPTY)

    following.api.on_look = on_look
    followed = following.follow()
    assert followed.superseded == ("a",)
    assert [progress.stage for progress in followed.progress] == [Stage.SUPERSEDED, Stage.DONE]


def test_a_repository_that_is_reset_meanwhile_is_noticed_soon() -> None:
    following = Following()
    following.api.builds = [following.build("b", 1, Result.SUCCESS)]
    following.api.put(f"{ORGANIZATION.id}/a", EMPTY)
    assert following.follow(timeout=40).superseded == ("a",)


def test_an_api_that_is_down_does_not_hold_the_end_up() -> None:
    following = Following()

    def down(_: int) -> None:
        raise Unreachable(PROBLEM)

    following.api.on_look = down
    assert following.follow(timeout=60).timed_out
    assert following.api.lives == 0


def test_builds_are_reported_with_their_tags() -> None:
    following = Following()
    following.api.tags = {"sha256:1": ("latest",)}
    following.api.builds = [replace(following.build(name, 1, Result.SUCCESS), digest="sha256:1") for name in "ab"]
    following.follow()
    told = [event.build.tags for event in following.events if isinstance(event, BuildEnded)]
    done = [event.progress.builds[0].tags for event in following.events if isinstance(event, RepositoryDone)]
    assert told == done == [("latest",), ("latest",)]


def test_no_call_takes_longer_than_the_time_that_is_left() -> None:
    one = Following()
    one.follow(timeout=300)
    assert one.api.limits == [300.0, None]
