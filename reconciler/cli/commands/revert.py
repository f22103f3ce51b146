"""`reconciler revert`: the plan back to what stood before a run, through the same review and writing as an apply."""

from reconciler.cli import carrying_out, journaling, session
from reconciler.cli.arguments import Options
from reconciler.cli.carrying_out import Bench, Undertaking
from reconciler.cli.errors import CommandFailed
from reconciler.cli.forecasting import Recent
from reconciler.cli.report import Report
from reconciler.cli.surroundings import Surroundings
from reconciler.core.runs import Run, RunKind, plan_revert
from reconciler.core.state import Organization
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import ReadApi


def execute(options: Options, world: Surroundings) -> int:
    """Take a run back where nothing has changed since; the exit codes are those of `apply`."""
    how = carrying_out.settings(options)
    with (
        Report(options, world) as report,
        journaling.locked(world) as journal,
        session.writing(options, world) as client,
    ):
        run = journaling.recorded(journal, options.run, options, world)
        _check_organization(run, options, client)
        live = client.read_live(run.header.organization)
        plan = plan_revert(run, live, later=journaling.later(journal, run), max_removal=options.max_removal)
        undertaking = Undertaking(plan=plan, kind=RunKind.REVERT, source=run.id, recent=Recent(client, world, live))
        bench = Bench(journal=journal, client=client, report=report, options=options, world=world)
        return carrying_out.carry_out(undertaking, how, bench)


def _check_organization(run: Run, options: Options, api: ReadApi) -> None:
    """Raise `CommandFailed` where `--org` names another organisation than that of the run."""
    if options.org is not None and api.find_organization(options.org).id != run.header.organization.id:
        raise CommandFailed(_other(run.id, run.header.organization, options.org))


def _other(run: str, meant: Organization, given: str) -> Diagnostic:
    return Diagnostic(
        code="run-of-other-organization",
        summary=f"run {run} was made for {meant.name}, and --org names {given}",
        hint="leave out --org",
    )
