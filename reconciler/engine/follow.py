"""Follow builds until they end: one poll of the whole organization at a time, never one for each repository."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.api.errors import ApiError, TokenRejected
from reconciler.core.bindings import UnknownBindings
from reconciler.core.builds import FINISHED, Build, Progress, Result, Stage, Target
from reconciler.core.events import (
    BuildEnded,
    BuildsSeen,
    Listener,
    PollFailed,
    RepositoryDone,
    WaitStarted,
)
from reconciler.core.progress import advance, settle_time
from reconciler.core.runs import Applied, Outcome
from reconciler.core.state import Organization
from reconciler.core.steps import Step, TagEffect
from reconciler.core.tag_targets import builds_of, changed_targets, planned_targets, uncovered
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import Clock, ReadApi, Record, Stop, with_overlays
from reconciler.engine.sources import Provided, Queue, Supersession, Tags, concluded, is_permanent, recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Polling of builds, in seconds.

    The pause between two polls grows from `first` by `growth` to `longest`. A repository is done when nothing has
    changed for `settle`.
    """

    first: float = 2.0
    growth: float = 1.3
    longest: float = 15.0
    settle: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits of following builds, in seconds: for all of them together, and for each repository."""

    total: float
    each: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Result of following builds: the last state of every repository, and why it ended before all were done.

    `tags` are the tag names by digest; `late` the repositories that exceeded their own limit; `problem` is why build
    reports cannot be read at all.
    """

    progress: tuple[Progress, ...]
    timed_out: bool = False
    interrupted: bool = False
    token_problem: Diagnostic | None = None
    problem: Diagnostic | None = None
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    late: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[tuple[Progress, Build], ...]:
        """Return every build that counts and has failed or lacks what was requested, with its repository."""
        return tuple((progress, build) for progress in self.progress for build in progress.failures)

    @property
    def build_failed(self) -> bool:
        """Return whether a build that counts has failed, or lacks what was requested."""
        return any(progress.failures for progress in self.progress if progress.stage is not Stage.SUPERSEDED)

    @property
    def superseded(self) -> tuple[str, ...]:
        """Return the repositories changed or deleted by others since they were written."""
        return tuple(one.target.label for one in self.progress if one.stage is Stage.SUPERSEDED)

    @property
    def unreported(self) -> tuple[str, ...]:
        """Return the repositories without a build report although the queue released them."""
        return tuple(one.target.label for one in self.progress if one.stage is Stage.UNREPORTED)


def watches(outcomes: Iterable[Outcome]) -> tuple[Target, ...]:
    """Return the targets to follow after an apply: every repository that was written.

    What its overlays and bindings changed in the images is followed by tag (`changed_tags`).
    """
    found = []
    for outcome in outcomes:
        match outcome:
            case Applied(step=Step() as step, repository_id=id_, since=since):
                assert step.before is not None
                assert step.after is not None
                watch = Target(repository=step.repository, id=id_, before=step.before, after=step.after, since=since)
                found.append(watch)
            case _:
                pass
    return tuple(found)


def changed_tags(
    outcomes: Iterable[Outcome], effects: Iterable[TagEffect], api: ReadApi, organization: Organization
) -> tuple[Target, ...]:
    """Return the targets of the effects that the outcomes have caused, by what is live now; raises `TokenRejected`.

    Where that cannot be read, all that was planned is taken for caused.
    """
    applied = [one for one in outcomes if isinstance(one, Applied)]
    others = any(not isinstance(one.step, Step) for one in applied)
    written = {one.repository_id for one in applied}
    caused = [effect for effect in effects if others or effect.id in written]
    if not caused or not applied:
        return ()
    since = min(one.since for one in applied)
    try:
        live = with_overlays(api.read_live(organization), api)
    except TokenRejected:
        raise
    except ApiError:
        return planned_targets(caused, since)
    if isinstance(live.overlays, UnknownBindings) or isinstance(live.bindings, UnknownBindings):
        return planned_targets(caused, since)
    return changed_targets(caused, live, since)


def targets_of(
    outcomes: Sequence[Outcome], effects: Iterable[TagEffect], api: ReadApi, organization: Organization
) -> tuple[Target, ...]:
    """Return what to follow after an apply: tags by what overlays and bindings give them, other repositories whole."""
    by_tag = changed_tags(outcomes, effects, api, organization)
    followed = {target.id for target in by_tag}
    return (*(target for target in watches(outcomes) if target.id not in followed), *by_tag)


def follow(
    begun: tuple[Progress, ...],
    api: ReadApi,
    organization: Organization,
    *,
    clock: Clock,
    stop: Stop,
    limits: Limits,
    on_event: Listener,
    record: Record | None = None,
    pace: Pace = Pace(),
) -> Followed:
    """Poll all builds until every repository is done or its time is up, or `stop` is set.

    `begun` is the known progress: `begin` of every target, or the progress on record.
    """
    state = _Following(
        begun, api, organization, clock=clock, limits=limits, on_event=on_event, record=record, pace=pace
    )
    return state.to_the_end(stop)


class _Following:
    """State between two polls."""

    def __init__(
        self,
        begun: tuple[Progress, ...],
        api: ReadApi,
        organization: Organization,
        *,
        clock: Clock,
        limits: Limits,
        on_event: Listener,
        record: Record | None,
        pace: Pace,
    ) -> None:
        self._known = begun
        self._api = api
        self._organization = organization
        self._clock = clock
        self._on_event = on_event
        self._record = record
        self._pace = pace
        self._tags = Tags(api, organization, recorded(begun))
        self._siblings = _siblings(begun)
        self._provided = Provided(api, organization)
        self._queue = Queue(api, organization, clock=clock, on_event=on_event)
        self._supersession = Supersession(api, organization, began=clock.now(), by_tag=bool(self._siblings))
        self._reached = True
        self._deadline = clock.now() + limits.total
        self._each = None if limits.each is None else clock.now() + limits.each

    def to_the_end(self, stop: Stop) -> Followed:
        """Poll until nothing is left to wait for; no call exceeds the time left."""
        self._api.limit(self._deadline - self._clock.now())
        try:
            return self._polled(stop)
        finally:
            self._api.limit(None)

    def _polled(self, stop: Stop) -> Followed:
        listed = tuple(progress.target.label for progress in self._known)
        self._on_event(WaitStarted(at=self._clock.now(), repositories=listed))
        pause = self._pace.first
        while self._waited_for():
            if stop.is_set():
                return self._ended(interrupted=True)
            if self._clock.now() >= self._deadline:
                return self._out_of_time()
            try:
                self._poll()
                self._reached = True
            except TokenRejected as error:
                return self._ended(token_problem=error.diagnostic)
            except ApiError as error:
                if stop.is_set():  # the read was canceled by the interruption; nothing is repeated
                    return self._ended(interrupted=True)
                if is_permanent(error):
                    return self._ended(problem=error.diagnostic)
                self._reached = False
                self._on_event(PollFailed(at=self._clock.now(), problem=error.diagnostic))
            self._clock.wait(self._pause(pause), stop)
            pause = min(pause * self._pace.growth, self._pace.longest)
        return self._out_of_time() if self._unfinished() else self._ended()

    def _unfinished(self) -> list[Progress]:
        return [progress for progress in self._known if progress.stage not in FINISHED]

    def _waited_for(self) -> list[Progress]:
        late = self._each is not None and self._clock.now() >= self._each
        return [] if late else self._unfinished()

    def _poll(self) -> None:
        # The queue is read before the builds: the other way round, a build could start between the two answers and be
        # missed.
        self._queue.read()
        since = min(progress.target.since for progress in self._known)
        builds = _by_repository(self._api.list_builds(self._organization, since=since))
        # Which tags a build is of decides which of several targets of its repository it counts for.
        found = (build for id_ in self._siblings for build in builds.get(id_, ()))
        self._tags.learn(build.digest for build in found if build.result is Result.SUCCESS)
        now = self._clock.now()
        seen = self._advanced(builds, now)
        if self._provided.learn(seen):
            seen = self._advanced(builds, now)
        if all(progress.stage in FINISHED for progress in seen) and self._supersession.poll(now=now):
            seen = self._advanced(builds, now)
        self._take(self._supersession.checked(seen, now=now))

    def _advanced(self, builds: Mapping[str, list[Build]], now: float) -> tuple[Progress, ...]:
        return tuple(self._advance(one, builds.get(one.target.id, ()), now) for one in self._known)

    def _advance(self, progress: Progress, builds: Iterable[Build], now: float) -> Progress:
        if progress.stage is Stage.SUPERSEDED:
            return progress
        target = progress.target
        if target.tags:
            builds = builds_of(target, self._siblings[target.id], builds, self._tags.known)
        reports = self._provided.named(builds, target)
        tag_count = self._tag_count(progress)
        return advance(
            progress, reports, self._queue.of(progress), now=now, settle=self._pace.settle, tag_count=tag_count
        )

    def _tag_count(self, progress: Progress) -> int:
        if progress.target.tags:
            return uncovered(progress, self._tags.known)
        return self._supersession.tag_count(progress)

    def _take(self, seen: tuple[Progress, ...]) -> None:
        """Remember, record and emit the new progress."""
        known = self._known
        self._tags.learn(build.digest for one in seen for build in one.builds if build.result is Result.SUCCESS)
        pairs = zip(known, seen, strict=True)
        news = {after.target.key: self._tags.named(after) for before, after in pairs if before != after}
        self._known = tuple(news.get(one.target.key, one) for one in seen)
        if self._record is not None and news:
            self._record.seen(tuple(news.values()))
        self._emit(known)

    def _emit(self, known: tuple[Progress, ...]) -> None:
        now = self._clock.now()
        for before, after in zip(known, self._known, strict=True):
            results = {build.id: build.result for build in before.ended}
            for build in after.ended:
                if results.get(build.id) is not build.result:
                    self._on_event(BuildEnded(at=now, repository=after.target.label, build=build))
            if after.stage in FINISHED and before.stage not in FINISHED:
                self._on_event(RepositoryDone(at=now, progress=after))
        self._on_event(BuildsSeen(at=now, progress=self._known, tags=self._tags.known))

    def _pause(self, pause: float) -> float:
        """Return the seconds to the next poll, bounded by the time limit and by the settling repositories."""
        now = self._clock.now()
        left = self._unfinished()
        if left and all(progress.stage is Stage.SETTLING for progress in left):
            settled = min(progress.changed + self._quiet(progress) for progress in left)
            pause = max(self._pace.first, min(pause, settled - now))
        limit = self._deadline if self._each is None else min(self._deadline, self._each)
        return max(0.0, min(pause, limit - now))

    def _quiet(self, progress: Progress) -> float:
        return settle_time(progress, settle=self._pace.settle, tag_count=self._tag_count(progress))

    def _out_of_time(self) -> Followed:
        """Return the result at a time limit, with builds that match the overlay before and changes by others."""
        now, seen = self._clock.now(), self._known
        # An API that has just failed to respond would only delay the end.
        if self._reached:
            self._supersession.poll(now=now)
            seen = self._supersession.checked(seen, now=now)
        self._take(concluded(seen))
        late = tuple(progress.target.label for progress in self._unfinished())
        whole = self._clock.now() >= self._deadline
        return self._ended(timed_out=bool(late) and whole, late=() if whole else late)

    def _ended(
        self,
        *,
        timed_out: bool = False,
        interrupted: bool = False,
        token_problem: Diagnostic | None = None,
        problem: Diagnostic | None = None,
        late: tuple[str, ...] = (),
    ) -> Followed:
        return Followed(
            progress=self._known,
            timed_out=timed_out,
            interrupted=interrupted,
            token_problem=token_problem,
            problem=problem,
            tags=self._tags.known,
            late=late,
        )


def _siblings(begun: Iterable[Progress]) -> Mapping[str, tuple[Target, ...]]:
    """Return the targets that are tags, by the UIDP of their repository."""
    found: dict[str, list[Target]] = {}
    for progress in begun:
        if progress.target.tags:
            found.setdefault(progress.target.id, []).append(progress.target)
    return {id_: tuple(targets) for id_, targets in found.items()}


def _by_repository(builds: Iterable[Build]) -> Mapping[str, list[Build]]:
    found: dict[str, list[Build]] = {}
    for build in builds:
        found.setdefault(build.repository_id, []).append(build)
    return found


def failure_logs(followed: Followed, api: ReadApi, *, most: int = 10) -> dict[str, str]:
    """Return the log of one failed build of each of up to `most` repositories, by report id.

    The tags of a repository mostly fail for the same reason, and logs are large. An unreadable log is replaced by the
    reason.
    """
    failed = ([one for one in progress.failures if one.result is Result.FAILURE] for progress in followed.progress)
    firsts = [builds[0] for builds in failed if builds]
    logs: dict[str, str] = {}
    for build in firsts[:most]:
        try:
            logs[build.id] = api.build_log(build.id) or "\n".join(build.warnings)
        except ApiError as error:
            logs[build.id] = f"(the log could not be read: {error.diagnostic.summary})"
    return logs
