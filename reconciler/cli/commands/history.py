"""`reconciler history`: the recorded runs, the newest first, or one of them in detail; no network, no token."""

from reconciler.cli import flags, output, runs
from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.core.runs import Run
from reconciler.journal import Journal
from reconciler.views import history
from reconciler.views.text import indented_json


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_run(parser, "run ID or its beginning: show that run in detail", optional=True)
    flags.add_journal(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Show what the journal of this folder holds."""
    output.targets(options)
    wanted: str | None = options.run
    with runs.read_only_journal(options, ctx) as journal, runs.journal_failures():
        renderers = _list(journal) if wanted is None else _detail(journal.run(wanted), options)
        output.show(renderers, options, ctx)
    output.print_no_requests(options, ctx)
    return ExitCode.DONE


def _list(journal: Journal) -> output.Renderers:
    """Print the list of runs; the table needs only counts, the document has every step."""
    return {
        "text": lambda style, width: history.render(journal.summaries(), where=journal.where, style=style, width=width),
        "json": lambda *_: indented_json(history.document(journal.runs())),
    }


def _detail(run: Run, options: Options) -> output.Renderers:
    return {
        "text": lambda style, width: history.render_run(run, style=style, width=width, versions=options.verbose > 0),
        "json": lambda *_: indented_json(history.document((run,))),
    }
