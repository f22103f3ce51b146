"""`reconciler plan`: the difference between manifest and live state; changes nothing."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.api.client import ReadClient
from reconciler.cli import flags, inputs, output, planning, runs
from reconciler.cli import options as shared
from reconciler.cli.ci import provenance
from reconciler.cli.client import api_identity, api_name, open_reader
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.package_checks import CheckContext, check
from reconciler.cli.parser import Parser
from reconciler.cli.planning import Checked, LiveSource, RecentBuilds, foresee
from reconciler.core.forecast import Forecast
from reconciler.core.plan import Comparison, Plan, compare
from reconciler.core.resolution import without_resolution
from reconciler.core.state import Desired
from reconciler.engine.offline import OfflineApi


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_path(parser)
    flags.add_connection(parser)
    flags.add_journal(parser)
    flags.add_output(parser)
    shared.add_planning(parser)
    parser.add_argument(
        "--base",
        type=shared.input_path,
        metavar="PATH",
        help="compare with this base manifest: show what the change causes",
    )
    parser.add_argument(
        "--against",
        type=shared.input_path,
        metavar="FILE",
        help="plan against a snapshot instead of the API (no token, no network)",
    )
    shared.add_file(parser, "save the plan to FILE, for `apply FILE` and `show FILE`")
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 2 when there are changes, 1 when they cannot be applied"
    )
    shared.add_show_unchanged(parser)


def execute(options: Options, ctx: Context) -> int:
    """Print the plan and save it; return 1 for a plan with errors, 2 for changes with `--detailed-exitcode`."""
    output.targets(options)
    inputs.check_stdin(options.path, options.base, options.against)
    desired, warnings = inputs.read_manifest(options, ctx)
    base = inputs.read_base(options, desired, ctx)
    with _open_source(desired, options, ctx) as (source, client), runs.readable_journal(options, ctx) as journal:
        writers = runs.last_writers(journal, options)
        plan = planning.make_plan(desired, warnings, source.live, options, writers)
        checked, forecast = _check(plan, desired, source, client, options=options, ctx=ctx)
        plan = runs.with_revert_note(checked.plan, journal, options)
    comparison = None if base is None else compare(planning.make_base_plan(base, source.live, options, writers), plan)
    if options.output is not None:
        asked = options.against is None or not options.check_packages
        planning.save_plan(
            options.output, plan, source, desired, ctx, packages_checked=asked, resolved=checked.resolved
        )
    in_full = output.shows_overlays(options)
    document = planning.document(
        plan,
        api=source.api,
        origin=source.origin,
        comparison=comparison,
        forecast=forecast,
        checked=checked,
        live=source.live if in_full else None,
        overlays=in_full,
        manifest=planning.manifest_name(desired, options, ctx),
    )
    output.show_plan(document, plan.diagnostics, options, ctx, provenance=provenance(ctx.environ, ctx.clock.now()))
    if options.output is not None and options.output is not shared.STDOUT:
        ctx.stderr.write(_saved_notice(options.output, plan))
    return _exit_code(plan, checked, comparison, options)


def _check(
    plan: Plan,
    desired: Desired,
    source: LiveSource,
    client: ReadClient | OfflineApi | None,
    *,
    options: Options,
    ctx: Context,
) -> tuple[Checked, Forecast | None]:
    """Return the plan with its packages checked, and the forecast of its builds; a snapshot has no forecast."""
    if client is None:
        return (_unchecked(plan, desired, options) if plan.writes else Checked(plan=plan)), None
    if not (plan.writes or plan.overlay_writes):
        return Checked(plan=plan), None
    recent = RecentBuilds(client, source.live)
    offline = isinstance(client, OfflineApi)
    checks = CheckContext(
        client=client, api=source.api_identity, recent=recent, options=options, ctx=ctx, offline=offline
    )
    checked = check(plan, desired, checks)
    with output.activity("reading recent builds", options, ctx):
        return checked, None if offline else foresee(checked.plan, recent)


def _exit_code(plan: Plan, checked: Checked, comparison: Comparison | None, options: Options) -> ExitCode:
    not_applyable = options.detailed_exitcode and (plan.failed or plan.refused)
    incomplete = any(
        not step.planned
        for step in (*plan.steps, *plan.overlay_steps)
        if not plan.skip_blocked or step not in plan.blocked
    )
    if incomplete or checked.wrong or not_applyable:
        return ExitCode.ERROR
    return ExitCode.CHANGES if options.detailed_exitcode and _has_changes(plan, comparison) else ExitCode.DONE


@contextmanager
def _open_source(
    desired: Desired, options: Options, ctx: Context
) -> Iterator[tuple[LiveSource, ReadClient | OfflineApi | None]]:
    """Yield the live state and, while the connection is open, the client, or what a snapshot has in its place."""
    if options.against is not None:
        output.print_no_requests(options, ctx)
        source, offline = planning.snapshot_source(options.against, inputs.organization(desired), ctx)
        if source.live.salt and options.output is not None:
            raise CommandFailed(
                "plan-of-redacted-snapshot",
                f"{options.against} is redacted: a plan against it has no values to write and cannot be saved",
                "remove -o, or plan against the API or a snapshot without --redact",
            )
        yield source, offline
        return
    with open_reader(options, ctx) as client:
        live = inputs.read_planned(desired, client, options, ctx)
        yield LiveSource(live=live, api=api_name(options), api_identity=api_identity(options)), client


def _unchecked(plan: Plan, desired: Desired, options: Options) -> Checked:
    """Return the plan without an API."""
    required = desired.settings.require_resolve
    if not options.resolve and not required:
        return Checked(plan=plan)
    why = "a plan against a snapshot sends no requests"
    return Checked(plan=without_resolution(plan, why, required=required))


def _has_changes(plan: Plan, comparison: Comparison | None) -> bool:
    """Return whether there are changes; with `--base`, changes that the edit of the manifest causes."""
    if comparison is None:
        return bool(plan.writes or plan.overlay_writes)
    return any(step.writes for step in comparison.caused)


def _saved_notice(path: Path, plan: Plan) -> str:
    if not plan.applyable:
        return f"Saved {path}. It cannot be applied. To view it: `reconciler show {shlex.quote(str(path))}`\n"
    return f"Saved {path}. To apply it: `reconciler apply {shlex.quote(str(path))}`\n"
