"""Builds: which ones a write caused, and when a repository is done.

A build report does not say which write caused it, and images are rebuilt every day for other reasons. What a report
does say is the configuration that it was made with; `evidence` compares that with the overlays before and after the
write.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.diff import Change, diff
from reconciler.core.model import Group, Overlay, User
from reconciler.core.parts import Entry, Part, Value, entries


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
    """One build report. Times are seconds since the epoch by the server's clock; `config` None when it did not tell."""

    id: str
    repository_id: str
    started: float | None
    ended: float | None
    result: Result
    config: BuildConfig | None = field(default=None, repr=False)
    digest: str = ""
    warnings: tuple[str, ...] = ()
    log: str = field(default="", repr=False)


class Evidence(StrEnum):
    """What a build's configuration says about the overlay that it was made with."""

    NEW = "new"
    OLD = "old"
    EITHER = "either"


def evidence(build: Build, before: Overlay, after: Overlay) -> Evidence:
    """Whether a build was made with the overlay `after`, rather than with `before`.

    The configuration holds the base image's own entries beside the overlay's. So what is wanted and missing proves the
    old overlay, and what was removed and is gone proves the new one; but what was removed and is still there proves
    nothing, as the base image may have it too.
    """
    return _evidence(build.config, tuple(entries(after)), diff(before, after))


def _evidence(config: BuildConfig | None, wanted: Iterable[Entry], changes: Sequence[Change]) -> Evidence:
    if config is None:
        return Evidence.EITHER
    if not all(_holds(config, entry) for entry in wanted if entry.part in config.parts):
        return Evidence.OLD
    if any(_proves_new(change, config) for change in changes if change.part in config.parts):
        return Evidence.NEW
    return Evidence.EITHER if changes else Evidence.NEW


def _holds(config: BuildConfig, wanted: Entry) -> bool:
    return wanted in config.entries or any(
        _serves(found.value, wanted) for found in config.entries if (found.part, found.key) == (wanted.part, wanted.key)
    )


def _serves(found: Value, wanted: Entry) -> bool:
    """Whether an entry of the configuration does what the overlay asked for, although it says more."""
    match wanted.value, found:
        case str(), str():
            return wanted.part is Part.PACKAGES and wanted.value == wanted.key
        case tuple(), tuple():
            return set(wanted.value) <= set(found)
        case User(), User():
            return _user_serves(found, wanted.value)
        case Group(), Group():
            return found.gid == wanted.value.gid and set(wanted.value.members) <= set(found.members)
        case _:
            return False


def _user_serves(found: User, wanted: User) -> bool:
    # A configuration may leave out names that it does not need (apko has no group name for a user). Only a gid that is
    # left out says something: absent and 0 are different.
    texts = ((wanted.groupname, found.groupname), (wanted.shell, found.shell), (wanted.homedir, found.homedir))
    return (
        found.uid == wanted.uid
        and wanted.gid in (None, found.gid)
        and all(theirs in ("", ours) or not ours for ours, theirs in texts)
    )


def _proves_new(change: Change, config: BuildConfig) -> bool:
    if change.after is not None and Entry(change.part, change.key, change.after) in config.entries:
        return True
    return change.before is None or not _holds(config, Entry(change.part, change.key, change.before))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A repository whose builds are followed: what was written to it, and the server's time just before that."""

    repository: str
    id: str
    before: Overlay
    after: Overlay
    since: float


class Stage(StrEnum):
    """How far a followed repository is."""

    WAITING = "waiting"
    BUILDING = "building"
    SETTLING = "settling"
    DONE = "done"


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
    def failures(self) -> tuple[Build, ...]:
        """The builds that count and have failed."""
        return tuple(build for build in self.builds if build.result is Result.FAILURE)


def begin(watch: Watch, *, now: float) -> Progress:
    """What is known before the first look."""
    return Progress(watch=watch, stage=Stage.WAITING, builds=(), sync=Sync.IDLE, queue_seen=False, changed=now)


def advance(known: Progress, builds: Iterable[Build], sync: Sync, *, now: float, settle: float) -> Progress:
    """What is known after one more look at the repository's builds and its place in the queue.

    A repository is done when at least one build that counts has ended, none is running, the queue does not hold it, and
    nothing has changed for `settle` seconds. `now` is a time on the clock that waits, not the server's.
    """
    queued = sync in (Sync.QUEUED, Sync.IN_PROGRESS)
    queue_seen = known.queue_seen or queued
    reports = tuple(builds)
    if (reports, sync) == (known.reports, known.sync):
        counted = known.builds
    else:
        counted = _counted(known.watch, reports, queue_left=queue_seen and not queued)
    same = (counted, sync) == (known.builds, known.sync)
    changed = known.changed if same else now
    return Progress(
        watch=known.watch,
        stage=_stage(counted, queued=queued, settled=now - changed >= settle),
        builds=counted,
        sync=sync,
        queue_seen=queue_seen,
        changed=changed,
        reports=reports,
    )


def _counted(watch: Watch, builds: Iterable[Build], *, queue_left: bool) -> tuple[Build, ...]:
    ours = [build for build in builds if build.started is None or build.started >= watch.since]
    wanted, changes = tuple(entries(watch.after)), diff(watch.before, watch.after)
    told = {build.id: _evidence(build.config, wanted, changes) for build in ours}
    # Builds that may be of either overlay count when nothing better came although the queue took the write and is
    # through with it: then the base image itself has what was removed, and no configuration can ever tell.
    accepted = {Evidence.NEW}
    if queue_left and Evidence.NEW not in told.values():
        accepted.add(Evidence.EITHER)
    running = (build for build in ours if build.result is Result.RUNNING and told[build.id] is Evidence.EITHER)
    counted = {build.id: build for build in (*(one for one in ours if told[one.id] in accepted), *running)}
    return tuple(sorted(counted.values(), key=lambda build: (build.started or 0.0, build.id)))


def _stage(builds: tuple[Build, ...], *, queued: bool, settled: bool) -> Stage:
    if not builds:
        return Stage.WAITING
    if queued or any(build.result is Result.RUNNING for build in builds):
        return Stage.BUILDING
    return Stage.DONE if settled else Stage.SETTLING
