"""`reconciler plan`: the difference between manifest and live state; changes nothing."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli import inputs, output, plan_output, planning
from reconciler.cli.arguments import Options
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.planning import Checked, Seen
from reconciler.cli.surroundings import Surroundings
from reconciler.core.desired import Desired
from reconciler.core.plan import Plan

# A plan of every day writes no file, compares with no other manifest and finds nothing to do: what is for the rest is
# imported where it is done.
if TYPE_CHECKING:
    from reconciler.api.client import ReadClient
    from reconciler.core.comparison import Comparison
    from reconciler.core.forecast import Forecast


def execute(options: Options, world: Surroundings) -> int:
    """Print the plan, and save it; 1 when a repository could not be planned, 2 for changes where that was asked for."""
    output.targets(options)
    desired, warnings = inputs.require(options, world)
    base = inputs.base(options, desired)
    with _look(desired, options, world) as (seen, client):
        plan = planning.make(desired, warnings, seen.live, options)
        checked = _checked(plan, desired, (seen, client), options, world)
        plan = checked.plan
        forecast = _forecast(plan, (seen, client), world)
    comparison = None if base is None else _compared(base, plan, seen, options)
    if options.output is not None:
        from reconciler.cli import saved_plans

        saved_plans.save(options.output, plan, seen, desired, world)
    document = planning.document(
        plan, api=seen.api, origin=seen.origin, comparison=comparison, forecast=forecast, checked=checked
    )
    plan_output.show(document, plan.diagnostics, options, world)
    if options.output is not None:
        world.stderr.write(f"saved: apply it with `reconciler apply {shlex.quote(str(options.output))}`\n")
    if not plan.complete:
        return ExitCode.ERROR
    return ExitCode.CHANGES if options.detailed_exitcode and _changes(plan, comparison) else ExitCode.DONE


@contextmanager
def _look(desired: Desired, options: Options, world: Surroundings) -> Iterator[tuple[Seen, "ReadClient | None"]]:
    """The live state, and what else can be read of it as long as the connection is open; None where there is none."""
    if options.against is not None:
        from reconciler.cli import saved_plans

        output.tell_nothing_sent(options, world)
        yield saved_plans.from_snapshot(options.against, inputs.organization(desired)), None
        return
    # Imported here, so that planning against a snapshot loads no HTTP library.
    from reconciler.cli import session

    with session.reading(options, world) as client:
        name, identity = session.api_name(options, world), session.api_identity(options, world)
        yield Seen(live=planning.read(desired, client), api=name, api_identity=identity), client


def _checked(
    plan: Plan, desired: Desired, looked: tuple[Seen, "ReadClient | None"], options: Options, world: Surroundings
) -> Checked:
    """The plan after its packages were looked up, where there is an API to ask."""
    seen, client = looked
    if client is None or not plan.writes:
        return Checked(plan=plan)
    from reconciler.cli.checking import Desk, check

    desk = Desk(client=client, api=seen.api_identity, options=options, world=world)
    return check(plan, desired, seen.live, desk)


def _forecast(plan: Plan, looked: tuple[Seen, "ReadClient | None"], world: Surroundings) -> "Forecast | None":
    """What an apply would set going, where there is an API to ask."""
    seen, client = looked
    if client is None or not plan.applyable:
        return None
    from reconciler.cli.forecasting import foresee

    return foresee(plan, client, world, live=seen.live)


def _compared(base: Desired, plan: Plan, seen: Seen, options: Options) -> "Comparison":
    from reconciler.core.comparison import compare

    return compare(planning.make_base(base, seen.live, options), plan)


def _changes(plan: Plan, comparison: "Comparison | None") -> bool:
    """Whether there is something to do; where a change is looked at, something that it causes."""
    return bool(plan.writes if comparison is None else comparison.caused)
