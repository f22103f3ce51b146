"""`reconciler drift`: what somebody else changed since the last runs, and what is not applied yet."""

from reconciler.cli import flags, inputs, output, planning, runs
from reconciler.cli import options as shared
from reconciler.cli.client import api_name, open_reader
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.core.drift import find_drift
from reconciler.views import drift
from reconciler.views.text import indented_json


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_path(parser)
    flags.add_connection(parser)
    flags.add_journal(parser)
    flags.add_output(parser)
    shared.add_selection(parser)
    # What a plan goes by besides: nothing is reset that the manifest does not name, and what has errors is told of.
    parser.set_defaults(prune=False, prune_overlays=False, max_removal=None, take_over=True, skip_blocked=False)


def execute(options: Options, ctx: Context) -> int:
    """Print the drift; return 2 where somebody else changed something, 1 where not all of it is known."""
    output.targets(options)
    desired, warnings = inputs.read_manifest(options, ctx)
    with open_reader(options, ctx) as client:
        live = inputs.read_planned(desired, client, options, ctx)
    plan = planning.make_plan(desired, warnings, live, options)
    written = runs.last_written(plan, options, ctx)
    found = drift.document(find_drift(plan, written), plan.organization, api=api_name(options))
    output.print_problems(plan.diagnostics, options, ctx)
    output.show(
        {
            "text": lambda style, width: drift.render(found, style=style, width=width),
            "json": lambda *_: indented_json(found),
            "markdown": lambda *_: drift.render_markdown(found),
        },
        options,
        ctx,
    )
    if not plan.complete:
        return ExitCode.ERROR
    return ExitCode.CHANGES if found["drift"] else ExitCode.DONE
