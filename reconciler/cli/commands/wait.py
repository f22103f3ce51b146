"""`reconciler wait`: go on from a recorded run, in any process: settle what was in flight, follow, report."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from reconciler.api.client import ReadClient
from reconciler.cli import journaling, session
from reconciler.cli.arguments import Options
from reconciler.cli.carrying_out import codes, limits
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode, first
from reconciler.cli.journaling import FOLDER
from reconciler.cli.output import print_problems
from reconciler.cli.report import Report
from reconciler.cli.signals import interruptible
from reconciler.cli.surroundings import Surroundings
from reconciler.core.builds import Progress
from reconciler.core.progress import begin
from reconciler.core.runs import Outcome, Run, RunState, is_in_flight, is_settled, recorded_outcomes, recovered_outcome
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.engine.tagging import recorded
from reconciler.engine.track import Followed, failure_logs, follow, watches
from reconciler.journal import JournalError, RunRecord, open_journal


def execute(options: Options, world: Surroundings) -> int:
    """Follow a run to its end; the report and the exit code are those that its apply would have ended with."""
    with Report(options, world) as report, journaling.reading() as journal:
        run = journaling.recorded(journal, options.run, options, world)
        _check_idle(run)
        if is_settled(run):
            return _again(run, report)
        with session.reading(options, world) as client, interruptible(world), ExitStack() as stack:
            record = _record(run, stack, options, world)
            later = journaling.later(journal, run)
            return _go_on(_Bench(run=run, later=later, client=client, report=report, record=record), options, world)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What going on works with: the run, those after it, and None as `record` where the journal cannot be written."""

    run: Run
    later: tuple[Run, ...]
    client: ReadClient
    report: Report
    record: RunRecord | None


def _check_idle(run: Run) -> None:
    """Raise `CommandFailed` while the run is still writing: what it is about to write cannot be told from outside."""
    if run.state is RunState.RUNNING and any(step.outcome is None for step in run.steps):
        raise CommandFailed(
            Diagnostic(
                code="run-goes-on",
                summary=f"run {run.id} is still writing (process {run.header.pid} on {run.header.host or '?'})",
                hint="wait until it follows builds, or interrupt it there",
            ),
            code=ExitCode.REFUSED,
        )


def _again(run: Run, report: Report) -> ExitCode:
    """The report of a run that was followed to its end, from the record alone."""
    outcomes, progress = recorded_outcomes(run), _known(run)
    followed = Followed(progress=progress, tags=recorded(progress)) if progress else None
    report.end(outcomes, followed, {}, interrupted=False, run=run.id)
    return first(codes(outcomes, followed, interrupted=False))


def _known(run: Run) -> tuple[Progress, ...]:
    return tuple(step.progress for step in run.steps if step.progress is not None)


def _record(run: Run, stack: ExitStack, options: Options, world: Surroundings) -> RunRecord | None:
    """Where to go on recording; a run that its own process still follows is recorded by that one alone."""
    if run.state is RunState.RUNNING:
        return None
    try:
        return stack.enter_context(open_journal(FOLDER, now=world.clock.now)).resume(run)
    except JournalError as error:
        print_problems((_unrecorded(error.diagnostic),), options, world)
        return None


def _go_on(bench: _Bench, options: Options, world: Surroundings) -> ExitCode:
    outcomes = _outcomes(bench)
    begun = _begun(outcomes, bench.run, world.clock.now())
    followed: Followed | None = None
    if begun:
        with bench.report.progress() as listen:
            followed = follow(
                begun,
                bench.client,
                bench.run.header.organization,
                clock=world.clock,
                stop=world.stop,
                limits=limits(options),
                listen=listen,
                record=bench.record,
            )
    interrupted = world.stop.is_set()
    code = first(codes(outcomes, followed, interrupted=interrupted))
    if bench.record is not None:
        bench.record.end(exit_code=code, interrupted=interrupted)
    logs = failure_logs(followed, bench.client) if followed else {}
    bench.report.end(outcomes, followed, logs, interrupted=interrupted, run=bench.run.id)
    bench.report.problem(bench.record.problem if bench.record else None)
    return code


def _outcomes(bench: _Bench) -> tuple[Outcome, ...]:
    """What every step came to, with what was in flight judged by one look at what is live, and put on record."""
    if not any(is_in_flight(step) for step in bench.run.steps):
        return recorded_outcomes(bench.run)
    live = bench.client.read_live(bench.run.header.organization)
    outcomes = tuple(recovered_outcome(step, live, bench.later) for step in bench.run.steps)
    for step, outcome in zip(bench.run.steps, outcomes, strict=True):
        if bench.record is not None and is_in_flight(step):
            bench.record.finished(outcome)
    return outcomes


def _begun(outcomes: Sequence[Outcome], run: Run, now: float) -> tuple[Progress, ...]:
    """Where following goes on: from what was last seen, or from the beginning."""
    known = {progress.target.repository: progress for progress in _known(run)}
    return tuple(known.get(watch.repository) or begin(watch, now=now) for watch in watches(outcomes))


def _unrecorded(problem: Diagnostic) -> Diagnostic:
    return Diagnostic(
        code=problem.code,
        severity=Severity.WARNING,
        summary=f"what is seen of the builds is not recorded: {problem.summary}",
        detail=problem.detail,
    )
