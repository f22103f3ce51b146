"""`reconciler history`: the recorded runs, the newest first, or one of them in detail; no network, no token."""

from reconciler.cli import options as shared
from reconciler.cli import output, runs
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.parser import Options, Parser
from reconciler.views import history


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_run(parser, "the run's id or the beginning of it, to show that run in detail", optional=True)
    shared.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Show what the journal of this folder holds."""
    output.targets(options)
    wanted: str | None = options.run
    with runs.read_only_journal() as journal, runs.journal_failures():
        found = journal.runs() if wanted is None else (journal.run(wanted),)
    output.show(
        {
            "text": lambda style, width: (
                history.render(found, style=style, width=width)
                if wanted is None
                else history.render_run(found[0], style=style, width=width, versions=options.verbose > 0)
            ),
            "json": lambda *_: history.render_json(found),
        },
        options,
        ctx,
    )
    output.print_no_requests(options, ctx)
    return ExitCode.DONE
