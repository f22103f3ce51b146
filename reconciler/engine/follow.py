"""Follow builds to their end: one read of the whole organization at a time, never one for each repository."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.api.errors import ApiError, NotFound, NotUnderstood, PermissionDenied, Rejected, TokenRejected
from reconciler.core.builds import FINISHED, Build, Progress, Result, Stage, Sync, Target
from reconciler.core.events import (
    BuildEnded,
    BuildsSeen,
    Listener,
    PollFailed,
    QueueUnread,
    RepositoryDone,
    WaitStarted,
)
from reconciler.core.packages import versions_by_name
from reconciler.core.progress import advance, settle_time, unnamed_packages, with_provided, without_better
from reconciler.core.runs import Applied, Outcome
from reconciler.core.state import LiveRepository, Organization
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import Clock, ReadApi, Record, Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How builds are followed, in seconds.

    The pause between two looks grows from `first` by `growth` to `longest`. A repository counts as done when nothing
    has changed for `settle`.
    """

    first: float = 2.0
    growth: float = 1.3
    longest: float = 15.0
    settle: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long builds are followed, in seconds: all of them together, and those of each repository."""

    total: float
    each: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What came of following: the last known state of every repository, and why it ended before all were done.

    `tags` are the names of what was built, by digest; `late` the repositories whose own time ran out.
    """

    progress: tuple[Progress, ...]
    timed_out: bool = False
    interrupted: bool = False
    token_problem: Diagnostic | None = None
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    late: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[tuple[Progress, Build], ...]:
        """Every build that counts and failed or lacks what was asked, with the repository that it is of."""
        return tuple((progress, build) for progress in self.progress for build in progress.failures)

    @property
    def build_failed(self) -> bool:
        """Whether a build that counts failed, or succeeded without what was asked."""
        return any(progress.failures for progress in self.progress if progress.stage is not Stage.SUPERSEDED)

    @property
    def superseded(self) -> tuple[str, ...]:
        """The repositories that somebody else has changed or deleted since they were written."""
        return tuple(one.target.repository for one in self.progress if one.stage is Stage.SUPERSEDED)


def watches(outcomes: Iterable[Outcome]) -> tuple[Target, ...]:
    """What there is to follow after an apply: every repository that was written."""
    found = []
    for outcome in outcomes:
        match outcome:
            case Applied(step=step, repository_id=id_, since=since):
                assert step.before is not None
                assert step.after is not None
                watch = Target(repository=step.repository, id=id_, before=step.before, after=step.after, since=since)
                found.append(watch)
            case _:
                pass
    return tuple(found)


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
    """Look at all builds until every repository is done or its time is up, or `stop` is set.

    `begun` is what is known already: `begin` of every watch, or what an earlier look left on record.
    """
    state = _Following(
        begun, api, organization, clock=clock, limits=limits, on_event=on_event, record=record, pace=pace
    )
    return state.to_the_end(stop)


class _Following:
    """The state between two looks."""

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
        self._tags = _Tags(api, organization, recorded(begun))
        self._provided = _Provided(api, organization)
        self._queue = _Queue(api, organization, clock=clock, on_event=on_event)
        self._supersession = _Supersession(api, organization, began=clock.now())
        self._reached = True
        self._deadline = clock.now() + limits.total
        self._each = None if limits.each is None else clock.now() + limits.each

    def to_the_end(self, stop: Stop) -> Followed:
        """Look until there is nothing left to wait for."""
        listed = tuple(progress.target.repository for progress in self._known)
        self._on_event(WaitStarted(at=self._clock.now(), repositories=listed))
        pause = self._pace.first
        while self._waited_for():
            if stop.is_set():
                return self._ended(interrupted=True)
            if self._clock.now() >= self._deadline:
                return self._out_of_time()
            try:
                self._look()
                self._reached = True
            except TokenRejected as error:
                return self._ended(token_problem=error.diagnostic)
            except ApiError as error:
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

    def _look(self) -> None:
        # The queue is read before the builds: the other way round, a build could start between the two answers and be
        # missed.
        self._queue.read()
        since = min(progress.target.since for progress in self._known)
        builds = _by_repository(self._api.list_builds(self._organization, since=since))
        now = self._clock.now()
        seen = self._advanced(builds, now)
        if self._provided.learn(seen):
            seen = self._advanced(builds, now)
        if all(progress.stage in FINISHED for progress in seen) and self._supersession.ask(now=now):
            seen = self._advanced(builds, now)
        self._take(self._supersession.checked(seen, now=now))

    def _advanced(self, builds: Mapping[str, list[Build]], now: float) -> tuple[Progress, ...]:
        return tuple(self._advance(one, builds.get(one.target.id, ()), now) for one in self._known)

    def _advance(self, progress: Progress, builds: Iterable[Build], now: float) -> Progress:
        if progress.stage is Stage.SUPERSEDED:
            return progress
        reports = self._provided.named(builds, progress.target)
        tag_count = self._supersession.tag_count(progress)
        return advance(
            progress, reports, self._queue.of(progress), now=now, settle=self._pace.settle, tag_count=tag_count
        )

    def _take(self, seen: tuple[Progress, ...]) -> None:
        """Remember what was seen, put on record what is new in it, and tell it."""
        known = self._known
        self._tags.learn(build.digest for one in seen for build in one.builds if build.result is Result.SUCCESS)
        pairs = zip(known, seen, strict=True)
        news = {after.target.id: self._tags.named(after) for before, after in pairs if before != after}
        self._known = tuple(news.get(one.target.id, one) for one in seen)
        if self._record is not None and news:
            self._record.seen(tuple(news.values()))
        self._tell(known)

    def _tell(self, known: tuple[Progress, ...]) -> None:
        now = self._clock.now()
        for before, after in zip(known, self._known, strict=True):
            told = {build.id: build.result for build in before.ended}
            for build in after.ended:
                if told.get(build.id) is not build.result:
                    self._on_event(BuildEnded(at=now, repository=after.target.repository, build=build))
            if after.stage in FINISHED and before.stage not in FINISHED:
                self._on_event(RepositoryDone(at=now, progress=after))
        self._on_event(BuildsSeen(at=now, progress=self._known, tags=self._tags.known))

    def _pause(self, pause: float) -> float:
        """How long to wait before the next look: no longer than the time limit, nor than what only settles needs."""
        now = self._clock.now()
        left = self._unfinished()
        if left and all(progress.stage is Stage.SETTLING for progress in left):
            settled = min(progress.changed + self._quiet(progress) for progress in left)
            pause = max(self._pace.first, min(pause, settled - now))
        limit = self._deadline if self._each is None else min(self._deadline, self._each)
        return max(0.0, min(pause, limit - now))

    def _quiet(self, progress: Progress) -> float:
        return settle_time(progress, settle=self._pace.settle, tag_count=self._supersession.tag_count(progress))

    def _out_of_time(self) -> Followed:
        """The end at a time limit: what looks like the overlay before is told of, and what somebody else changed."""
        now, seen = self._clock.now(), self._known
        # An API that did not answer a moment ago would only hold the end up.
        if self._reached:
            self._supersession.ask(now=now)
            seen = self._supersession.checked(seen, now=now)
        self._take(_concluded(seen))
        late = tuple(progress.target.repository for progress in self._unfinished())
        whole = self._clock.now() >= self._deadline
        return self._ended(timed_out=bool(late) and whole, late=() if whole else late)

    def _ended(
        self,
        *,
        timed_out: bool = False,
        interrupted: bool = False,
        token_problem: Diagnostic | None = None,
        late: tuple[str, ...] = (),
    ) -> Followed:
        return Followed(
            progress=self._known,
            timed_out=timed_out,
            interrupted=interrupted,
            token_problem=token_problem,
            tags=self._tags.known,
            late=late,
        )


def _by_repository(builds: Iterable[Build]) -> Mapping[str, list[Build]]:
    found: dict[str, list[Build]] = {}
    for build in builds:
        found.setdefault(build.repository_id, []).append(build)
    return found


def failure_logs(followed: Followed, api: ReadApi, *, most: int = 10) -> dict[str, str]:
    """The log of one failed build of each of up to `most` repositories, by report id.

    The tags of a repository mostly fail for the same reason, and logs are large. Where a log cannot be read, the reason
    stands instead.
    """
    failed = ([one for one in progress.failures if one.result is Result.FAILURE] for progress in followed.progress)
    firsts = [builds[0] for builds in failed if builds]
    logs: dict[str, str] = {}
    for build in firsts[:most]:
        try:
            logs[build.id] = api.build_log(build.id)
        except ApiError as error:
            logs[build.id] = f"(the log could not be read: {error.diagnostic.summary})"
    return logs


# That the API has no such call or refuses it is the same at the next look; every other failure may pass.
_REFUSALS = (NotFound, NotUnderstood, PermissionDenied, Rejected)


class _Queue:
    """Where repositories stand in the queue at the last look, as far as it is known."""

    def __init__(self, api: ReadApi, organization: Organization, *, clock: Clock, on_event: Listener) -> None:
        self._api = api
        self._organization = organization
        self._clock = clock
        self._on_event = on_event
        self._told = False
        self._states: Mapping[str, Sync] | None = None

    def read(self) -> None:
        """Ask for the queue of the whole organisation; raises `ApiError` for what may pass."""
        try:
            self._states = self._api.sync_states(self._organization)
        except _REFUSALS as error:
            self._states = None
            self._tell(error)

    def of(self, progress: Progress) -> Sync:
        """The place of a repository: the last one known where the queue could not be read, never a guess."""
        return progress.sync if self._states is None else self._states.get(progress.target.id, Sync.IDLE)

    def _tell(self, error: ApiError) -> None:
        if not self._told:
            self._on_event(QueueUnread(at=self._clock.now(), problem=error.diagnostic))
        self._told = True


# A digest that no tag points to may be untagged for good.
_TRIES = 3


def recorded(progress: Iterable[Progress]) -> Mapping[str, tuple[str, ...]]:
    """The tags by digest that builds were recorded with."""
    return {build.digest: build.tags for one in progress for build in one.builds if build.tags}


class _Tags:
    """Tags as far as they are known, read for the whole organisation at once."""

    def __init__(self, api: ReadApi, organization: Organization, known: Mapping[str, tuple[str, ...]]) -> None:
        self._api = api
        self._organization = organization
        self._tries: dict[str, int] = {}
        self.known = known

    def learn(self, digests: Iterable[str]) -> None:
        """Ask for the tags of digests where one is not known yet; without an answer they stay unknown."""
        wanted = {digest for digest in digests if digest}
        unknown = [one for one in wanted if one not in self.known and self._tries.get(one, 0) < _TRIES]
        if not unknown:
            return
        self._tries |= {one: self._tries.get(one, 0) + 1 for one in unknown}
        try:
            found = self._api.list_tags(self._organization)
        except ApiError:
            return
        # Tags move on to later builds; what was seen once keeps its name.
        self.known = {**self.known, **{one: found[one] for one in wanted if one in found}}

    def named(self, progress: Progress) -> Progress:
        """What is known of a repository, with the tags of its builds, to be told and recorded."""
        builds = (replace(build, tags=self.known.get(build.digest, ())) for build in progress.builds)
        return replace(progress, builds=tuple(builds))


_TRIES = 3


class _Provided:
    """What is known of provided names; the list of packages is read once."""

    def __init__(self, api: ReadApi, organization: Organization) -> None:
        self._api = api
        self._organization = organization
        self._tries = _TRIES
        self._providers: dict[str, frozenset[str]] = {}

    def named(self, builds: Iterable[Build], watch: Target) -> Iterable[Build]:
        """The builds, with the wanted packages that are there under the name of one that provides them."""
        if not self._providers:
            return builds
        return [with_provided(build, watch, self._providers) for build in builds]

    def learn(self, seen: Iterable[Progress]) -> bool:
        """Look up what the builds that count do not name; whether something was learnt.

        Without an answer it stays as if nothing provided it, which is told of as missing: never the other way round.
        """
        names = {entry.key for one in seen for build in one.builds for entry in unnamed_packages(build, one.target)}
        unknown = names - self._providers.keys()
        if not unknown or not self._tries:
            return False
        self._tries -= 1
        try:
            packages = self._api.list_packages(self._organization)
        except ApiError:
            return False
        self._providers |= {
            name: frozenset(one.name for one in found) for name, found in versions_by_name(unknown, packages).items()
        }
        return True


_BETWEEN_SECONDS = 180.0
# Builds mostly come sooner than that, and the queue takes a write at once.
_SUSPICIOUS_AFTER_SECONDS = 120.0
# A read may still answer with the overlay before for a while, unless a build has shown the one after.
_SURE_AFTER_SECONDS = 20.0


class _Supersession:
    """Looks for such repositories, at most once in a few minutes unless it is asked to."""

    def __init__(self, api: ReadApi, organization: Organization, *, began: float) -> None:
        self._api = api
        self._organization = organization
        self._began = began
        self._next = began
        self._tag_count: Mapping[str, int] = {}
        self._live: Mapping[str, LiveRepository] | None = None

    def tag_count(self, progress: Progress) -> int:
        """How many tags of a repository are built, 0 where it is not known."""
        return self._tag_count.get(progress.target.id, 0)

    def ask(self, *, now: float) -> bool:
        """Read how things stand; without an answer nothing is superseded, and it is as it was before."""
        self._next = now + _BETWEEN_SECONDS if self._is_sure(now) else self._began + _SURE_AFTER_SECONDS
        try:
            found = self._api.read_live(self._organization).repositories
        except ApiError:
            return False
        self._live = {one.id: one for one in found}
        self._tag_count = {one.id: len(one.active_tags) for one in found}
        return True

    def checked(self, seen: tuple[Progress, ...], *, now: float) -> tuple[Progress, ...]:
        """The progress with the stage of those that are superseded, by what was just read."""
        if self._live is None and now >= self._next and any(_suspicious(one, now - self._began) for one in seen):
            self.ask(now=now)
        if self._live is None:
            return seen
        # What was read serves once: it is soon out of date, and large.
        sure, live, self._live = self._is_sure(now), self._live, None
        return tuple(_judged(one, live.get(one.target.id), sure=sure, now=now) for one in seen)

    def _is_sure(self, now: float) -> bool:
        return now - self._began >= _SURE_AFTER_SECONDS


def _concluded(seen: Sequence[Progress]) -> tuple[Progress, ...]:
    """The progress when time is up: for want of better builds, those count that look like the overlay before."""
    return tuple(
        one if one.builds or one.stage in FINISHED else replace(one, builds=without_better(one.target, one.reports))
        for one in seen
    )


def _suspicious(one: Progress, waited: float) -> bool:
    if one.stage in FINISHED:
        return False
    if one.stage is Stage.WAITING:
        timeout = _SURE_AFTER_SECONDS if one.sync is Sync.IDLE else _SUSPICIOUS_AFTER_SECONDS
        return waited >= timeout or any(report.result is not Result.RUNNING for report in one.reports)
    return any(build.result is Result.SUCCESS for build in one.failures)


def _judged(one: Progress, there: LiveRepository | None, *, sure: bool, now: float) -> Progress:
    if one.stage is Stage.SUPERSEDED or (there is not None and there.overlay == one.target.after):
        return one
    sure = sure or one.stage is Stage.DONE
    if not sure and there is not None and there.overlay == one.target.before:
        return one
    return replace(one, stage=Stage.SUPERSEDED, changed=now)
