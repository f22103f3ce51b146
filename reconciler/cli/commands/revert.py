"""`reconciler revert`: the plan back to what stood before a run, through the same review and writing as an apply."""

from reconciler.cli import execution, inputs, runs
from reconciler.cli import options as shared
from reconciler.cli.client import open_writer
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.execution import ApplyContext, ApplyRequest, execute_plan
from reconciler.cli.parser import Options, Parser
from reconciler.cli.planning import RecentBuilds
from reconciler.cli.report import Report
from reconciler.core.runs import Run, RunKind, plan_revert
from reconciler.engine.ports import ReadApi


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_run(parser, "the run's id or the beginning of it, as `reconciler history` shows it")
    parser.add_argument(
        "--max-removal",
        type=shared.share,
        metavar="SHARE",
        help="share of the reverted repositories that may lose something (default: 30%%)",
    )
    parser.set_defaults(show_unchanged=False)
    shared.add_execution(parser)
    shared.add_connection(parser)
    shared.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Take a run back where nothing has changed since; the exit codes are those of `apply`."""
    how = execution.rollout_settings(options)
    with (
        runs.locked_journal(ctx) as journal,
        Report(options, ctx) as report,
        open_writer(options, ctx) as client,
    ):
        run = runs.find_run(journal, options.run, options)
        _check_organization(run, options, client)
        live = inputs.with_bindings(inputs.read_repositories(run.header.organization, client, options, ctx), client)
        plan = plan_revert(run, live, later=runs.later_runs(journal, run), max_removal=options.max_removal)
        request = ApplyRequest(plan=plan, kind=RunKind.REVERT, source=run.id, recent=RecentBuilds(client, live))
        apply = ApplyContext(journal=journal, client=client, report=report, options=options, ctx=ctx)
        return execute_plan(request, how, apply)


def _check_organization(run: Run, options: Options, api: ReadApi) -> None:
    """Raise `CommandFailed` where `--org` names another organisation than that of the run."""
    if options.org is not None and api.find_organization(options.org).id != run.header.organization.id:
        meant = run.header.organization.name
        raise CommandFailed(
            "run-of-other-organization",
            f"run {run.id} was made for {meant}, and --org names {options.org}",
            "leave out --org",
        )
