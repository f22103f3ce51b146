"""`reconciler apply`: plan, show, ask, write what was shown, follow the builds, report."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.api.client import WriteClient
from reconciler.cli import inputs, planning, saved_plans, session
from reconciler.cli.arguments import Options
from reconciler.cli.confirm import confirm
from reconciler.cli.exit_codes import ExitCode, first
from reconciler.cli.output import print_problems
from reconciler.cli.report import Report
from reconciler.cli.signals import interruptible
from reconciler.cli.surroundings import Surroundings
from reconciler.core.events import Listener
from reconciler.core.outcome import Applied, Failed, FailureKind, NotAttempted, Outcome, Stale
from reconciler.core.plan import Plan
from reconciler.engine.apply import apply
from reconciler.engine.track import Followed, failure_logs, follow, watches
from reconciler.views.document import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What an apply came to; `followed` None when builds were not followed."""

    outcomes: tuple[Outcome, ...]
    followed: Followed | None
    interrupted: bool


def execute(options: Options, world: Surroundings) -> int:
    """Carry a manifest or a saved plan out; the exit code says how far it came."""
    source = _source(options, world)
    with Report(options, world) as report, session.writing(options, world) as client:
        plan, origin = source.plan(client)
        report.plan(plan, planning.document(plan, api=session.api_name(options, world), origin=origin))
        if not plan.applyable:
            report.nothing_to_do()
            return _not_applyable(plan, options, world)
        if source.ask:
            confirm(plan, options, world)
        with interruptible(world):
            with report.progress() as listen:
                run = _carry_out(plan, client, listen, options, world)
            logs = failure_logs(run.followed, client) if run.followed else {}
        report.end(run.outcomes, run.followed, logs, interrupted=run.interrupted)
    return first(_codes(run))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where the plan comes from, once there is a client; a saved one was approved when it was reviewed."""

    plan: Callable[[WriteClient], tuple[Plan, Origin | None]]
    ask: bool


def _source(options: Options, world: Surroundings) -> _Source:
    """Everything that can be wrong with a saved plan or a manifest by itself is found here, before anything is sent."""
    saved = saved_plans.given(options)
    if saved is None:
        desired, warnings = inputs.require(options, world)
        return _Source(
            plan=lambda client: (planning.make(desired, warnings, planning.read(desired, client), options), None),
            ask=True,
        )
    saved_plans.check_api(saved, session.api_identity(options, world))

    def checked(client: WriteClient) -> tuple[Plan, Origin | None]:
        saved_plans.check_organization(saved, options, client)
        return saved.plan, saved_plans.origin(saved)

    return _Source(plan=checked, ask=False)


def _not_applyable(plan: Plan, options: Options, world: Surroundings) -> ExitCode:
    """Why nothing is written: what the plan already said, what the guard refuses, or that there is nothing to do."""
    if not plan.failed and plan.refused:
        print_problems(plan.guard.refusals, options, world)
        return ExitCode.REFUSED
    return ExitCode.DONE if plan.complete else ExitCode.ERROR


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
