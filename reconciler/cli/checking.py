"""What `plan` and `apply` find out about the packages of a plan before anything is written.

The questions and what their answers mean are in `core`; here they are put together, and the plan is blocked where
something is in the way. Nothing is asked for a plan that changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.api.client import ReadClient
from reconciler.api.errors import ApiError
from reconciler.cli.arguments import Options
from reconciler.cli.forecasting import Recent
from reconciler.cli.package_cache import PackageCache
from reconciler.cli.planning import Checked
from reconciler.cli.surroundings import Surroundings
from reconciler.core.packages import (
    Available,
    PackageProblem,
    PackageRequest,
    Places,
    block_steps,
    check_packages,
    package_requests,
    packages_not_checked,
    requested_constraints,
)
from reconciler.core.plan import Plan, ReasonCode
from reconciler.core.resolution import Base, already_in_image, find_bases
from reconciler.core.state import Desired
from reconciler.diagnostics import Diagnostic, has_errors
from reconciler.engine.lookups import look_up

if TYPE_CHECKING:
    from reconciler.core.resolution import ResolvedChange

_FOLDER = Path(".reconciler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What checking works with: the API under its name, recent builds, and how the program was called."""

    client: ReadClient
    api: str
    recent: Recent
    options: Options
    world: Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What recent builds tell of the images that a plan writes; `problem` is why they could not be read."""

    bases: Mapping[str, Sequence[Base]] = field(default_factory=dict)
    problem: Diagnostic | None = None


@dataclass(slots=True)
class _Costs:
    packages: int = 0
    requests: int = 0
    cached: int = 0
    questions: int = 0
    repositories: int = 0
    note: str = ""

    def counts(self) -> dict[str, int]:
        """The numbers for the plan's document."""
        return {
            "packages": self.packages,
            "lookups": self.requests,
            "from_cache": self.cached,
            "questions": self.questions,
            "repositories": self.repositories,
        }

    def told(self) -> str:
        """The line for `--debug`."""
        return (
            f"checked {self.packages:,} packages in {self.requests:,} look-ups ({self.cached:,} from cache), "
            f"{self.questions:,} questions for {self.repositories:,} repositories{self.note}\n"
        )


def check(plan: Plan, desired: Desired, desk: Desk) -> Checked:
    """Look up packages and ask whether they resolve, as far as the options and the manifest want; never raises."""
    options, required = desk.options, desired.settings.require_resolve
    resolving = options.resolve or required
    if not plan.writes or not (options.check_packages or resolving):
        return Checked(plan=plan)
    costs, places, wrong = _Costs(), Places(desired, desk.recent.live), False
    asks = package_requests(plan, places)
    ground = _ground(plan, desk) if asks or resolving else Ground()
    if options.check_packages:
        findings, problems = _packages(plan, asks, ground, desk, costs)
        plan = block_steps(_told(plan, problems), findings, ReasonCode.UNBUILDABLE)
        wrong = has_errors(problems)
    plan = _told(plan, already_in_image(plan.writes, ground.bases, places))
    resolved: Mapping[str, ResolvedChange] = {}
    # What is known not to be there need not be asked about once more.
    if resolving and plan.writes:
        from reconciler.cli.resolution import resolution

        found = resolution(plan, places, ground, desk, required=required)
        plan, resolved, wrong = found.plan, found.resolved, wrong or found.wrong
        costs.questions, costs.repositories = found.questions, found.repositories
    if options.debug:
        desk.world.stderr.write(costs.told())
    return Checked(plan=plan, resolved=resolved, asked=costs.counts(), wrong=wrong)


def _told(plan: Plan, problems: Sequence[Diagnostic]) -> Plan:
    return replace(plan, diagnostics=(*plan.diagnostics, *problems))


def _ground(plan: Plan, desk: Desk) -> Ground:
    try:
        return Ground(bases=find_bases(plan.writes, desk.recent.builds(plan), desk.recent.live))
    except ApiError as error:
        return Ground(problem=error.diagnostic)


def _packages(
    plan: Plan, asks: Sequence[PackageRequest], ground: Ground, desk: Desk, costs: _Costs
) -> tuple[Sequence[PackageProblem], Sequence[Diagnostic]]:
    wanted = requested_constraints(asks)
    cache = PackageCache(_FOLDER, api=desk.api, organization=plan.organization.id, now=desk.world.clock.now())
    cached = cache.read(wanted)
    found = look_up(desk.client, plan.organization, {name: wanted[name] for name in wanted if name not in cached})
    if found.versions:
        cache.write(found.versions)
    costs.packages, costs.requests, costs.cached = len(wanted), found.requests, len(cached)
    costs.note = f"; the cache could not be used ({cache.problem})" if cache.problem else ""
    archs = frozenset(arch for one in ground.bases.values() for base in one for arch in base.config.archs)
    available = Available(versions={**cached, **found.versions}, names=found.names, architectures=archs)
    findings = check_packages(asks, available)
    problems = [finding.diagnostic for finding in findings]
    if found.problem is not None:
        unknown = sorted(name for name in wanted if name not in available.versions)
        problems.append(packages_not_checked(found.problem, unknown))
    return findings, problems
