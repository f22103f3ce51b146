"""`reconciler journal push`: share the runs that a storage could not take when they ended."""

from reconciler.cli import flags, runs
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Declare the action and its options."""
    actions = parser.add_subparsers(dest="subcommand", metavar="ACTION", parser_class=Parser, required=True)
    push = actions.add_parser(
        "push",
        help="push the runs of this folder that the shared journal lacks",
        description="Push the runs of this folder that the shared journal lacks.",
        allow_abbrev=False,
    )
    flags.add_journal(push)
    flags.add_common(push)


def execute(options: Options, ctx: Context) -> int:
    """Push what only this folder has; nothing to push is a success."""
    with runs.journal_failures():
        pushed = runs.needed_shared_journal(options, ctx).push()
    for run in pushed:
        ctx.stdout.write(f"Pushed run {run}.\n")
    if not pushed:
        ctx.stdout.write("Nothing to push. The shared journal has every run of this folder.\n")
    return ExitCode.DONE
