"""`reconciler apply`: plan, show, ask, write what was shown, follow the builds, report."""

from collections.abc import Callable, Collection
from dataclasses import replace

from reconciler.cli import execution, flags, inputs, planning, runs
from reconciler.cli import options as shared
from reconciler.cli.client import api_identity, open_writer
from reconciler.cli.context import Context
from reconciler.cli.execution import ApplyContext, ApplyRequest, execute_plan
from reconciler.cli.options import Options
from reconciler.cli.output import activity
from reconciler.cli.package_checks import CheckContext, check, check_saved
from reconciler.cli.parser import Parser
from reconciler.cli.planning import Checked, RecentBuilds
from reconciler.cli.report import Report
from reconciler.core.ownership import owners_of
from reconciler.core.runs import RunKind
from reconciler.core.state import Desired
from reconciler.diagnostics import Diagnostic
from reconciler.planfile import SavedPlan


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_path(parser, "a manifest file or a folder of them, or a saved plan")
    flags.add_connection(parser)
    flags.add_journal(parser)
    flags.add_output(parser)
    shared.add_planning(parser)
    shared.add_show_unchanged(parser)
    shared.add_execution(parser)
    shared.add_batch(parser)


def execute(options: Options, ctx: Context) -> int:
    """Apply a manifest or a saved plan; the exit code says how far it came.

    All problems of the manifest or the saved plan alone are found before anything is sent.
    """
    how = execution.rollout_settings(options)
    owners, make_request = _read(options, ctx)
    with (
        runs.locked_journal(options, ctx, owners) as journal,
        Report(options, ctx) as report,
        open_writer(options, ctx) as client,
    ):
        apply = ApplyContext(journal=journal, client=client, report=report, options=options, ctx=ctx)
        return execute_plan(make_request(apply), how, apply)


def _read(options: Options, ctx: Context) -> tuple[Collection[str], Callable[[ApplyContext], ApplyRequest]]:
    """Read the manifest or plan; return its owners, and a function that makes the request once there is a client."""
    saved = inputs.saved_plan(options, ctx)
    if saved is None:
        desired, warnings = inputs.read_manifest(options, ctx)
        owners = desired.owners & set(options.owner or desired.owners)
        organization_wide = {""} if desired.declares_overlays else set()
        return owners | organization_wide, lambda apply: _planned(desired, warnings, apply)
    inputs.check_api(saved, api_identity(options))
    return owners_of((*saved.plan.overlay_steps, *saved.plan.writes)), lambda apply: _approved(saved, apply)


def _planned(desired: Desired, warnings: tuple[Diagnostic, ...], apply: ApplyContext) -> ApplyRequest:
    """Return the plan of a manifest, which is still to be confirmed."""
    client, options, ctx = apply.client, apply.options, apply.ctx
    live = inputs.read_planned(desired, client, options, ctx)
    plan = planning.make_plan(desired, warnings, live, options, runs.last_writers(apply.journal, options))
    recent = RecentBuilds(client, live)
    checks = CheckContext(client=client, api=api_identity(options), recent=recent, options=options, ctx=ctx)
    checked = check(plan, desired, checks)
    plan = runs.with_revert_note(checked.plan, apply.journal, options)
    return ApplyRequest(
        plan=plan,
        kind=RunKind.APPLY,
        source=str(options.path),
        recent=recent,
        checked=checked,
        manifest=planning.manifest_name(desired, options, ctx),
    )


def _approved(saved: SavedPlan, apply: ApplyContext) -> ApplyRequest:
    """Return the plan of a file, which has been reviewed.

    Bindings are read again, and packages that could not be looked up then are looked up now.
    """
    client, options, ctx = apply.client, apply.options, apply.ctx
    inputs.check_organization(saved, options, client)
    plan, checked = saved.plan, Checked(plan=saved.plan, resolved=saved.resolved)
    if plan.applyable:
        with activity(f"reading the overlay bindings of {plan.organization.name}", options, ctx):
            plan = planning.block_bound_since(plan, client.read_bindings(plan.organization))
    if plan.writes and options.check_packages and not saved.packages_checked:
        recent = RecentBuilds(client, inputs.read_repositories(plan.organization, client, options, ctx))
        checks = CheckContext(client=client, api=saved.api, recent=recent, options=options, ctx=ctx)
        checked = replace(check_saved(plan, checks), resolved=saved.resolved)
        plan = checked.plan
    origin = inputs.origin(saved)
    return ApplyRequest(
        plan=plan, kind=RunKind.APPLY, source=str(options.path), origin=origin, ask=False, checked=checked
    )
