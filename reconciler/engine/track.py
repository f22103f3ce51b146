"""Following builds to their end: one look at the whole organisation at a time, never one for each repository."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.api.errors import ApiError, TokenRejected
from reconciler.core.builds import Build, Progress, Stage, Sync, Watch, advance, begin
from reconciler.core.events import BuildEnded, BuildsSeen, Listener, LookFailed, RepositoryDone, WaitStarted
from reconciler.core.live import Organization
from reconciler.core.outcome import Applied, Outcome
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import Clock, ReadApi, Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How builds are followed, in seconds.

    The pause between two looks grows from `first` by `growth` to `longest`. A repository counts as done when nothing
    has changed for `settle`.
    """

    first: float = 1.0
    growth: float = 1.3
    longest: float = 15.0
    settle: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What came of following: the last known state of every repository, and why it ended before all were done."""

    progress: tuple[Progress, ...]
    timed_out: bool = False
    interrupted: bool = False
    token_problem: Diagnostic | None = None

    @property
    def failures(self) -> tuple[tuple[Progress, Build], ...]:
        """Every failed build that counts, with the repository that it is of."""
        return tuple((progress, build) for progress in self.progress for build in progress.failures)


def watches(outcomes: Iterable[Outcome]) -> tuple[Watch, ...]:
    """What there is to follow after an apply: every repository that was written."""
    found = []
    for outcome in outcomes:
        match outcome:
            case Applied(step=step, repository_id=id_, since=since):
                assert step.before is not None
                assert step.after is not None
                watch = Watch(repository=step.repository, id=id_, before=step.before, after=step.after, since=since)
                found.append(watch)
            case _:
                pass
    return tuple(found)


def follow(
    watched: tuple[Watch, ...],
    api: ReadApi,
    organization: Organization,
    *,
    clock: Clock,
    stop: Stop,
    timeout: float,
    listen: Listener,
    pace: Pace = Pace(),
) -> Followed:
    """Look at all builds until every watched repository is done, the time is up, or `stop` is set."""
    listen(WaitStarted(at=clock.now(), repositories=tuple(watch.repository for watch in watched)))
    deadline = clock.now() + timeout
    known = tuple(begin(watch, now=clock.now()) for watch in watched)
    pause = pace.first
    while not all(progress.stage is Stage.DONE for progress in known):
        if stop.is_set():
            return Followed(progress=known, interrupted=True)
        if clock.now() >= deadline:
            return Followed(progress=known, timed_out=True)
        try:
            known = _look(known, api, organization, clock=clock, pace=pace, listen=listen)
        except TokenRejected as error:
            return Followed(progress=known, token_problem=error.diagnostic)
        except ApiError as error:
            listen(LookFailed(at=clock.now(), problem=error.diagnostic))
        clock.wait(_pause(known, pause, clock.now(), deadline, pace), stop)
        pause = min(pause * pace.growth, pace.longest)
    return Followed(progress=known)


def _look(
    known: tuple[Progress, ...],
    api: ReadApi,
    organization: Organization,
    *,
    clock: Clock,
    pace: Pace,
    listen: Listener,
) -> tuple[Progress, ...]:
    # The queue is read before the builds: the other way round, a build could start between the two answers and be
    # missed.
    queue = api.sync_states(organization)
    builds = _by_repository(api.list_builds(organization, since=min(progress.watch.since for progress in known)))
    now = clock.now()
    seen = tuple(
        advance(
            progress,
            builds.get(progress.watch.id, ()),
            queue.get(progress.watch.id, Sync.IDLE),
            now=now,
            settle=pace.settle,
        )
        for progress in known
    )
    _tell(known, seen, now, listen)
    return seen


def _by_repository(builds: Iterable[Build]) -> Mapping[str, list[Build]]:
    found: dict[str, list[Build]] = {}
    for build in builds:
        found.setdefault(build.repository_id, []).append(build)
    return found


def _tell(known: tuple[Progress, ...], seen: tuple[Progress, ...], now: float, listen: Listener) -> None:
    for before, after in zip(known, seen, strict=True):
        told = {build.id: build.result for build in before.ended}
        for build in after.ended:
            if told.get(build.id) is not build.result:
                listen(BuildEnded(at=now, repository=after.watch.repository, build=build))
        if after.stage is Stage.DONE and before.stage is not Stage.DONE:
            listen(RepositoryDone(at=now, progress=after))
    listen(BuildsSeen(at=now, progress=seen))


def _pause(known: tuple[Progress, ...], pause: float, now: float, deadline: float, pace: Pace) -> float:
    """How long to wait before the next look: no longer than the time limit, nor than what is only settling needs."""
    left = [progress for progress in known if progress.stage is not Stage.DONE]
    if left and all(progress.stage is Stage.SETTLING for progress in left):
        pause = min(pause, min(progress.changed for progress in left) + pace.settle - now)
    return max(0.0, min(pause, deadline - now))


def failure_logs(followed: Followed, api: ReadApi, *, most: int = 10) -> dict[str, str]:
    """The log of one failed build of each of up to `most` repositories, by report id.

    The tags of a repository mostly fail for the same reason, and logs are large. Where a log cannot be read, the reason
    stands instead.
    """
    firsts = [progress.failures[0] for progress in followed.progress if progress.failures]
    logs: dict[str, str] = {}
    for build in firsts[:most]:
        try:
            logs[build.id] = api.build_log(build.id)
        except ApiError as error:
            logs[build.id] = f"(the log could not be read: {error.diagnostic.summary})"
    return logs
