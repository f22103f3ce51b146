"""`reconciler apply`: plan, show, ask, write what was shown, follow the builds, report."""

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.api.client import WriteClient
from reconciler.cli import carrying_out, inputs, journaling, planning, saved_plans, session
from reconciler.cli.arguments import Options
from reconciler.cli.carrying_out import Bench, Undertaking
from reconciler.cli.checking import Desk, check
from reconciler.cli.forecasting import Recent
from reconciler.cli.report import Report
from reconciler.cli.surroundings import Surroundings
from reconciler.core.runs import RunKind


def execute(options: Options, world: Surroundings) -> int:
    """Carry a manifest or a saved plan out; the exit code says how far it came."""
    how = carrying_out.settings(options)
    source = _source(options, world)
    with (
        Report(options, world) as report,
        journaling.locked(world) as journal,
        session.writing(options, world) as client,
    ):
        undertaking = source.undertaking(client)
        bench = Bench(journal=journal, client=client, report=report, options=options, world=world)
        return carrying_out.carry_out(undertaking, how, bench)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where the plan comes from, once there is a client."""

    undertaking: Callable[[WriteClient], Undertaking]


def _source(options: Options, world: Surroundings) -> _Source:
    """Everything that can be wrong with a saved plan or a manifest by itself is found here, before anything is sent."""
    saved = saved_plans.given(options)
    if saved is None:
        desired, warnings = inputs.require(options, world)

        def planned(client: WriteClient) -> Undertaking:
            live = planning.read(desired, client)
            plan = planning.make(desired, warnings, live, options)
            recent, api = Recent(client, world, live), session.api_identity(options, world)
            desk = Desk(client=client, api=api, recent=recent, options=options, world=world)
            checked = check(plan, desired, desk)
            return Undertaking(
                plan=checked.plan, kind=RunKind.APPLY, source=str(options.path), recent=recent, checked=checked
            )

        return _Source(undertaking=planned)
    saved_plans.check_api(saved, session.api_identity(options, world))

    def approved(client: WriteClient) -> Undertaking:
        saved_plans.check_organization(saved, options, client)
        origin = saved_plans.origin(saved)
        return Undertaking(plan=saved.plan, kind=RunKind.APPLY, source=str(options.path), origin=origin, ask=False)

    return _Source(undertaking=approved)
