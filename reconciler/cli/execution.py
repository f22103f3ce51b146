"""Run a plan: print, confirm, record, write, follow builds, report; one exit code."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.api.writer import WriteClient
from reconciler.cli import inputs, planning, runs
from reconciler.cli.client import api_name
from reconciler.cli.context import FINISHING, Context, interruptible, no_longer_waiting
from reconciler.cli.errors import bad_usage
from reconciler.cli.exit_codes import ExitCode, first
from reconciler.cli.options import Options
from reconciler.cli.output import activity, print_problems
from reconciler.cli.planning import RecentBuilds, earlier_builds, foresee
from reconciler.cli.report import Report, Reverted
from reconciler.core.builds import Result
from reconciler.core.events import ApplyStarted, Event, Listener, WaitStarted, WaveFailed
from reconciler.core.plan import Plan
from reconciler.core.reverting import plan_revert
from reconciler.core.runs import (
    Drifted,
    Failed,
    FailureKind,
    NotAttempted,
    Outcome,
    RunHeader,
    RunKind,
    Skip,
    is_in_flight,
    is_settled,
)
from reconciler.core.steps import AnyStep, BindingStep, OverlayStep, Step
from reconciler.diagnostics import Diagnostic, Severity, plural
from reconciler.engine.follow import Followed, Limits, failure_logs
from reconciler.engine.ports import OnError
from reconciler.engine.rollout import Batches, Rollout, rollout
from reconciler.engine.waves import Size, Waves, parse_sizes, plan_waves
from reconciler.journal import Journal, JournalError, RunRecord
from reconciler.views import verdict
from reconciler.views.diagnostics import refusal
from reconciler.views.document import Origin
from reconciler.views.text import repositories


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """A plan with where it comes from; `ask` False where it was approved before. `source` says it for the journal.

    `recent` is what it is forecast from, None for a plan that was forecast when it was approved; `checked` what was
    found out about its packages, None where that was not asked again. `closing_note` returns what to say of the
    outcomes before the verdict. `waves` are those of the run that is resumed, None where the options say them;
    `manifest` names the manifest in comments.
    """

    plan: Plan
    kind: RunKind
    source: str
    origin: Origin | None = None
    ask: bool = True
    recent: RecentBuilds | None = None
    checked: planning.Checked | None = None
    closing_note: Callable[[Sequence[Outcome]], Diagnostic | None] = lambda _: None
    waves: Waves | None = None
    manifest: str | None = None


def rollout_settings(options: Options) -> Rollout:
    """Return the settings of the rollout; raises `CommandFailed` for options that do not go together."""
    return Rollout(
        parallelism=options.parallelism,
        on_error=OnError(options.on_error),
        batches=_batches(options),
        wait=options.wait,
        limits=follow_limits(options),
    )


def follow_limits(options: Options) -> Limits:
    """Return the time limits of following builds."""
    return Limits(total=options.wait_timeout, each=options.repo_timeout)


def sizes_of(options: Options) -> tuple[Size, ...]:
    """Return the sizes of the waves that `--batch` asks for, none without; raises `CommandFailed`."""
    if options.batch is None:
        return ()
    try:
        return parse_sizes(options.batch)
    except ValueError as error:
        raise bad_usage(f'--batch "{options.batch}": {error}', "write it as 1,10%,rest or tier=canary,rest") from None


def _batches(options: Options) -> Batches | None:
    given = {
        "--max-failed": options.max_failed is not None,
        "--soak": options.soak is not None,
        "--pause-after": options.pause_after is not None,
        "--on-wave-failure": options.on_wave_failure != "hold",
    }
    if options.command != "resume" and not sizes_of(options):
        for name in (name for name, used in given.items() if used):
            raise bad_usage(f"{name} requires --batch", "add --batch, for example --batch 1,10%,rest")
        return None
    if not options.wait:
        raise bad_usage("--batch cannot be combined with --no-wait: each wave waits for its builds", "remove --no-wait")
    return Batches(max_failed=options.max_failed or 0, soak=options.soak or 0.0, pause_after=options.pause_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyContext:
    """Data for applying a plan."""

    journal: Journal
    client: WriteClient
    report: Report
    options: Options
    ctx: Context


def execute_plan(request: ApplyRequest, how: Rollout, apply: ApplyContext) -> ExitCode:
    """Show a plan, ask, and do it where it may be done; the exit code says how far it came."""
    options, ctx, plan = apply.options, apply.ctx, request.plan
    with activity("reading recent builds", options, ctx):
        forecast = foresee(plan, request.recent) if request.recent else None
    api = api_name(options)
    document = planning.document(
        plan, api=api, origin=request.origin, forecast=forecast, checked=request.checked, manifest=request.manifest
    )
    apply.report.plan(plan, document)
    header = runs.run_header(request.kind, request.source, plan.organization, options, ctx)
    if not plan.applyable:
        code = _not_applyable(plan, options, ctx)
        if code is ExitCode.DONE:
            _settle_for_nothing(header, plan, apply)
        return apply.report.close(code, verdict.not_applyable(plan, options.command))
    if request.ask:
        declined = confirm(plan, options, ctx)
        if declined is not None:
            return apply.report.close(ExitCode.REFUSED, declined)
        apply.client.forget_folders()
    interruption = _Interruption()
    with interruptible(ctx, interruption.notice):
        waves = request.waves
        if waves is None and (sizes := sizes_of(options)):
            waves = plan_waves(plan, sizes)
        record = apply.journal.begin(header, plan, waves or ())
        ctx.run_id = record.id
        try:
            return _recorded(replace(request, waves=waves), record, how, apply, interruption)
        except KeyboardInterrupt:
            record.end(exit_code=ExitCode.INTERRUPTED, interrupted=True)
            _announce_abort(apply, waiting=interruption.waiting)
            raise


def _announce_abort(apply: ApplyContext, *, waiting: bool) -> None:
    """Say what an aborted run leaves: writes without an outcome, or only builds; `waiting` if no write was going on."""
    ctx, run_id = apply.ctx, apply.ctx.run_id
    try:
        run = apply.journal.run(run_id)
    except JournalError:
        run = None
    if run is None or any(is_in_flight(one) or (one.outcome is None and not waiting) for one in run.steps):
        ctx.announce(f"Aborted: some writes may or may not have arrived. To find out: reconciler wait {run_id}")
    elif is_settled(run):
        ctx.left = f"the results of run {run_id} are recorded"
        ctx.announce(f"Aborted: all results are recorded. To see them: reconciler wait {run_id}")
    else:
        ctx.left = f"all writes of run {run_id} are recorded; builds were not followed to completion"
        ctx.announce(
            "Aborted: all writes are recorded; builds were not followed to completion."
            f"\nTo follow them: reconciler wait {run_id}"
        )


def confirm(plan: Plan, options: Options, ctx: Context) -> str | None:
    """Return None where the plan may be applied, else the verdict: it was declined, or nobody can be asked."""
    if options.yes:
        return None
    if not ctx.can_ask:
        problem = Diagnostic(
            code="no-terminal",
            summary="cannot ask for confirmation: standard input is not a terminal",
            hint="review the plan, then pass --yes to apply it without a prompt",
        )
        print_problems((problem,), options, ctx)
        return refusal(options.command, "cannot ask for confirmation (use --yes)")
    ctx.stderr.write(f"\nApply these changes to {_changed(plan)} in {plan.organization.name}?\n")
    ctx.stderr.write("Only `yes` is accepted: ")
    ctx.stderr.flush()
    return None if ctx.stdin.readline().strip() == "yes" else verdict.cancellation(options.command)


def _changed(plan: Plan) -> str:
    """Return what an apply writes, counted: `2 overlays, 1 binding and 3 repositories`."""
    kinds = {"overlay": OverlayStep, "binding": BindingStep}
    counts = {name: sum(isinstance(step, kind) for step in plan.overlay_writes) for name, kind in kinds.items()}
    parts = [plural(count, name) for name, count in counts.items() if count]
    if plan.writes or not parts:
        parts.append(repositories(len(plan.writes)))
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _not_applyable(plan: Plan, options: Options, ctx: Context) -> ExitCode:
    """Return why nothing is written: the plan's errors, the refusal of the guard, or that there is nothing to do."""
    if not plan.failed and plan.refused:
        print_problems(plan.guard.refusals, options, ctx)
        return ExitCode.REFUSED
    return ExitCode.DONE if plan.complete else ExitCode.ERROR


def _settle_for_nothing(header: RunHeader, plan: Plan, apply: ApplyContext) -> None:
    """Record a run that had nothing to do, and point to builds that nobody has followed to their end."""
    apply.journal.begin(header, plan).end(exit_code=ExitCode.DONE, interrupted=False)
    before = runs.unfollowed_run(apply.journal, apply.options)
    if before is not None:
        apply.report.problem(builds_not_followed(before.id))


def builds_not_followed(run: str) -> Diagnostic:
    """Return the note that the builds of an earlier run are left to be followed."""
    return Diagnostic(
        code="builds-not-followed",
        severity=Severity.NOTE,
        summary=f"the builds of run {run} were not followed to completion",
        hint=f"see their results with `reconciler wait {run}`",
    )


class _Interruption:
    """Message for an interruption: writes are being finished, or only builds are left."""

    def __init__(self) -> None:
        self._waiting_for: str | None = None

    def follow(self, event: Event, run: str) -> None:
        """Record an event of a run that begins to write or to wait."""
        match event:
            case WaitStarted():
                self._waiting_for = run
            case ApplyStarted():
                self._waiting_for = None
            case _:
                pass

    @property
    def waiting(self) -> bool:
        """Return whether the run only waits for builds."""
        return self._waiting_for is not None

    def notice(self) -> str:
        """Return the announcement."""
        return FINISHING if self._waiting_for is None else no_longer_waiting(self._waiting_for)


def _recorded(
    request: ApplyRequest, record: RunRecord, how: Rollout, apply: ApplyContext, interruption: _Interruption
) -> ExitCode:
    ctx = apply.ctx
    failed: list[AnyStep] = []
    reverted: Reverted | None = None
    with apply.report.progress() as listen:

        def on_event(event: Event) -> None:
            interruption.follow(event, ctx.run_id or record.id)
            if isinstance(event, WaveFailed):
                failed.extend(event.steps)
            listen(event)

        outcomes, followed = rollout(
            request.plan,
            apply.client,
            clock=ctx.clock,
            stop=ctx.stop,
            settings=how,
            on_event=on_event,
            record=record,
            waves=request.waves,
        )
        interrupted = ctx.stop.is_set()
        code = first(exit_codes(outcomes, followed, interrupted=interrupted))
        # What is known is on record before anything else can go wrong, such as a terminal that is gone.
        record.end(exit_code=code, interrupted=interrupted)
        if failed and apply.options.on_wave_failure == "revert" and not interrupted:
            reverted = revert_wave(record.id, failed, how, apply, on_event)
            ctx.run_id = record.id
    logs = failure_logs(followed, apply.client) if followed else {}
    compared = followed.progress if followed and apply.report.compares_images else ()
    return apply.report.end(
        outcomes,
        followed,
        logs,
        code=code,
        run=record.id,
        problems=[record.problem, request.closing_note(outcomes)],
        earlier=earlier_builds(compared, apply.client, request.plan.organization, request.recent),
        reverted=reverted,
    )


def revert_wave(
    run_id: str, steps: Sequence[AnyStep], how: Rollout, apply: ApplyContext, on_event: Listener
) -> Reverted:
    """Restore what a failed wave wrote, from the journal, as a run of its own, and follow the builds of that."""
    options, ctx, keys = apply.options, apply.ctx, {step.key for step in steps}
    run = apply.journal.run(run_id)
    part = replace(run, steps=tuple(one for one in run.steps if one.step.key in keys))
    live = inputs.read_repositories(run.header.organization, apply.client, options, ctx)
    wanted = any(not isinstance(step, Step) for step in steps)
    live = inputs.with_overlays(live, apply.client, options, ctx, wanted=wanted)
    plan = plan_revert(part, live, max_removal=1.0)
    header = runs.run_header(RunKind.REVERT, run_id, plan.organization, options, ctx)
    record = apply.journal.begin(header, plan)
    ctx.run_id = record.id
    outcomes, followed = rollout(
        plan,
        apply.client,
        clock=ctx.clock,
        stop=ctx.stop,
        settings=replace(how, batches=None),
        on_event=on_event,
        record=record,
    )
    interrupted = ctx.stop.is_set()
    record.end(exit_code=first(exit_codes(outcomes, followed, interrupted=interrupted)), interrupted=interrupted)
    repeated = [(step.label, step.place) for step in steps]
    return Reverted(run=record.id, outcomes=outcomes, followed=followed, problems=plan.diagnostics, repeated=repeated)


def exit_codes(outcomes: Sequence[Outcome], followed: Followed | None, *, interrupted: bool) -> Iterator[ExitCode]:
    """Yield every exit code that holds for what a run came to."""
    if interrupted:
        yield ExitCode.INTERRUPTED
    for outcome in outcomes:
        match outcome:
            case Failed(kind=FailureKind.TOKEN):
                yield ExitCode.TOKEN
                yield ExitCode.NOT_APPLIED
            case NotAttempted(reason=Skip.PAUSED):
                pass
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
    ended_unknown = any(build.result is Result.UNKNOWN for one in followed.progress for build in one.builds)
    if followed.timed_out or followed.late or followed.problem or followed.unreported or ended_unknown:
        yield ExitCode.BUILDS_UNFINISHED
