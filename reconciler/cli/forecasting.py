"""The reads behind what is known of a plan before it is carried out: recent build reports, and the forecast from them.

Where they fail, the forecast says so, and nothing stops.
"""

from collections.abc import Sequence
from typing import Protocol

from reconciler.api.errors import ApiError
from reconciler.cli.surroundings import Surroundings
from reconciler.core.builds import Build, Result
from reconciler.core.events import Forecast, Unforeseen, make_forecast
from reconciler.core.plan import Plan, Step
from reconciler.core.state import Live, Organization

# Images are rebuilt daily, so two days hold a build of nearly every tag; a week of a large organisation is many times
# the size and tells nothing more.
LOOK_BACK = 2 * 86400.0
# An image that has not been built for days is broken, and a change may be what mends it.
LONGEST_DAYS = 30
# Beyond so many repositories the span shrinks as their number grows: the answer stays of one size.
_ALL = 1000


class BuildApi(Protocol):
    """The one call that this needs."""

    def list_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        """The build reports started at or after `since` below an organisation or a repository; raises `ApiError`."""
        ...


class Recent:
    """The recent builds of what a plan writes, read once, and only where somebody asks."""

    def __init__(self, api: BuildApi, world: Surroundings, live: Live) -> None:
        self.live = live
        self._api = api
        self._world = world
        self._span = LOOK_BACK / max(1.0, len(live.repositories) / _ALL)
        self._read: tuple[Build, ...] | ApiError | None = None

    def builds(self, plan: Plan) -> tuple[Build, ...]:
        """The builds of the last two days, or less in a large organisation; raises `ApiError`, each time."""
        if self._read is None:
            try:
                self._read = self._api.list_builds(_scope(plan), since=self._world.clock.now() - self._span)
            except ApiError as error:
                self._read = error
        if isinstance(self._read, ApiError):
            raise self._read
        return self._read

    def of_one(self, step: Step) -> Sequence[Build]:
        """Older builds of one repository, over a longer span until one of them succeeded; raises `ApiError`."""
        assert step.id is not None
        scope = Organization(id=step.id, name=step.repository)
        builds: tuple[Build, ...] = ()
        for span in (LOOK_BACK, LONGEST_DAYS * 86400.0):
            if span > self._span and all(one.result is not Result.SUCCESS for one in builds):
                builds = self._api.list_builds(scope, since=self._world.clock.now() - span)
        return builds


def foresee(plan: Plan, recent: Recent) -> Forecast | None:
    """What an apply of the plan would set going; None where it would write nothing. Raises nothing."""
    if not plan.applyable:
        return None
    try:
        builds = recent.builds(plan)
    except ApiError as error:
        return Unforeseen(problem=error.diagnostic.summary)
    return make_forecast(plan.writes, {one.id: len(one.active_tags) for one in recent.live.repositories}, builds)


def _scope(plan: Plan) -> Organization:
    """What to list the builds of, in one call: the only repository that is written, whose answer is small, or all."""
    ids = {step.id: step.repository for step in plan.writes}
    if len(ids) > 1:
        return plan.organization
    ((id_, name),) = ids.items()
    return plan.organization if id_ is None else Organization(id=id_, name=name)
