"""What `plan` and `apply` find out about the packages of a plan before anything is written.

The questions and what their answers mean are in `core`; here they are put together, and the plan is blocked where
something is in the way. Nothing is asked for a plan that changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from reconciler.api.client import ReadClient
from reconciler.api.errors import ApiError
from reconciler.cli.arguments import Options
from reconciler.cli.package_cache import PackageCache
from reconciler.cli.planning import Checked
from reconciler.cli.surroundings import Surroundings
from reconciler.core import asking, availability, verdicts
from reconciler.core.asking import Places
from reconciler.core.availability import Available, Finding
from reconciler.core.desired import Desired
from reconciler.core.live import Live
from reconciler.core.plan import Plan, ReasonCode
from reconciler.core.questions import Question, questions
from reconciler.core.resolved import ResolvedChange, difference, together
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.engine.lookups import look_up
from reconciler.engine.resolving import Conflicts, NotAnswered, Resolves, ask

# Images are rebuilt daily, so two days hold a build of nearly every tag.
_LOOK_BACK = 2 * 86400.0
_FOLDER = Path(".reconciler")
_NO_BUILD = "there is no successful build lately to take the image's own packages from"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What checking works with: the API under its name, and how the program was called."""

    client: ReadClient
    api: str
    options: Options
    world: Surroundings


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


def check(plan: Plan, desired: Desired, live: Live, desk: Desk) -> Checked:
    """Look up packages and ask whether they resolve, as far as the options and the manifest want; never raises."""
    options = desk.options
    resolving = options.resolve or desired.settings.require_resolve
    if not plan.writes or not (options.check_packages or resolving):
        return Checked(plan=plan)
    costs, places = _Costs(), Places(desired, live)
    resolved: Mapping[str, ResolvedChange] = {}
    missing: tuple[Finding, ...] = ()
    if options.check_packages:
        missing, problems = _packages(plan, places, desk, costs)
        plan = replace(plan, diagnostics=(*plan.diagnostics, *problems))
    if resolving:
        plan, resolved = _resolution(plan, places, desk, costs, required=desired.settings.require_resolve)
    plan = _blocked(plan, missing, ReasonCode.UNBUILDABLE)
    if options.debug:
        desk.world.stderr.write(costs.told())
    return Checked(plan=plan, resolved=resolved, asked=costs.counts())


def _packages(
    plan: Plan, places: Places, desk: Desk, costs: _Costs
) -> tuple[tuple[Finding, ...], Sequence[Diagnostic]]:
    asks = asking.asks(plan, places)
    names = dict(availability.wanted_names(asks))
    cache = PackageCache(_FOLDER, api=desk.api, organization=plan.organization.id, now=desk.world.clock.now())
    known = cache.read(names)
    left = {name: every for name, every in names.items() if name not in known}
    found = look_up(desk.client, plan.organization, left)
    if found.versions:
        cache.write(found.versions, names)
    costs.packages, costs.requests, costs.cached = len(names), found.requests, len(known)
    costs.note = f"; the cache could not be used ({cache.problem})" if cache.problem else ""
    available = Available(versions={**known, **found.versions}, names=found.names)
    findings = availability.judge(asks, available)
    problems = [finding.diagnostic for finding in findings]
    if found.problem is not None:
        unknown = sorted(name for name in names if name not in available.versions)
        problems.append(availability.unchecked(found.problem, unknown))
    return findings, problems


def _blocked(plan: Plan, findings: Sequence[Finding], code: ReasonCode) -> Plan:
    errors = [one for one in findings if one.diagnostic.severity is Severity.ERROR]
    told = ((repository, one.diagnostic.summary) for one in errors for repository in one.repositories)
    return asking.block(plan, asking.by_repository(told), code)


def _resolution(
    plan: Plan, places: Places, desk: Desk, costs: _Costs, *, required: bool
) -> tuple[Plan, dict[str, ResolvedChange]]:
    steps = plan.writes
    asked: tuple[Question, ...] = ()
    unread = _NO_BUILD
    costs.repositories = len(steps)
    try:
        recipes = desk.client.list_recipes(plan.organization, since=desk.world.clock.now() - _LOOK_BACK)
        asked = questions(steps, recipes)
    except ApiError as error:
        unread = error.diagnostic.summary
    answers = ask(desk.client, asked)
    costs.questions = len(answers)
    told = {question.step.repository for question in asked}
    silent = [
        verdicts.Trouble(repository=one.repository, said=unread, place=None)
        for one in steps
        if one.repository not in told
    ]
    wrong: list[verdicts.Trouble] = []
    sets: dict[str, list[ResolvedChange]] = {}
    for question in asked:
        match answers[question.config]:
            case Resolves(packages=packages):
                if question.locked:
                    sets.setdefault(question.step.repository, []).append(difference(question.locked, packages))
            case Conflicts(problem=problem):
                wrong.append(verdicts.trouble(question, _said(problem), places))
            case NotAnswered(problem=problem):
                silent.append(verdicts.Trouble(repository=question.step.repository, said=_said(problem), place=None))
            case other:
                assert_never(other)
    return _judged(plan, wrong, silent, verdicts.already_there(asked, places), required=required), {
        name: together(changes) for name, changes in sets.items()
    }


def _judged(
    plan: Plan,
    wrong: Sequence[verdicts.Trouble],
    silent: Sequence[verdicts.Trouble],
    notes: Sequence[Diagnostic],
    *,
    required: bool,
) -> Plan:
    conflicts, unanswered = verdicts.conflicts(wrong), verdicts.unanswered(silent)
    told = (*notes, *(one.diagnostic for one in (*conflicts, *unanswered)))
    plan = replace(plan, diagnostics=(*plan.diagnostics, *told))
    if not required:
        return _blocked(plan, conflicts, ReasonCode.UNBUILDABLE)
    stopped = ((name, one.diagnostic.summary) for one in (*conflicts, *unanswered) for name in one.repositories)
    return asking.block(plan, asking.by_repository(stopped), ReasonCode.UNRESOLVED)


def _said(problem: Diagnostic) -> str:
    return problem.detail or problem.summary
