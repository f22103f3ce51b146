"""A plan carried out, whoever made it: shown, asked about, recorded, written, followed, reported; one exit code."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.api.client import WriteClient
from reconciler.cli import journaling, planning, session
from reconciler.cli.arguments import Options
from reconciler.cli.confirm import confirm
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode, first
from reconciler.cli.forecasting import Recent, foresee
from reconciler.cli.output import print_problems
from reconciler.cli.report import Report
from reconciler.cli.signals import interruptible, tell
from reconciler.cli.surroundings import Surroundings
from reconciler.core import waves
from reconciler.core.plan import Plan
from reconciler.core.runs import Drifted, Failed, FailureKind, NotAttempted, Outcome, RunHeader, RunKind, is_settled
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.engine.ports import OnError
from reconciler.engine.rollout import Batches, Rollout, rollout
from reconciler.engine.track import Followed, Limits, failure_logs
from reconciler.journal import Journal, RunRecord
from reconciler.views.document import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Undertaking:
    """A plan with where it comes from; `ask` False where it was approved before. `source` says it for the journal.

    `recent` is what it is forecast from, None for a plan that was forecast when it was approved; `checked` what was
    found out about its packages, None where that was not asked again.
    """

    plan: Plan
    kind: RunKind
    source: str
    origin: Origin | None = None
    ask: bool = True
    recent: Recent | None = None
    checked: planning.Checked | None = None


def settings(options: Options) -> Rollout:
    """How to go about it; raises `CommandFailed` for options that do not go together."""
    return Rollout(
        parallelism=options.parallelism,
        on_error=OnError(options.on_error),
        batches=_batches(options),
        wait=options.wait,
        limits=limits(options),
    )


def limits(options: Options) -> Limits:
    """How long builds are followed."""
    return Limits(total=options.wait_timeout, each=options.repo_timeout)


def _batches(options: Options) -> Batches | None:
    if options.batch is None:
        if options.max_failed is not None:
            raise _usage("--max-failed is for waves, and there are none", "give --batch as well, such as 1,10%,rest")
        return None
    if not options.wait:
        raise _usage("--batch waits for the builds of each wave, and --no-wait does not", "leave one of them out")
    try:
        sizes = waves.parse(options.batch)
    except ValueError as error:
        raise _usage(f'--batch "{options.batch}": {error}', "write it like 1,10%,rest") from None
    return Batches(sizes=sizes, max_failed=options.max_failed or 0)


def _usage(summary: str, hint: str) -> CommandFailed:
    return CommandFailed(Diagnostic(code="bad-usage", summary=summary, hint=hint), code=ExitCode.USAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What carrying out works with."""

    journal: Journal
    client: WriteClient
    report: Report
    options: Options
    world: Surroundings


def carry_out(undertaking: Undertaking, how: Rollout, bench: Bench) -> ExitCode:
    """Show a plan, ask, and do it where it may be done; the exit code says how far it came."""
    options, world, plan = bench.options, bench.world, undertaking.plan
    forecast = foresee(plan, undertaking.recent) if undertaking.recent else None
    api = session.api_name(options, world)
    document = planning.document(
        plan, api=api, origin=undertaking.origin, forecast=forecast, checked=undertaking.checked
    )
    bench.report.plan(plan, document)
    header = journaling.header(undertaking.kind, undertaking.source, plan.organization, options, world)
    if not plan.applyable:
        bench.report.nothing_to_do()
        code = _not_applyable(plan, options, world)
        if code is ExitCode.DONE:
            _settle_for_nothing(header, plan, bench)
        return code
    if undertaking.ask:
        confirm(plan, options, world)
    with interruptible(world):
        record = bench.journal.begin(header, plan)
        try:
            return _recorded(plan, record, how, bench)
        except KeyboardInterrupt:
            record.end(exit_code=ExitCode.INTERRUPTED, interrupted=True)
            tell(world, f"\naborted: what was in flight is unknown; settle it with: reconciler wait {record.id}\n")
            raise


def _not_applyable(plan: Plan, options: Options, world: Surroundings) -> ExitCode:
    """Why nothing is written: what the plan already said, what the guard refuses, or that there is nothing to do."""
    if not plan.failed and plan.refused:
        print_problems(plan.guard.refusals, options, world)
        return ExitCode.REFUSED
    return ExitCode.DONE if plan.complete else ExitCode.ERROR


def _settle_for_nothing(header: RunHeader, plan: Plan, bench: Bench) -> None:
    """Record a run that had nothing to do, and point to builds that nobody has followed to their end."""
    before = bench.journal.latest()
    bench.journal.begin(header, plan).end(exit_code=ExitCode.DONE, interrupted=False)
    if before is not None and not is_settled(before):
        bench.report.problem(_unfollowed(before.id))


def _unfollowed(run: str) -> Diagnostic:
    return Diagnostic(
        code="builds-not-followed",
        severity=Severity.NOTE,
        summary=f"what run {run} wrote stands, and its builds were not followed to their end",
        hint=f"see how they ended with `reconciler wait {run}`",
    )


def _recorded(plan: Plan, record: RunRecord, how: Rollout, bench: Bench) -> ExitCode:
    world = bench.world
    with bench.report.progress() as listen:
        outcomes, followed = rollout(
            plan, bench.client, clock=world.clock, stop=world.stop, settings=how, listen=listen, record=record
        )
    interrupted = world.stop.is_set()
    code = first(codes(outcomes, followed, interrupted=interrupted))
    # What is known is on record before anything else can go wrong, such as a terminal that is gone.
    record.end(exit_code=code, interrupted=interrupted)
    logs = failure_logs(followed, bench.client) if followed else {}
    bench.report.end(outcomes, followed, logs, interrupted=interrupted, run=record.id)
    bench.report.problem(record.problem)
    return code


def codes(outcomes: Sequence[Outcome], followed: Followed | None, *, interrupted: bool) -> Iterator[ExitCode]:
    """Every exit code that holds for what a run came to."""
    if interrupted:
        yield ExitCode.INTERRUPTED
    for outcome in outcomes:
        match outcome:
            case Failed(kind=FailureKind.TOKEN):
                yield ExitCode.TOKEN
                yield ExitCode.NOT_APPLIED
            case Failed() | NotAttempted():
                yield ExitCode.NOT_APPLIED
            case Drifted():
                yield ExitCode.STALE
            case _:
                pass
    if followed is not None:
        yield from _build_codes(followed)


def _build_codes(followed: Followed) -> Iterator[ExitCode]:
    if followed.token_problem is not None:
        yield ExitCode.TOKEN
    if followed.superseded:
        yield ExitCode.STALE
    if followed.build_failed:
        yield ExitCode.BUILD_FAILED
    if followed.timed_out or followed.late:
        yield ExitCode.BUILDS_UNFINISHED
