"""`reconciler plan`: the difference between manifest and live state; changes nothing."""

import shlex

from reconciler.cli import inputs, output, plan_output, planning, saved_plans
from reconciler.cli.arguments import Options
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.planning import Seen
from reconciler.cli.surroundings import Surroundings
from reconciler.core.comparison import Comparison, compare
from reconciler.core.desired import Desired
from reconciler.core.plan import Plan


def execute(options: Options, world: Surroundings) -> int:
    """Print the plan, and save it; 1 when a repository could not be planned, 2 for changes where that was asked for."""
    output.targets(options)
    desired, warnings = inputs.require(options, world)
    base = inputs.base(options, desired)
    seen = _look(desired, options, world)
    plan = planning.make(desired, warnings, seen.live, options)
    comparison = None if base is None else compare(planning.make_base(base, seen.live, options), plan)
    if options.output is not None:
        saved_plans.save(options.output, plan, seen, desired, world)
    document = planning.document(plan, api=seen.api, origin=seen.origin, comparison=comparison)
    plan_output.show(document, plan.diagnostics, options, world)
    if options.output is not None:
        world.stderr.write(f"saved: apply it with `reconciler apply {shlex.quote(str(options.output))}`\n")
    if not plan.complete:
        return ExitCode.ERROR
    return ExitCode.CHANGES if options.detailed_exitcode and _changes(plan, comparison) else ExitCode.DONE


def _look(desired: Desired, options: Options, world: Surroundings) -> Seen:
    if options.against is not None:
        output.tell_nothing_sent(options, world)
        return saved_plans.from_snapshot(options.against, inputs.organization(desired))
    # Imported here, so that planning against a snapshot loads no HTTP library.
    from reconciler.cli import session

    with session.reading(options, world) as client:
        live = planning.read(desired, client)
    return Seen(live=live, api=session.api_name(options, world), api_identity=session.api_identity(options, world))


def _changes(plan: Plan, comparison: Comparison | None) -> bool:
    """Whether there is something to do; where a change is looked at, something that it causes."""
    return bool(plan.writes if comparison is None else comparison.caused)
