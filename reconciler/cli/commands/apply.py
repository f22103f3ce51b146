"""`reconciler apply`: plan, show, ask, write what was shown, follow the builds, report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.api.client import WriteClient
from reconciler.cli import inputs, planning, session
from reconciler.cli.arguments import Options
from reconciler.cli.confirm import confirm
from reconciler.cli.exit_codes import ExitCode, first
from reconciler.cli.report import Report
from reconciler.cli.signals import interruptible
from reconciler.cli.surroundings import Surroundings
from reconciler.core.events import Listener
from reconciler.core.outcome import Applied, Failed, FailureKind, NotAttempted, Outcome, Stale
from reconciler.core.plan import Plan
from reconciler.engine.apply import apply
from reconciler.engine.track import Followed, failure_logs, follow, watches


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What an apply came to; `followed` None when builds were not followed."""

    outcomes: tuple[Outcome, ...]
    followed: Followed | None
    interrupted: bool


def execute(options: Options, world: Surroundings) -> int:
    """Carry the manifest out; the exit code says how far it came."""
    desired, warnings = inputs.require(options)
    with Report(options, world) as report, session.writing(options, world) as client:
        plan = planning.make(desired, warnings, client)
        report.plan(plan, planning.document(plan, options, world))
        if not plan.applyable:
            report.nothing_to_do()
            return ExitCode.DONE if plan.complete else ExitCode.ERROR
        confirm(plan, options, world)
        with interruptible(world):
            with report.progress() as listen:
                run = _carry_out(plan, client, listen, options, world)
            logs = failure_logs(run.followed, client) if run.followed else {}
        report.end(run.outcomes, run.followed, logs, interrupted=run.interrupted)
    return first(_codes(run))


def _carry_out(plan: Plan, client: WriteClient, listen: Listener, options: Options, world: Surroundings) -> _Run:
    outcomes = apply(plan, client, clock=world.clock, stop=world.stop, parallelism=options.parallelism, listen=listen)
    followed = None
    if options.wait and not world.stop.is_set() and _may_follow(outcomes):
        followed = follow(
            watches(outcomes),
            client,
            plan.organization,
            clock=world.clock,
            stop=world.stop,
            timeout=options.wait_timeout,
            listen=listen,
        )
    return _Run(outcomes=outcomes, followed=followed, interrupted=world.stop.is_set())


def _may_follow(outcomes: Sequence[Outcome]) -> bool:
    """Whether there are builds to follow and a token to follow them with."""
    rejected = any(isinstance(outcome, Failed) and outcome.kind is FailureKind.TOKEN for outcome in outcomes)
    return not rejected and any(isinstance(outcome, Applied) for outcome in outcomes)


def _codes(run: _Run) -> Iterator[ExitCode]:
    if run.interrupted:
        yield ExitCode.INTERRUPTED
    for outcome in run.outcomes:
        match outcome:
            case Failed(kind=FailureKind.TOKEN):
                yield ExitCode.TOKEN
                yield ExitCode.NOT_APPLIED
            case Failed() | NotAttempted():
                yield ExitCode.NOT_APPLIED
            case Stale():
                yield ExitCode.STALE
            case _:
                pass
    if run.followed is not None:
        yield from _build_codes(run.followed)


def _build_codes(followed: Followed) -> Iterator[ExitCode]:
    if followed.token_problem is not None:
        yield ExitCode.TOKEN
    if followed.failures:
        yield ExitCode.BUILD_FAILED
    if followed.timed_out:
        yield ExitCode.BUILDS_UNFINISHED
