"""`reconciler resume`: continue the waves of a run that was paused, held back, interrupted or killed."""

from collections.abc import Iterable, Sequence
from functools import partial

from reconciler.cli import execution, flags, inputs, runs
from reconciler.cli import options as shared
from reconciler.cli.client import open_writer
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.execution import ApplyContext, ApplyRequest, execute_plan
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.cli.report import Report
from reconciler.core.effects import effects_of
from reconciler.core.ownership import owners_of
from reconciler.core.plan import Plan
from reconciler.core.runs import Applied, Outcome, Run, RunKind, RunState, RunStep, is_left, is_settled
from reconciler.core.state import Live
from reconciler.core.steps import BindingStep, OverlayStep, Step
from reconciler.diagnostics import Diagnostic
from reconciler.engine.waves import Waves
from reconciler.journal import Journal

# How far back a run is looked for that left something.
_MOST_RUNS = 20


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_run(parser, "run ID or its beginning (default: the newest run)", optional=True)
    shared.add_rollout(parser)
    # Each wave waits for the builds of the one before, whatever the settings say.
    parser.set_defaults(show_unchanged=False, batch=None, wait=True)
    flags.add_journal(parser)
    flags.add_connection(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Write what is left of an approved run, wave by wave; the exit codes are those of `apply`."""
    how = execution.rollout_settings(options)
    with runs.read_only_journal(options, ctx) as journal:
        run = _run(journal, options)
        owners = owners_of(one.step for one in run.steps)
    with (
        runs.locked_journal(options, ctx, owners) as journal,
        Report(options, ctx) as report,
        open_writer(options, ctx) as client,
    ):
        run = runs.find_run(journal, run.id, options)
        left = [step for step in run.steps if is_left(step)]
        _check(run, left)
        live = inputs.with_overlays(
            inputs.read_repositories(run.header.organization, client, options, ctx),
            client,
            options,
            ctx,
            wanted=any(not isinstance(one.step, Step) for one in left),
        )
        request = ApplyRequest(
            plan=_plan(run, left, live),
            kind=RunKind.APPLY,
            source=run.header.source,
            ask=False,
            waves=_waves(left),
            closing_note=partial(_closing_note, journal, options, ctx),
        )
        apply = ApplyContext(journal=journal, client=client, report=report, options=options, ctx=ctx)
        return execute_plan(request, how, apply)


def _run(journal: Journal, options: Options) -> Run:
    """Return the run that is meant; by default the newest that left what no later run wrote, else the newest."""
    newest = runs.find_run(journal, options.run, options)
    if options.run is not None:
        return newest
    written: set[str] = set()
    with runs.journal_failures():
        for summary in journal.summaries()[:_MOST_RUNS]:
            run = journal.run(summary.id)
            if run.header.api != newest.header.api:
                continue
            if any(is_left(one) and one.step.key not in written for one in run.steps):
                return run
            written |= {one.step.key for one in run.steps if not is_left(one)}
    return newest


def _check(run: Run, left: list[RunStep]) -> None:
    if run.state is RunState.RUNNING:
        raise CommandFailed(
            "run-goes-on",
            f"run {run.id} is still running (process {run.header.pid} on {run.header.host or '?'})",
            "wait until it has ended",
            exit_code=ExitCode.REFUSED,
        )
    if not left:
        raise CommandFailed(
            "nothing-to-resume",
            f"run {run.id} has nothing left to write",
            f"see its results with `reconciler history {run.id}`"
            if is_settled(run)
            else f"wait for its builds with `reconciler wait {run.id}`",
        )


def _closing_note(journal: Journal, options: Options, ctx: Context, outcomes: Sequence[Outcome]) -> Diagnostic | None:
    """Return that the builds of the earlier run's own writes are left to be followed, where they are."""
    written = [one.step.key for one in outcomes if isinstance(one, Applied)]
    earlier = runs.unfollowed_run(journal, options, besides=ctx.run_id, written=written)
    return None if earlier is None else execution.builds_not_followed(earlier.id)


def _plan(run: Run, left: Iterable[RunStep], live: Live) -> Plan:
    steps = [one.step for one in left]
    repositories = tuple(step for step in steps if isinstance(step, Step))
    overlays = tuple(step for step in steps if isinstance(step, OverlayStep | BindingStep))
    return Plan(
        organization=run.header.organization,
        steps=repositories,
        overlay_steps=overlays,
        effects=effects_of(live, repositories, overlays).tags,
        bindings=live.bindings,
    )


def _waves(left: Iterable[RunStep]) -> Waves:
    found: dict[int, list[Step | OverlayStep | BindingStep]] = {}
    for one in left:
        found.setdefault(one.wave, []).append(one.step)
    return tuple(tuple(found[number]) for number in sorted(found))
