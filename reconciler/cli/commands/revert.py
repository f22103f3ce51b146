"""`reconciler revert`: restore the overlays from before a run, reviewed and written as an apply is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reconciler import planfile
from reconciler.cli import execution, flags, inputs, runs
from reconciler.cli import options as shared
from reconciler.cli.client import open_writer
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.execution import ApplyContext, ApplyRequest, execute_plan
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.cli.planning import RecentBuilds
from reconciler.cli.report import Report
from reconciler.core import planner
from reconciler.core.ownership import owners_of
from reconciler.core.reverting import left_by, plan_revert, rewritten
from reconciler.core.runs import Outcome, Run, RunKind, has_overlays
from reconciler.core.state import Live
from reconciler.diagnostics import Diagnostic, Place, Severity, has_errors
from reconciler.engine.ports import ReadApi


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_run(parser, "run ID or its beginning, as shown by `reconciler history`")
    parser.add_argument(
        "--max-removal",
        type=shared.share,
        metavar="SHARE",
        help="maximum share of the reverted repositories that may lose something (default: 30%%)",
    )
    parser.set_defaults(show_unchanged=False)
    shared.add_execution(parser)
    shared.add_batch(parser)
    flags.add_connection(parser)
    flags.add_journal(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Revert a run where nothing has changed since; the exit codes are those of `apply`."""
    how = execution.rollout_settings(options)
    with runs.read_only_journal(options, ctx) as journal:
        owners = owners_of(one.step for one in runs.find_run(journal, options.run, options).steps)
    with (
        runs.locked_journal(options, ctx, owners) as journal,
        Report(options, ctx) as report,
        open_writer(options, ctx) as client,
    ):
        run = runs.find_run(journal, options.run, options)
        _check_organization(run, options, client)
        live = inputs.read_repositories(run.header.organization, client, options, ctx)
        live = inputs.with_overlays(live, client, options, ctx, wanted=has_overlays(run))
        plan = plan_revert(run, live, later=runs.later_runs(journal, run), max_removal=options.max_removal)
        request = ApplyRequest(
            plan=plan,
            kind=RunKind.REVERT,
            source=run.id,
            recent=RecentBuilds(client, live),
            closing_note=lambda outcomes: _still_requested(run, live, outcomes, options, ctx),
        )
        apply = ApplyContext(journal=journal, client=client, report=report, options=options, ctx=ctx)
        return execute_plan(request, how, apply)


def _still_requested(
    run: Run, live: Live, outcomes: Sequence[Outcome], options: Options, ctx: Context
) -> Diagnostic | None:
    """Return a note on what the manifest of the run requests again, None where it does not or nothing was reverted."""
    left = left_by(outcomes)
    path = Path(run.header.source)
    if not left:
        return None
    if path.exists() and planfile.recognize(path) is None:
        desired, problems = inputs.load_manifest(path, options, ctx)
        if not has_errors(problems):
            now = [replace(one, overlay=left.get(one.id, one.overlay)) for one in live.repositories]
            plan = planner.plan(desired, replace(live, repositories=tuple(now)))
            return _requested([(step.repository, step.place) for step in rewritten(plan, left)])
    # Without its manifest, what the run recorded is all that is known.
    steps = [one for one in run.steps if (one.repository_id or one.step.id) in left]
    return _requested([(one.step.label, one.step.place) for one in steps])


def _requested(steps: Sequence[tuple[str, Place | None]]) -> Diagnostic | None:
    if not steps:
        return None
    return Diagnostic(
        code="still-requested",
        severity=Severity.NOTE,
        summary="the manifest still requests what was reverted; the next apply will write it again",
        detail=runs.places_of(steps),
        hint="to keep the revert, change the manifest there",
    )


def _check_organization(run: Run, options: Options, api: ReadApi) -> None:
    """Raise `CommandFailed` where `--org` names another organization than that of the run."""
    if options.org is not None and api.find_organization(options.org).id != run.header.organization.id:
        meant = run.header.organization.name
        raise CommandFailed(
            "run-of-other-organization",
            f"run {run.id} belongs to {meant}, but --org is {options.org}",
            "remove --org",
        )
