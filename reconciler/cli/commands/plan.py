"""`reconciler plan`: the difference between manifest and live state; changes nothing."""

from reconciler.cli import inputs, output, planning, session
from reconciler.cli.arguments import Options
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.surroundings import Surroundings
from reconciler.core.plan import Plan
from reconciler.views import plan_json, plan_text


def execute(options: Options, world: Surroundings) -> int:
    """Print the plan; 1 when a repository could not be planned, 2 for changes where that was asked for."""
    output.targets(options)
    desired, warnings = inputs.require(options)
    with session.reading(options, world) as client:
        plan = planning.make(desired, warnings, client)
    _show(plan, options, world)
    if not plan.complete:
        return ExitCode.ERROR
    return ExitCode.CHANGES if options.detailed_exitcode and plan.writes else ExitCode.DONE


def _show(plan: Plan, options: Options, world: Surroundings) -> None:
    document = planning.document(plan, options, world)
    output.show(
        {
            "text": lambda style, width: plan_text.render(
                document, style=style, width=width, show_unchanged=options.show_unchanged
            ),
            "json": lambda *_: plan_json.render(document),
        },
        options,
        world,
    )
    output.print_problems(plan.diagnostics, options, world)
