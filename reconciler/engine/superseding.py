"""Repositories that somebody else changes or deletes while their builds are followed: their builds never come.

One read of the whole organisation tells, and is done seldom: only when something looks wrong, and at the end.
"""

from collections.abc import Sequence
from dataclasses import replace

from reconciler.api.errors import ApiError
from reconciler.core.builds import FINISHED, Progress, Result, Stage, without_better
from reconciler.core.live import LiveRepository, Organization
from reconciler.engine.ports import ReadApi

_BETWEEN_SECONDS = 180.0
# Builds mostly come sooner than that.
_PATIENCE_SECONDS = 120.0
# A read may still answer with the overlay before for a while.
_SURE_AFTER_SECONDS = 60.0


class Check:
    """Looks for such repositories, at most once in a few minutes."""

    def __init__(self, api: ReadApi, organization: Organization, *, began: float) -> None:
        self._api = api
        self._organization = organization
        self._began = began
        self._next = began

    def checked(self, seen: tuple[Progress, ...], *, now: float) -> tuple[Progress, ...]:
        """The progress with the stage of those that are superseded."""
        if now < self._next or not any(_suspicious(one, now - self._began) for one in seen):
            return seen
        self._next = now + _BETWEEN_SECONDS
        return self.at_last(seen, now=now)

    def at_last(self, seen: tuple[Progress, ...], *, now: float) -> tuple[Progress, ...]:
        """The same without regard to when it was last asked; without an answer nothing is superseded."""
        if all(one.stage in FINISHED for one in seen):
            return seen
        try:
            live = {one.id: one for one in self._api.read_live(self._organization).repositories}
        except ApiError:
            return seen
        sure = now - self._began >= _SURE_AFTER_SECONDS
        return tuple(_judged(one, live.get(one.watch.id), sure=sure, now=now) for one in seen)


def concluded(seen: Sequence[Progress]) -> tuple[Progress, ...]:
    """The progress when time is up: for want of better builds, those count that look like the overlay before."""
    return tuple(
        one if one.builds or one.stage in FINISHED else replace(one, builds=without_better(one.watch, one.reports))
        for one in seen
    )


def _suspicious(one: Progress, waited: float) -> bool:
    if one.stage in FINISHED:
        return False
    if one.stage is Stage.WAITING:
        return waited >= _PATIENCE_SECONDS or any(report.result is not Result.RUNNING for report in one.reports)
    return any(build.result is Result.SUCCESS for build in one.failures)


def _judged(one: Progress, there: LiveRepository | None, *, sure: bool, now: float) -> Progress:
    if one.stage in FINISHED or (there is not None and there.overlay == one.watch.after):
        return one
    if not sure and there is not None and there.overlay == one.watch.before:
        return one
    return replace(one, stage=Stage.SUPERSEDED, changed=now)
