"""`reconciler wait`: resume a recorded run in any process: settle writes in flight, follow builds, report."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from reconciler.api.client import ReadClient
from reconciler.cli import flags, runs
from reconciler.cli import options as shared
from reconciler.cli.client import open_reader
from reconciler.cli.context import Context, interruptible, no_longer_waiting
from reconciler.cli.errors import CommandFailed
from reconciler.cli.execution import exit_codes, follow_limits
from reconciler.cli.exit_codes import ExitCode, first
from reconciler.cli.options import Options
from reconciler.cli.output import print_problems
from reconciler.cli.parser import Parser
from reconciler.cli.planning import earlier_builds
from reconciler.cli.report import Report
from reconciler.core.builds import Progress
from reconciler.core.progress import begin
from reconciler.core.recovery import recovered_outcome
from reconciler.core.runs import Outcome, Run, RunState, has_overlays, is_in_flight, is_settled, recorded_outcomes
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.engine.follow import Followed, failure_logs, follow, targets_of, watches
from reconciler.engine.ports import with_overlays
from reconciler.engine.sources import recorded
from reconciler.journal import JournalError, RunRecord


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_run(parser, "run ID or its beginning (default: the newest run)", optional=True)
    shared.add_limits(parser)
    flags.add_connection(parser)
    flags.add_journal(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Follow a run to its end; the report and the exit code are those that its apply would have ended with."""
    with Report(options, ctx) as report, runs.read_only_journal(options, ctx) as journal:
        run = runs.find_run(journal, options.run, options)
        _check_idle(run)
        if is_settled(run):
            return _again(run, report)
        notice = partial(no_longer_waiting, run.id)
        with open_reader(options, ctx) as client, interruptible(ctx, notice), ExitStack() as stack:
            record = _record(run, stack, options, ctx)
            later = runs.later_runs(journal, run)
            return _go_on(_WaitContext(run=run, later=later, client=client, report=report, record=record), options, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class _WaitContext:
    """Data for resuming a run: the run, later runs, and `record`, None if the journal cannot be written."""

    run: Run
    later: tuple[Run, ...]
    client: ReadClient
    report: Report
    record: RunRecord | None


def _check_idle(run: Run) -> None:
    """Raise `CommandFailed` while the run is still writing: its next writes are not known."""
    if run.state is RunState.RUNNING and any(step.outcome is None for step in run.steps):
        raise CommandFailed(
            "run-goes-on",
            f"run {run.id} is still writing (process {run.header.pid} on {run.header.host or '?'})",
            "wait until its writes are done, or interrupt it there",
            exit_code=ExitCode.REFUSED,
        )


def _again(run: Run, report: Report) -> ExitCode:
    """Return the report of a run that was followed to its end, from the record alone."""
    outcomes, progress = recorded_outcomes(run), _known(run)
    followed = Followed(progress=progress, tags=recorded(progress)) if progress else None
    code = first(exit_codes(outcomes, followed, interrupted=False))
    return report.end(outcomes, followed, {}, code=code, run=run.id)


def _known(run: Run) -> tuple[Progress, ...]:
    return (*(step.progress for step in run.steps if step.progress is not None), *run.followed)


def _record(run: Run, stack: ExitStack, options: Options, ctx: Context) -> RunRecord | None:
    """Return the record to continue; None for a run that its own process still records."""
    if run.state is RunState.RUNNING:
        return None
    try:
        return stack.enter_context(runs.recording_journal(options, ctx)).resume(run)
    except JournalError as error:
        print_problems((_unrecorded(error.diagnostic),), options, ctx)
        return None


def _go_on(wait: _WaitContext, options: Options, ctx: Context) -> ExitCode:
    outcomes = _outcomes(wait)
    begun = _begun(outcomes, wait, ctx.clock.now())
    followed: Followed | None = None
    if begun:
        with wait.report.progress() as listen:
            followed = follow(
                begun,
                wait.client,
                wait.run.header.organization,
                clock=ctx.clock,
                stop=ctx.stop,
                limits=follow_limits(options),
                on_event=listen,
                record=wait.record,
            )
    interrupted = ctx.stop.is_set()
    code = first(exit_codes(outcomes, followed, interrupted=interrupted))
    if wait.record is not None:
        wait.record.end(exit_code=code, interrupted=interrupted)
    logs = failure_logs(followed, wait.client) if followed else {}
    problem = wait.record.problem if wait.record else None
    compared = followed.progress if followed and wait.report.compares_images else ()
    earlier = earlier_builds(compared, wait.client, wait.run.header.organization)
    return wait.report.end(outcomes, followed, logs, code=code, run=wait.run.id, problems=[problem], earlier=earlier)


def _outcomes(wait: _WaitContext) -> tuple[Outcome, ...]:
    """Return the outcome of every step; writes in flight are settled by one read of the live state, and recorded."""
    if not any(is_in_flight(step) for step in wait.run.steps):
        return recorded_outcomes(wait.run)
    live = wait.client.read_live(wait.run.header.organization)
    if has_overlays(wait.run):
        live = with_overlays(live, wait.client)
    outcomes = tuple(recovered_outcome(step, live, wait.later) for step in wait.run.steps)
    for step, outcome in zip(wait.run.steps, outcomes, strict=True):
        if wait.record is not None and is_in_flight(step):
            wait.record.finished(outcome)
    return outcomes


def _begun(outcomes: Sequence[Outcome], wait: _WaitContext, now: float) -> tuple[Progress, ...]:
    """Return the progress to continue from: the last recorded one, or the beginning."""
    run = wait.run
    known = {progress.target.key: progress for progress in _known(run)}
    if run.followed:
        by_tag = tuple(progress.target for progress in run.followed)
        ids = {target.id for target in by_tag}
        targets = (*(target for target in watches(outcomes) if target.id not in ids), *by_tag)
    else:
        targets = targets_of(outcomes, run.effects, wait.client, run.header.organization)
    return tuple(known.get(target.key) or begin(target, now=now) for target in targets)


def _unrecorded(problem: Diagnostic) -> Diagnostic:
    return Diagnostic(
        code=problem.code,
        severity=Severity.WARNING,
        summary=f"the build results are not recorded: {problem.summary}",
        detail=problem.detail,
    )
