"""The read behind a plan's forecast: recent build reports. Where it fails, the forecast says so, and nothing stops."""

from reconciler.api.errors import ApiError
from reconciler.cli.surroundings import Surroundings
from reconciler.core.forecast import Forecast, Unforeseen, forecast
from reconciler.core.live import Live, Organization
from reconciler.core.plan import Plan
from reconciler.engine.ports import ReadApi

# Images are rebuilt daily, so two days hold a build of nearly every tag; a week of a large organisation is many times
# the size and tells nothing more.
LOOK_BACK = 2 * 86400.0
# Beyond so many repositories the span shrinks as their number grows: the answer stays of one size.
_ALL = 1000


def foresee(plan: Plan, api: ReadApi, world: Surroundings, *, live: Live | None = None) -> Forecast | None:
    """What an apply of the plan would set going; None where it would write nothing. Raises nothing.

    `live` names the tags of the repositories; without it the reports alone have to tell.
    """
    if not plan.applyable:
        return None
    try:
        span = LOOK_BACK / max(1.0, len(live.repositories) / _ALL if live else 1.0)
        builds = api.list_builds(_scope(plan), since=world.clock.now() - span)
    except ApiError as error:
        return Unforeseen(problem=error.diagnostic.summary)
    streams = {one.id: len(one.active_tags) for one in live.repositories} if live else {}
    return forecast(plan.writes, streams, builds)


def _scope(plan: Plan) -> Organization:
    """What to list the builds of, in one call: the only repository that is written, whose answer is small, or all."""
    ids = {step.id: step.repository for step in plan.writes}
    if len(ids) > 1:
        return plan.organization
    ((id_, name),) = ids.items()
    return plan.organization if id_ is None else Organization(id=id_, name=name)
