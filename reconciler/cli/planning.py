"""Manifest and live state to a plan, its forecast and its document: what `plan` and `apply` share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from reconciler import __version__, planfile
from reconciler.api.errors import ApiError
from reconciler.cli.ci import checkout_path
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.inputs import load_snapshot
from reconciler.cli.options import STDOUT, Options
from reconciler.cli.output import write_stdout
from reconciler.core import planner
from reconciler.core.binding_rules import binding_problems, block_bound
from reconciler.core.bindings import Bindings
from reconciler.core.builds import Build, Progress, Result
from reconciler.core.forecast import Forecast, NoForecast, make_forecast
from reconciler.core.ownership import NOBODY, LastWriters
from reconciler.core.plan import Comparison, GuardFlags, Plan
from reconciler.core.resolution import ResolvedChange
from reconciler.core.selection import Selection, select
from reconciler.core.state import Desired, Live, Organization
from reconciler.core.step_problems import step_problems
from reconciler.core.steps import Step
from reconciler.diagnostics import Diagnostic, has_errors
from reconciler.engine.offline import OfflineApi
from reconciler.planfile import PlanFileError, SavedPlan
from reconciler.views.document import Origin, PlanDocument, plan_document

# Images are rebuilt daily, so two days hold a build of nearly every tag; a week of a large organization is many times
# the size and tells nothing more.
LOOK_BACK = 2 * 86400.0
# An image that has not been built for days is broken, and a change may be what mends it.
LONGEST_DAYS = 30
# Beyond so many repositories the span shrinks as their number grows: the answer stays of one size.
_ALL = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSource:
    """Live state with where it comes from: the API as people write it, and as saved plans compare it.

    `origin` is None where the state was read just now.
    """

    live: Live
    api: str
    api_identity: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The plan after the checks, the packages of each repository where they were asked for, and the questions.

    `wrong` tells that something which the manifest asks for cannot be had.
    """

    plan: Plan
    resolved: Mapping[str, ResolvedChange] = field(default_factory=dict)
    asked: Mapping[str, int] | None = None
    wrong: bool = False


def make_plan(
    desired: Desired,
    warnings: tuple[Diagnostic, ...],
    live: Live,
    options: Options,
    writers: LastWriters = NOBODY,
) -> Plan:
    """Return the plan of what is selected; raises `CommandFailed` for a selection that selects nothing."""
    plan, problems = select(_unselected_plan(desired, warnings, live, options, writers), _selection(options), live)
    if has_errors(problems):
        raise CommandFailed.from_problems(*problems)
    problems = (*problems, *binding_problems(plan, live))
    return replace(plan, diagnostics=(*plan.diagnostics, *problems), skip_blocked=options.skip_blocked)


def block_bound_since(plan: Plan, bindings: Bindings) -> Plan:
    """Return a saved plan with the repositories blocked that have bindings of their own by now; the others stay."""
    live = Live(organization=plan.organization, repositories=(), bindings=bindings)
    steps = tuple(block_bound(plan.steps, live))
    changed = [step for step, before in zip(steps, plan.steps, strict=True) if step != before]
    if not changed:
        return plan
    return replace(plan, steps=steps, diagnostics=(*plan.diagnostics, *step_problems(changed)), skip_blocked=True)


def make_base_plan(desired: Desired, live: Live, options: Options, writers: LastWriters = NOBODY) -> Plan:
    """Return the plan of the base manifest; a selection that selects nothing of it is not an error."""
    plan, _ = select(_unselected_plan(desired, (), live, options, writers), _selection(options), live)
    return plan


def _unselected_plan(
    desired: Desired,
    warnings: tuple[Diagnostic, ...],
    live: Live,
    options: Options,
    writers: LastWriters = NOBODY,
) -> Plan:
    flags = GuardFlags(
        prune=options.prune,
        prune_overlays=options.prune_overlays,
        max_removal=options.max_removal,
        take_over=options.take_over,
    )
    return planner.plan(desired, live, diagnostics=warnings, flags=flags, writers=writers)


def _selection(options: Options) -> Selection:
    return Selection(
        repo=tuple(options.repo),
        exclude=tuple(options.exclude),
        labels=tuple((key, value) for key, _, value in (one.partition("=") for one in options.label)),
        owners=tuple(options.owner),
        files=tuple(options.file),
    )


def document(
    plan: Plan,
    *,
    api: str,
    origin: Origin | None = None,
    comparison: Comparison | None = None,
    forecast: Forecast | None = None,
    checked: Checked | None = None,
    live: Live | None = None,
    overlays: bool = False,
    manifest: str | None = None,
) -> PlanDocument:
    """Return the public document of a plan: the source of every format; `checked` is None for a plan without checks.

    With `live` it has the active tags, with `overlays` the whole overlays.
    """
    return plan_document(
        plan,
        api=api,
        tool_version=__version__,
        origin=origin,
        comparison=comparison,
        forecast=forecast,
        resolved=checked.resolved if checked else None,
        checked=checked.asked if checked else None,
        active_tags={one.id: one.active_tags for one in live.repositories} if live else None,
        overlays=overlays,
        manifest=manifest,
    )


def manifest_name(desired: Desired, options: Options, ctx: Context) -> str:
    """Return the name that distinguishes plans of one organization: the only owner of a manifest, else its path."""
    owners = [*filter(None, desired.owners)]
    if len(owners) == 1:
        return owners[0]
    return checkout_path(ctx.environ)(str(options.path)) or options.path.name


def look_back(live: Live) -> float:
    """Return the seconds within which nearly every image of an organization was rebuilt; less in a large one."""
    return LOOK_BACK / max(1.0, len(live.repositories) / _ALL)


class BuildLister(Protocol):
    """The calls that reading recent builds needs."""

    def sample_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        """Return the build reports started since a time, below an organization or a repository; raises `ApiError`."""
        ...

    def server_now(self) -> float:
        """Return the time by the clock that stamps the reports, in seconds since the epoch."""
        ...


class RecentBuilds:
    """The recent builds of what a plan writes, read once, and only where somebody asks."""

    def __init__(self, api: BuildLister, live: Live) -> None:
        self.live = live
        self._api = api
        self._span = look_back(live)
        self._read: tuple[Build, ...] | ApiError | None = None

    def builds(self, plan: Plan) -> tuple[Build, ...]:
        """Return the builds of the last two days, or less in a large organization; raises `ApiError`, each time."""
        if self._read is None:
            try:
                self._read = self._api.sample_builds(_scope(plan), since=self._api.server_now() - self._span)
            except ApiError as error:
                self._read = error
        if isinstance(self._read, ApiError):
            raise self._read
        return self._read

    @property
    def known(self) -> Sequence[Build]:
        """Return the builds that were read already."""
        return () if self._read is None or isinstance(self._read, ApiError) else self._read

    def of_all(self, plan: Plan) -> Sequence[Build]:
        """Return older builds of what a plan writes, where there was none lately; raises `ApiError`."""
        return self._api.sample_builds(_scope(plan), since=self._api.server_now() - LONGEST_DAYS * 86400.0)

    def of_one(self, step: Step) -> Sequence[Build]:
        """Return older builds of one repository, over a longer span until one of them succeeded; raises `ApiError`."""
        assert step.id is not None
        scope = Organization(id=step.id, name=step.repository)
        builds: tuple[Build, ...] = ()
        for span in (LOOK_BACK, LONGEST_DAYS * 86400.0):
            if span > self._span and all(one.result is not Result.SUCCESS for one in builds):
                builds = self._api.sample_builds(scope, since=self._api.server_now() - span)
        return builds


def earlier_builds(
    followed: Iterable[Progress], api: BuildLister, organization: Organization, recent: RecentBuilds | None = None
) -> Sequence[Build]:
    """Return builds from before a run: those that its plan was made with, else by one read; empty if that fails."""
    targets = [progress.target for progress in followed]
    known = recent.known if recent is not None else ()
    if known or not targets:
        return known
    scope = organization if len(targets) > 1 else Organization(id=targets[0].id, name=targets[0].repository)
    try:
        return api.sample_builds(scope, since=min(target.since for target in targets) - LOOK_BACK)
    except ApiError:
        return ()


def foresee(plan: Plan, recent: RecentBuilds) -> Forecast | None:
    """Return the builds that an apply of the plan would start; None if it would write nothing. Raises nothing."""
    if not plan.applyable:
        return None
    try:
        builds = recent.builds(plan)
    except ApiError as error:
        return NoForecast(problem=error.diagnostic.summary)
    tag_counts = {one.id: len(one.active_tags) for one in recent.live.repositories}
    return make_forecast(plan.writes, tag_counts, builds, effects=plan.effects)


def _scope(plan: Plan) -> Organization:
    """Return the scope for listing builds in one call: the only repository that is written, else the organization."""
    ids = {step.id: step.repository for step in plan.writes}
    if len(ids) != 1 or plan.effects:
        return plan.organization
    ((id_, name),) = ids.items()
    return plan.organization if id_ is None else Organization(id=id_, name=name)


def snapshot_source(path: Path, wanted: str, ctx: Context) -> tuple[LiveSource, OfflineApi | None]:
    """Return the live state of a snapshot and the replacement for the API; raises `CommandFailed`.

    A snapshot without a package index has nothing that stands in for the API.
    """
    snapshot = load_snapshot(path, wanted, ctx)
    origin = Origin(kind="snapshot", created=snapshot.created, tool_version=snapshot.tool_version)
    source = LiveSource(live=snapshot.live, api=snapshot.api, api_identity=snapshot.api, origin=origin)
    if snapshot.index is None:
        return source, None
    index = snapshot.index
    return source, OfflineApi(index.packages, snapshot.builds, created=snapshot.created, whole=index.whole)


def save_plan(
    path: Path,
    plan: Plan,
    source: LiveSource,
    desired: Desired,
    ctx: Context,
    *,
    packages_checked: bool = True,
    resolved: Mapping[str, ResolvedChange] = MappingProxyType({}),
) -> None:
    """Save a plan; `packages_checked` and `resolved` as in `SavedPlan`. Raises `CommandFailed`."""
    saved = SavedPlan(
        plan=plan,
        api=source.api_identity,
        tool_version=__version__,
        created=ctx.clock.now(),
        manifest_digest=desired.digest,
        packages_checked=packages_checked,
        resolved=resolved,
    )
    if path is STDOUT:
        write_stdout(planfile.plan_lines(saved), ctx)
        return
    try:
        planfile.save_plan(path, saved)
    except PlanFileError as error:
        raise CommandFailed.from_problems(error.diagnostic) from None
