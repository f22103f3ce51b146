"""Builds: which ones a write caused, and when a repository is done.

A build report does not say which write caused it, and images are rebuilt every day for other reasons. What a report
does say is the configuration that it was made with; `evidence` compares that with the overlays before and after the
write.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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
    return evidence_of(build.config, tuple(entries(after)), frozenset(entries(before)), diff(before, after))


def evidence_of(
    config: BuildConfig | None, wanted: Sequence[Entry], before: frozenset[Entry], changes: Sequence[Change]
) -> Evidence:
    """The same of a configuration, where what both overlays hold and how they differ is known already."""
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
        return len(since(self.watch, self.reports)) - len(self.builds) if self.reports else 0

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


def since(watch: Watch, builds: Iterable[Build]) -> list[Build]:
    """The builds that started after the write, or of which that is not known."""
    return [build for build in builds if build.started is None or build.started >= watch.since]
