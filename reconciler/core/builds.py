"""Builds: which ones a write caused, and when a repository is done.

A build report does not say which write caused it, and images are rebuilt every day for other reasons. What a report
does say is the configuration that it was made with; `evidence` compares that with the overlays before and after the
write.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from reconciler.core.diff import Change, diff
from reconciler.core.matching import serves, virtual
from reconciler.core.model import Overlay
from reconciler.core.parts import Entry, Part, entries
from reconciler.core.recipes import Recipe


class Result(StrEnum):
    """How a build ended. `RUNNING` also stands for "not known yet", as the API does not tell the two apart."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"


class Sync(StrEnum):
    """Where a repository stands in the service's work queue; `IDLE` when it is not in it."""

    IDLE = "idle"
    QUEUED = "queued"
    IN_PROGRESS = "in-progress"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """What a report says of the configuration that it was built with, as entries of an overlay.

    `parts` are those that the configuration speaks of at all: silence about a part proves nothing.
    """

    entries: frozenset[Entry]
    parts: frozenset[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build report. Times are seconds since the epoch by the server's clock.

    `config` is what the build was asked for, and `locked` what came of it, package by package with its version and
    those that it needs; `recipe` is the same as questions of resolution need it. Each is None when the report did not
    tell. `tags` are those that it is recorded with.
    """

    id: str
    repository_id: str
    started: float | None
    ended: float | None
    result: Result
    config: BuildConfig | None = field(default=None, repr=False)
    locked: BuildConfig | None = field(default=None, repr=False)
    recipe: Recipe | None = field(default=None, repr=False, compare=False)
    digest: str = ""
    warnings: tuple[str, ...] = ()
    log: str = field(default="", repr=False)
    tags: tuple[str, ...] = field(default=(), compare=False)

    @property
    def content(self) -> BuildConfig | None:
        """What is known to be in what was built."""
        return self.locked or self.config


class Evidence(StrEnum):
    """What a build's configuration says about the overlay that it was made with.

    `LACKING` is that of a build that has not all that was wanted, in a way that the overlay before does not explain.
    """

    NEW = "new"
    OLD = "old"
    EITHER = "either"
    LACKING = "lacking"


def evidence(build: Build, before: Overlay, after: Overlay) -> Evidence:
    """Whether a build was made with the overlay `after`, rather than with `before`.

    The configuration holds the base image's own entries beside the overlay's. So what is wanted and missing proves the
    old overlay, unless that one has it too; and what was removed and is gone proves the new one; but what was removed
    and is still there proves nothing, as the base image may have it too.
    """
    return _evidence(build.config, tuple(entries(after)), frozenset(entries(before)), diff(before, after))


def _evidence(
    config: BuildConfig | None, wanted: Sequence[Entry], before: frozenset[Entry], changes: Sequence[Change]
) -> Evidence:
    if config is None:
        return Evidence.EITHER
    told = [entry for entry in wanted if entry.part in config.parts]
    absent = missing(config, told)
    if absent:
        gone = set(absent)
        partly = any(_telling(entry) and entry not in before and entry not in gone for entry in told)
        return Evidence.LACKING if partly or gone & before else Evidence.OLD
    if any(_proves_new(change, config) for change in changes if change.part in config.parts):
        return Evidence.NEW
    return Evidence.EITHER if changes else Evidence.NEW


def _telling(entry: Entry) -> bool:
    """Whether finding an added entry proves the overlay: a base image has packages and accounts of its own."""
    return entry.part in (Part.ENVIRONMENT, Part.ANNOTATIONS)


def missing(config: BuildConfig, wanted: Iterable[Entry]) -> tuple[Entry, ...]:
    """The wanted entries that a configuration lacks, of those that it would tell of."""
    return tuple(
        entry for entry in wanted if entry.part in config.parts and not holds(config, entry) and not virtual(entry)
    )


def holds(config: BuildConfig, wanted: Entry) -> bool:
    """Whether a configuration has an entry that does what is wanted."""
    return wanted in config.entries or any(
        (found.part, found.key) == (wanted.part, wanted.key) and serves(found.value, wanted) for found in config.entries
    )


def _proves_new(change: Change, config: BuildConfig) -> bool:
    if change.after is not None:
        wanted = Entry(change.part, change.key, change.after)
        if wanted in config.entries or (change.before is None and holds(config, wanted)):
            return True
    if change.before is None:
        return not virtual(Entry(change.part, change.key, change.after or ""))
    return not holds(config, Entry(change.part, change.key, change.before))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A repository whose builds are followed: what was written to it, and the server's time just before that."""

    repository: str
    id: str
    before: Overlay
    after: Overlay
    since: float


class Stage(StrEnum):
    """How far a followed repository is; `SUPERSEDED` where somebody else has changed or deleted it since."""

    WAITING = "waiting"
    BUILDING = "building"
    SETTLING = "settling"
    DONE = "done"
    SUPERSEDED = "superseded"


FINISHED = frozenset({Stage.DONE, Stage.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known of one followed repository: its stage, the builds that count, and its place in the queue.

    `reports` are all that were seen at the last look, so that the next one judges only what is new.
    """

    watch: Watch
    stage: Stage
    builds: tuple[Build, ...]
    sync: Sync
    queue_seen: bool
    changed: float
    reports: tuple[Build, ...] = field(default=(), compare=False, repr=False)

    @property
    def ended(self) -> tuple[Build, ...]:
        """The builds that count and have ended."""
        return tuple(build for build in self.builds if build.result is not Result.RUNNING)

    @property
    def others(self) -> int:
        """How many builds were seen since the write that do not count."""
        return len(_since(self.watch, self.reports)) - len(self.builds) if self.reports else 0

    @property
    def failures(self) -> tuple[Build, ...]:
        """The builds that count and have failed, or succeeded without what was asked."""
        return tuple(build for build in self.builds if failed(build, self.watch))


def failed(build: Build, watch: Watch) -> bool:
    """Whether a build that counts has failed, or succeeded without what was asked."""
    if build.result is Result.SUCCESS:
        return build.content is not None and bool(lacking(build.content, watch.after))
    return build.result is Result.FAILURE


# Asked again and again of the same few configurations: by the journal, the table, and the end report.
@lru_cache(maxsize=4096)
def lacking(config: BuildConfig, after: Overlay) -> tuple[Entry, ...]:
    """What an overlay asks for and a configuration lacks."""
    return missing(config, entries(after))


def begin(watch: Watch, *, now: float) -> Progress:
    """What is known before the first look."""
    return Progress(watch=watch, stage=Stage.WAITING, builds=(), sync=Sync.IDLE, queue_seen=False, changed=now)


# A report may come a while after its repository has left the queue, so that an old build is not taken for the last word
# at once.
_DOUBT_SECONDS = 30.0
_LEAST_PATIENCE_SECONDS, _MOST_PATIENCE_SECONDS = 30.0, 600.0


def advance(
    known: Progress, builds: Iterable[Build], sync: Sync, *, now: float, settle: float, streams: int = 0
) -> Progress:
    """What is known after one more look at the repository's builds and its place in the queue.

    A repository is done when at least one build that counts has ended, none is running, the queue does not hold it, and
    nothing has changed for `settle` seconds, or longer where builds seem to be missing (`quiet`). `now` is a time on
    the clock that waits, not the server's; `streams` is the number of tags that are built, 0 where it is not known.
    """
    queued = sync in (Sync.QUEUED, Sync.IN_PROGRESS)
    queue_seen = known.queue_seen or queued
    reports = tuple(builds)
    if (reports, sync) == (known.reports, known.sync):
        counted = known.builds
    else:
        counted = _counted(known.watch, reports, queue_left=queue_seen and not queued)
    if not counted and queue_seen and not queued and now - known.changed >= max(settle, _DOUBT_SECONDS):
        counted = without_better(known.watch, reports)
    same = (counted, sync) == (known.builds, known.sync) and (bool(counted) or reports == known.reports)
    seen = Progress(
        watch=known.watch,
        stage=Stage.WAITING,
        builds=counted,
        sync=sync,
        queue_seen=queue_seen,
        changed=known.changed if same else now,
        reports=reports,
    )
    settled = now - seen.changed >= quiet(seen, settle=settle, streams=streams)
    return replace(seen, stage=_stage(counted, queued=queued, settled=settled))


def quiet(progress: Progress, *, settle: float, streams: int = 0) -> float:
    """For how many seconds nothing may change before a repository counts as done: `settle`, mostly.

    Reports may come at the end of a build only. Where the queue never told that it works on the repository and fewer
    builds than `streams` have come, the others are given as much time again as those that came have taken.
    """
    if progress.queue_seen or len(progress.builds) >= streams:
        return settle
    took = max((build.ended or 0.0 for build in progress.builds), default=0.0) - progress.watch.since
    return max(settle, min(max(took, _LEAST_PATIENCE_SECONDS), _MOST_PATIENCE_SECONDS))


def _counted(watch: Watch, builds: Iterable[Build], *, queue_left: bool) -> tuple[Build, ...]:
    ours = _since(watch, builds)
    wanted, before = tuple(entries(watch.after)), frozenset(entries(watch.before))
    changes = diff(watch.before, watch.after)
    told = {build.id: _evidence(build.config, wanted, before, changes) for build in ours}
    # Builds that may be of either overlay count when nothing better came although the queue took the write and is
    # through with it: then the base image itself has what was removed, and no configuration can ever tell.
    accepted = {Evidence.NEW, Evidence.LACKING}
    if queue_left and Evidence.NEW not in told.values():
        accepted.add(Evidence.EITHER)
    running = (build for build in ours if build.result is Result.RUNNING and told[build.id] is Evidence.EITHER)
    counted = {build.id: build for build in (*(one for one in ours if told[one.id] in accepted), *running)}
    return _in_order(counted.values())


def without_better(watch: Watch, reports: Iterable[Build]) -> tuple[Build, ...]:
    """The builds that count for want of a better one: those that succeeded and look like the overlay before.

    None while one still runs, which may be a better one.
    """
    ours = _since(watch, reports)
    if any(build.result is Result.RUNNING for build in ours):
        return ()
    return _in_order(build for build in ours if build.result is Result.SUCCESS and failed(build, watch))


def _since(watch: Watch, builds: Iterable[Build]) -> list[Build]:
    return [build for build in builds if build.started is None or build.started >= watch.since]


def _in_order(builds: Iterable[Build]) -> tuple[Build, ...]:
    return tuple(sorted(builds, key=lambda build: (build.started or 0.0, build.id)))


def _stage(builds: tuple[Build, ...], *, queued: bool, settled: bool) -> Stage:
    if not builds:
        return Stage.WAITING
    if queued or any(build.result is Result.RUNNING for build in builds):
        return Stage.BUILDING
    return Stage.DONE if settled else Stage.SETTLING
