"""How far a followed repository is: what one more look at its builds and at its place in the queue changes.

Which builds a write caused is told by the evidence in `builds`.
"""

from collections.abc import Iterable
from dataclasses import replace

from reconciler.core.builds import Build, Evidence, Progress, Result, Stage, Sync, Watch, evidence_of, failed, since
from reconciler.core.diff import diff
from reconciler.core.parts import entries


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
    ours = since(watch, builds)
    wanted, before = tuple(entries(watch.after)), frozenset(entries(watch.before))
    changes = diff(watch.before, watch.after)
    told = {build.id: evidence_of(build.config, wanted, before, changes) for build in ours}
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
    ours = since(watch, reports)
    if any(build.result is Result.RUNNING for build in ours):
        return ()
    return _in_order(build for build in ours if build.result is Result.SUCCESS and failed(build, watch))


def _in_order(builds: Iterable[Build]) -> tuple[Build, ...]:
    return tuple(sorted(builds, key=lambda build: (build.started or 0.0, build.id)))


def _stage(builds: tuple[Build, ...], *, queued: bool, settled: bool) -> Stage:
    if not builds:
        return Stage.WAITING
    if queued or any(build.result is Result.RUNNING for build in builds):
        return Stage.BUILDING
    return Stage.DONE if settled else Stage.SETTLING
