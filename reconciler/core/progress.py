"""Compute a repository's next build progress from the latest reports and its place in the queue."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.core.builds import (
    Build,
    BuildConfig,
    Evidence,
    Progress,
    Result,
    Stage,
    Sync,
    Target,
    build_failed,
    builds_since,
    evidence,
    locked_version,
    serves,
)
from reconciler.core.diff import Field, Item, diff, items_of
from reconciler.core.packages import parse_constraint


def begin(target: Target, *, now: float) -> Progress:
    """Return the progress before the first poll."""
    return Progress(target=target, stage=Stage.WAITING, builds=(), sync=Sync.IDLE, queue_seen=False, changed=now)


# A report may arrive a while after its repository has left the queue, so an old build is not final at once.
_DOUBT_SECONDS = 30.0
# A repository without active tags, or before its first sync, leaves the queue and is never built.
REPORT_GRACE_SECONDS = 600.0
_MIN_EXTRA_SECONDS, _MAX_EXTRA_SECONDS = 30.0, 600.0


def advance(
    known: Progress, builds: Iterable[Build], sync: Sync, *, now: float, settle: float, tag_count: int = 0
) -> Progress:
    """Return the progress after another poll of the repository's builds and its place in the queue.

    A repository is done when at least one build that counts has ended, none is running, the queue does not hold it, and
    nothing has changed for `settle` seconds, or longer where builds seem to be missing (`settle_time`); one without any
    report is given up `REPORT_GRACE_SECONDS` after the queue let it go. `now` is a time on
    the clock that waits, not the server's; `tag_count` is the number of tags that are built, 0 where it is not known.
    """
    queued = sync in (Sync.QUEUED, Sync.IN_PROGRESS)
    queue_seen = known.queue_seen or queued
    reports = tuple(builds)
    if (reports, sync) == (known.reports, known.sync):
        counted = known.builds
    else:
        counted = _counted(known.target, reports, queue_left=queue_seen and not queued)
    if not counted and queue_seen and not queued and now - known.changed >= max(settle, _DOUBT_SECONDS):
        counted = without_better(known.target, reports)
    same = (counted, sync) == (known.builds, known.sync) and (bool(counted) or reports == known.reports)
    seen = Progress(
        target=known.target,
        stage=Stage.WAITING,
        builds=counted,
        sync=sync,
        queue_seen=queue_seen,
        changed=known.changed if same else now,
        reports=reports,
    )
    settled = now - seen.changed >= settle_time(seen, settle=settle, tag_count=tag_count)
    let_go = queue_seen and not queued and not builds_since(known.target, reports)
    if let_go and now - seen.changed >= REPORT_GRACE_SECONDS:
        return replace(seen, stage=Stage.UNREPORTED)
    return replace(seen, stage=_stage(counted, queued=queued, settled=settled))


def settle_time(progress: Progress, *, settle: float, tag_count: int = 0) -> float:
    """Return the seconds without change after which a repository is done: `settle`, or longer.

    Reports may come at the end of a build only. Where the queue never told that it works on the repository and fewer
    builds than `tag_count` have come, the others are given as much time again as those that came have taken.
    """
    if progress.queue_seen or len(progress.builds) >= tag_count:
        return settle
    took = max((build.ended or 0.0 for build in progress.builds), default=0.0) - progress.target.since
    return max(settle, min(max(took, _MIN_EXTRA_SECONDS), _MAX_EXTRA_SECONDS))


def _counted(target: Target, builds: Iterable[Build], *, queue_left: bool) -> tuple[Build, ...]:
    ours = builds_since(target, builds)
    wanted, before = tuple(items_of(target.after)), frozenset(items_of(target.before))
    changes = diff(target.before, target.after)
    verdicts = {build.id: evidence(build.config, wanted, before, changes) for build in ours}
    # Builds that match both overlays count if no better one arrived although the queue processed the write: then the
    # base image itself has what was removed, and no configuration can distinguish the two.
    accepted = {Evidence.NEW, Evidence.LACKING}
    if queue_left and Evidence.NEW not in verdicts.values():
        accepted.add(Evidence.EITHER)
    alike = (build for build in ours if verdicts[build.id] is Evidence.EITHER)
    # A refusal of the configuration of tags comes as a failed report that holds none.
    open_ones = (one for one in alike if one.result is Result.RUNNING or (target.tags and _is_refusal(one)))
    # A build that starts after a new one is new as well, also if its base image has what was removed.
    proven = min((_start(one) for one in ours if verdicts[one.id] is Evidence.NEW), default=math.inf)
    later = (one for one in ours if one.config and verdicts[one.id] is Evidence.EITHER and _start(one) > proven)
    accepted_ones = (one for one in ours if verdicts[one.id] in accepted)
    counted = {build.id: build for build in (*accepted_ones, *open_ones, *later)}
    return _in_order(counted.values())


def _start(build: Build) -> float:
    return build.started or 0.0


def _is_refusal(build: Build) -> bool:
    return build.result is Result.FAILURE and build.config is None and not build.digest


def without_better(target: Target, reports: Iterable[Build]) -> tuple[Build, ...]:
    """Return the builds that count if no better one arrives: successful ones that match the overlay before.

    Empty while a build still runs, which may be a better one.
    """
    ours = builds_since(target, reports)
    if any(build.result is Result.RUNNING for build in ours):
        return ()
    return _in_order(build for build in ours if build.result is Result.SUCCESS and build_failed(build, target))


def _in_order(builds: Iterable[Build]) -> tuple[Build, ...]:
    return tuple(sorted(builds, key=lambda build: (build.started or 0.0, build.id)))


def _stage(builds: tuple[Build, ...], *, queued: bool, settled: bool) -> Stage:
    if not builds:
        return Stage.WAITING
    if queued or any(build.result is Result.RUNNING for build in builds):
        return Stage.BUILDING
    return Stage.DONE if settled else Stage.SETTLING


Providers = Mapping[str, frozenset[str]]


def unnamed_packages(build: Build, target: Target) -> tuple[Item, ...]:
    """Return the wanted packages that a successful build requested and its locked configuration does not name."""
    if build.result is not Result.SUCCESS or build.config is None or build.locked is None:
        return ()
    asked, locked = _packages(build.config), _packages(build.locked)
    wanted = (entry for entry in items_of(target.after) if entry.field is Field.PACKAGES)
    return tuple(entry for entry in wanted if entry.key in asked and entry.key not in locked)


def with_provided(build: Build, target: Target, providers: Providers) -> Build:
    """Return the build with each wanted package added to its lock for which the lock has a provider."""
    found = [entry for one in unnamed_packages(build, target) for entry in _provided(one, build, providers)]
    if build.locked is None or not found:
        return build
    locked = BuildConfig(entries=build.locked.entries.union(found), parts=build.locked.parts)
    return replace(build, locked=locked)


def _provided(wanted: Item, build: Build, providers: Providers) -> Iterator[Item]:
    """Return the wanted package, in the version of a package that provides it."""
    assert build.locked is not None
    locked = _packages(build.locked)
    for provider in sorted(providers.get(wanted.key, frozenset()) & locked.keys()):
        version = locked_version(locked[provider].value)
        spec = f"{wanted.key}={version}"
        # A name may be provided in another version; the resolution has checked that it fits.
        fits = version and parse_constraint(spec) is not None and serves(spec, wanted)
        yield Item(Field.PACKAGES, wanted.key, spec if fits else wanted.value)
        return


def _packages(config: BuildConfig) -> dict[str, Item]:
    return {entry.key: entry for entry in config.entries if entry.field is Field.PACKAGES}
