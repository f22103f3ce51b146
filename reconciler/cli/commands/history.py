"""`reconciler history`: the recorded runs, the newest first, or one of them in detail; no network, no token."""

from reconciler.cli import journaling, output
from reconciler.cli.arguments import Options
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.surroundings import Surroundings
from reconciler.views import history


def execute(options: Options, world: Surroundings) -> int:
    """Show what the journal of this folder holds."""
    output.targets(options)
    wanted: str | None = options.run
    with journaling.reading() as journal, journaling.failing():
        runs = journal.runs() if wanted is None else (journal.run(wanted),)
    output.show(
        {
            "text": lambda style, width: (
                history.render(runs, style=style, width=width)
                if wanted is None
                else history.render_run(runs[0], style=style, width=width, versions=options.verbose > 0)
            ),
            "json": lambda *_: history.render_json(runs),
        },
        options,
        world,
        table=True,
    )
    output.tell_nothing_sent(options, world)
    return ExitCode.DONE
