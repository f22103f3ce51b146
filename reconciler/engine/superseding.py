"""Repositories that somebody else changes or deletes while their builds are followed.

One read of the whole organisation tells, and is done seldom: when something looks wrong, and at the end. The same read
tells how many tags a repository builds, which is what the end is judged by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.api.errors import ApiError
from reconciler.core.builds import FINISHED, Progress, Result, Stage, Sync
from reconciler.core.progress import without_better
from reconciler.core.state import LiveRepository, Organization
from reconciler.engine.ports import ReadApi

_BETWEEN_SECONDS = 180.0
# Builds mostly come sooner than that, and the queue takes a write at once.
_PATIENCE_SECONDS = 120.0
# A read may still answer with the overlay before for a while, unless a build has shown the one after.
_SURE_AFTER_SECONDS = 20.0


class Check:
    """Looks for such repositories, at most once in a few minutes unless it is asked to."""

    def __init__(self, api: ReadApi, organization: Organization, *, began: float) -> None:
        self._api = api
        self._organization = organization
        self._began = began
        self._next = began
        self._streams: Mapping[str, int] = {}
        self._live: Mapping[str, LiveRepository] | None = None

    def streams(self, progress: Progress) -> int:
        """How many tags of a repository are built, 0 where it is not known."""
        return self._streams.get(progress.target.id, 0)

    def ask(self, *, now: float) -> bool:
        """Read how things stand; without an answer nothing is superseded, and it is as it was before."""
        self._next = now + _BETWEEN_SECONDS if self._is_sure(now) else self._began + _SURE_AFTER_SECONDS
        try:
            found = self._api.read_live(self._organization).repositories
        except ApiError:
            return False
        self._live = {one.id: one for one in found}
        self._streams = {one.id: len(one.active_tags) for one in found}
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


def concluded(seen: Sequence[Progress]) -> tuple[Progress, ...]:
    """The progress when time is up: for want of better builds, those count that look like the overlay before."""
    return tuple(
        one if one.builds or one.stage in FINISHED else replace(one, builds=without_better(one.target, one.reports))
        for one in seen
    )


def _suspicious(one: Progress, waited: float) -> bool:
    if one.stage in FINISHED:
        return False
    if one.stage is Stage.WAITING:
        patience = _SURE_AFTER_SECONDS if one.sync is Sync.IDLE else _PATIENCE_SECONDS
        return waited >= patience or any(report.result is not Result.RUNNING for report in one.reports)
    return any(build.result is Result.SUCCESS for build in one.failures)


def _judged(one: Progress, there: LiveRepository | None, *, sure: bool, now: float) -> Progress:
    if one.stage is Stage.SUPERSEDED or (there is not None and there.overlay == one.target.after):
        return one
    sure = sure or one.stage is Stage.DONE
    if not sure and there is not None and there.overlay == one.target.before:
        return one
    return replace(one, stage=Stage.SUPERSEDED, changed=now)
