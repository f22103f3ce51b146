"""`reconciler show`: a saved plan again, in any format, without network and without token."""

from reconciler.cli import flags, inputs, output, planning
from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("path", type=shared.input_path, metavar="FILE", help="saved plan, or - for standard input")
    flags.add_output(parser)
    shared.add_show_unchanged(parser)


def execute(options: Options, ctx: Context) -> int:
    """Print the plan that a file holds."""
    output.targets(options)
    saved = inputs.load_plan(options.path, ctx)
    document = planning.document(
        saved.plan,
        api=saved.api,
        origin=inputs.origin(saved),
        checked=planning.Checked(plan=saved.plan, resolved=saved.resolved),
        overlays=output.shows_overlays(options),
    )
    output.show_plan(document, saved.plan.diagnostics, options, ctx)
    output.print_no_requests(options, ctx)
    return ExitCode.DONE
