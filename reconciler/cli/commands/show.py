"""`reconciler show`: a saved plan again, in any format, without network and without token."""

from reconciler.cli import output, plan_output, planning, saved_plans
from reconciler.cli.arguments import Options
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.surroundings import Surroundings


def execute(options: Options, world: Surroundings) -> int:
    """Print the plan that a file holds."""
    output.targets(options)
    saved = saved_plans.load(options.path)
    document = planning.document(saved.plan, api=saved.api, origin=saved_plans.origin(saved))
    plan_output.show(document, saved.plan.diagnostics, options, world)
    output.tell_nothing_sent(options, world)
    return ExitCode.DONE
