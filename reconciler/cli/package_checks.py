"""Checks of a plan's packages, by `plan` and `apply`, before anything is written.

The questions and what their answers mean are in `core`; here they are asked, and the plan is blocked where something is
in the way. Nothing is asked for a plan that changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from reconciler.api.errors import ApiError
from reconciler.cli.context import Context
from reconciler.cli.options import Options
from reconciler.cli.output import activity
from reconciler.cli.package_cache import FOLDER, PackageCache
from reconciler.cli.planning import LONGEST_DAYS, Checked, RecentBuilds
from reconciler.core.availability import (
    Available,
    PackageProblem,
    PackageRequest,
    block_steps,
    check_packages,
    package_requests,
    packages_not_checked,
    requested_constraints,
    templates_not_checked,
)
from reconciler.core.bases import (
    NO_RECORD,
    Base,
    BuildRecord,
    Question,
    build_records,
    built_already,
    distinct_configs,
    find_bases,
    make_questions,
    packages_in_use,
)
from reconciler.core.builds import Build, PackageConfig
from reconciler.core.image_checks import block_overlays, image_steps
from reconciler.core.overlay import Section
from reconciler.core.plan import Plan
from reconciler.core.resolution import (
    ResolutionFailure,
    ResolvedChange,
    already_in_image,
    merge_resolved,
    no_build_failure,
    package_difference,
    partly_resolving,
    resolution_errors,
    resolution_failure,
    unknown_template,
    with_build_prospects,
    with_resolution,
)
from reconciler.core.state import Desired
from reconciler.core.steps import ReasonCode, Step
from reconciler.diagnostics import Diagnostic, Place, has_errors, plural
from reconciler.engine.packages import PackageApi, look_up
from reconciler.engine.ports import stream
from reconciler.engine.resolve import WORKERS, Answer, Conflicts, NotAnswered, ResolveApi, Resolves, resolve_configs
from reconciler.views.text import repositories


class CheckApi(PackageApi, ResolveApi, Protocol):
    """The calls that checking packages needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """Data for package checks: the API and its name, recent builds, and the options.

    `offline` is set if a snapshot replaces the API: packages are then resolved only if required.
    """

    client: CheckApi
    api: str
    recent: RecentBuilds
    options: Options
    ctx: Context
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEvidence:
    """Recent builds of the images that a plan writes; `problem` is why they could not be read."""

    bases: Mapping[str, Sequence[Base]] = field(default_factory=dict)
    builds: Sequence[Build] = ()
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
        """Return the numbers for the plan's document: what was checked, whether or not it was cached."""
        return {"packages": self.packages, "repositories": self.repositories}

    def debug_line(self) -> str:
        """Return the line for `--debug`."""
        return (
            f"checked {self.packages:,} packages in {self.requests:,} look-ups ({self.cached:,} from cache), "
            f"{self.questions:,} questions for {self.repositories:,} repositories{self.note}\n"
        )


def check(plan: Plan, desired: Desired, checks: CheckContext) -> Checked:
    """Look up packages and ask whether they resolve, as far as the options and the manifest want; never raises."""
    options, required = checks.options, desired.settings.require_resolve
    by_default = options.check_packages and not checks.offline
    resolving = required or (by_default if options.resolve is None else options.resolve)
    if not (options.check_packages or resolving):
        return Checked(plan=plan)
    plan = _check_images(plan, checks, resolving=resolving)
    if not plan.writes:
        return Checked(plan=plan)
    costs, wrong, changed = _Costs(), False, plan.writes
    tags = {one.id: one.active_tags for one in checks.recent.live.repositories}
    asks = package_requests(plan, tags)
    evidence = _evidence(plan, checks) if asks or resolving else BuildEvidence()
    if options.check_packages:
        findings, problems = _packages(plan, asks, evidence, checks, costs)
        problems = (*problems, *templates_not_checked(plan, tags))
        plan = block_steps(_with_problems(plan, problems), findings, ReasonCode.UNBUILDABLE)
        wrong = has_errors(problems)
    plan = _with_problems(plan, already_in_image(plan.writes, evidence.bases))
    answered = _Resolution(plan=plan, evidence=evidence)
    # What is known not to be there need not be asked about once more.
    if resolving and any(step.writes for step in plan.steps):
        answered = _resolve(plan, evidence, checks, required=required)
        wrong = wrong or answered.wrong
        costs.questions, costs.repositories = answered.questions, answered.repositories
    prospects = _with_prospects(answered, changed)
    if checks.offline:
        return Checked(plan=prospects, wrong=wrong)
    if options.debug:
        checks.ctx.stderr.write(costs.debug_line())
    return Checked(plan=prospects, resolved=answered.resolved, asked=costs.counts(), wrong=wrong)


def _check_images(plan: Plan, checks: CheckContext, *, resolving: bool) -> Plan:
    """Return the plan with the overlays and bindings blocked whose packages no image of some tags can get."""
    images = image_steps(plan)
    if not images:
        return plan
    shadow = replace(plan, steps=images, overlay_steps=(), effects=(), diagnostics=())
    tags: dict[str, tuple[str, ...]] = {}
    for effect in plan.effects:
        tags[effect.id] = (*tags.get(effect.id, ()), *effect.tags)
    evidence = _evidence(shadow, checks)
    problems: list[PackageProblem] = []
    if checks.options.check_packages:
        requests = package_requests(shadow, tags)
        findings, _ = _packages(shadow, requests, evidence, checks, _Costs())
        problems += findings
    known = {name for one in problems for name in one.repositories if has_errors([one.diagnostic])}
    left = [image for image in images if image.repository not in known]
    if resolving and left:
        with activity(f"resolving the packages of {plural(len(left), 'group')} of tags", checks.options, checks.ctx):
            asked = make_questions(left, evidence.bases, tags)
            answers = _answers(asked, {}, evidence, checks)
        for image in left:
            problems += _image_problems(image, [one for one in asked if one.step is image], answers)
    return block_overlays(plan, images, problems)


def _image_problems(
    image: Step, asked: Sequence[Question], answers: Mapping[PackageConfig, Answer]
) -> Iterator[PackageProblem]:
    """Yield why the packages of some tags cannot be installed: an error only where no image of the repository can."""
    refused = [answer for one in asked if isinstance(answer := answers[one.config], Conflicts)]
    if not refused:
        return
    message = _message(refused[0].problem)
    if len(refused) == len(asked):
        yield from resolution_errors([resolution_failure(image, message)])
    else:
        yield partly_resolving(image, message, len(refused), len(asked))


def _with_prospects(found: "_Resolution", changed: Sequence[Step]) -> Plan:
    """Return the plan with what is known of the builds of each repository that it was to change."""
    records = build_records(changed, found.evidence.builds, found.evidence.bases)
    blocked = {step.repository for step in found.plan.steps if step.reason.code is ReasonCode.UNBUILDABLE}
    resolves = {one.repository: found.resolves.get(one.repository) for one in changed}
    return with_build_prospects(found.plan, records, resolves | dict.fromkeys(blocked, False), found.mends)


def check_saved(plan: Plan, checks: CheckContext) -> Checked:
    """Look up what a saved plan writes, where there was no API to ask when it was made; never raises."""
    tags = {one.id: one.active_tags for one in checks.recent.live.repositories}
    managed = replace(plan, steps=tuple(step for step in plan.steps if Section.PACKAGES not in step.unmanaged))
    requests = package_requests(managed, tags)
    costs = _Costs()
    findings, problems = _packages(plan, requests, _evidence(plan, checks), checks, costs)
    plan = block_steps(_with_problems(plan, problems), findings, ReasonCode.UNBUILDABLE)
    return Checked(plan=plan, asked=costs.counts(), wrong=has_errors(problems))


def _place_of(step: Step) -> Place | None:
    return step.place


def _with_problems(plan: Plan, problems: Sequence[Diagnostic]) -> Plan:
    return replace(plan, diagnostics=(*plan.diagnostics, *problems))


def _evidence(plan: Plan, checks: CheckContext) -> BuildEvidence:
    try:
        with activity("reading recent builds", checks.options, checks.ctx):
            builds = checks.recent.builds(plan)
        return BuildEvidence(bases=find_bases(plan.writes, builds, checks.recent.live), builds=builds)
    except ApiError as error:
        return BuildEvidence(problem=error.diagnostic)


def _packages(
    plan: Plan, asks: Sequence[PackageRequest], evidence: BuildEvidence, checks: CheckContext, costs: _Costs
) -> tuple[Sequence[PackageProblem], Sequence[Diagnostic]]:
    wanted = requested_constraints(asks)
    cache = PackageCache(FOLDER, api=checks.api, organization=plan.organization.id, now=checks.ctx.clock.now())
    cached = {} if checks.offline else cache.read(wanted)
    missing = {name: wanted[name] for name in wanted if name not in cached}
    with activity(f"looking up {plural(len(missing), 'package')}", checks.options, checks.ctx):
        found = look_up(checks.client, plan.organization, missing)
    if found.versions and not checks.offline:
        cache.write(found.versions)
    costs.packages, costs.requests, costs.cached = len(wanted), found.requests, len(cached)
    costs.note = f"; the cache could not be used ({cache.problem})" if cache.problem else ""
    archs = frozenset(arch for one in evidence.bases.values() for base in one for arch in base.config.archs)
    available = Available(
        versions={**cached, **found.versions},
        names=found.names,
        architectures=archs,
        in_use=packages_in_use(plan.writes, evidence.builds) if found.listed is not None else {},
        listed=found.listed,
        elsewhere=found.elsewhere,
    )
    findings = check_packages(asks, available)
    problems = [finding.diagnostic for finding in findings]
    if found.problem is not None:
        unknown = sorted(name for name in wanted if name not in available.versions)
        problems.append(packages_not_checked(found.problem, unknown))
    return findings, problems


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolution:
    """The plan with the answers about its packages, and what each repository would get, by its name.

    `questions` is how many were asked, and `repositories` about how many repositories; `wrong` tells that something
    does not resolve. `mends` are the repositories of which failing builds do not resolve.
    """

    plan: Plan
    evidence: BuildEvidence
    resolved: Mapping[str, ResolvedChange] = field(default_factory=dict)
    resolves: Mapping[str, bool | None] = field(default_factory=dict)
    mends: frozenset[str] = frozenset()
    questions: int = 0
    repositories: int = 0
    wrong: bool = False


def _resolve(plan: Plan, evidence: BuildEvidence, checks: CheckContext, *, required: bool) -> _Resolution:
    """Ask about every repository that the plan writes; never raises."""
    tags = {one.id: one.active_tags for one in checks.recent.live.repositories}
    with activity(f"resolving the packages of {repositories(len(plan.writes))}", checks.options, checks.ctx):
        evidence, silent = _completed(plan, evidence, checks)
        asked = make_questions(plan.writes, evidence.bases, tags)
        records = build_records(plan.writes, evidence.builds, evidence.bases)
        answers = _answers(asked, records, evidence, checks)
    mends = {
        name
        for name, record in records.items()
        if any(isinstance(answers.get(config), Conflicts) for config in record.failing)
    }
    wrong: list[ResolutionFailure] = []
    sets: dict[str, list[ResolvedChange]] = {}
    resolves: dict[str, bool | None] = {}
    for question in asked:
        name = question.step.repository
        match answers[question.config]:
            case Resolves(packages=packages):
                sets.setdefault(name, []).append(package_difference(_before(question, answers), packages))
                if question.unknown:
                    silent.append(unknown_template(question.step, question.unknown))
                known = None if question.unknown else True
                resolves[name] = known if resolves.get(name, True) else resolves[name]
            case Conflicts(problem=problem):
                already = name in mends and not required
                wrong.append(resolution_failure(question.step, _message(problem), already=already))
                resolves[name] = False
            case NotAnswered(problem=problem):
                silent.append(_unread(question.step, problem))
                resolves.setdefault(name, None)
    resolved = {name: merge_resolved(changes) for name, changes in sets.items()}
    return _Resolution(
        plan=with_resolution(plan, wrong, silent, required=required),
        evidence=evidence,
        resolved=resolved,
        resolves=resolves,
        mends=frozenset(mends),
        questions=sum(one.asked for one in answers.values()),
        repositories=len({question.step.repository for question in asked}),
        wrong=any(not one.already for one in wrong),
    )


def _answers(
    asked: Sequence[Question], records: Mapping[str, BuildRecord], evidence: BuildEvidence, checks: CheckContext
) -> Mapping[PackageConfig, Answer]:
    """Return the answers to all questions, and whether a failing build asks for packages that cannot be installed.

    What the latest build of the same configuration tells is not asked.
    """
    configs = dict(distinct_configs(asked, before=checks.options.verbose))
    for question in asked:
        for config in records.get(question.step.repository, NO_RECORD).failing:
            configs.setdefault(config, question.step.id or "")
    known = built_already(asked, evidence.builds)
    found = {config: Resolves(packages=packages, asked=False) for config, packages in known.items()}
    return {**resolve_configs(checks.client, {one: id_ for one, id_ in configs.items() if one not in known}), **found}


def _completed(
    plan: Plan, evidence: BuildEvidence, checks: CheckContext
) -> tuple[BuildEvidence, list[ResolutionFailure]]:
    """Yield the evidence with older builds where recent ones show nothing, and the repositories without evidence."""
    lacking = [step for step in plan.writes if not evidence.bases.get(step.repository)]
    if evidence.problem is not None:
        return evidence, [_unread(step, evidence.problem) for step in lacking]
    by_id = {step.id: step for step in lacking if step.id is not None}
    if not evidence.builds:
        return _with_oldest(plan, lacking, checks)

    def work(id_: str) -> Iterator[tuple[str, Sequence[Build] | ApiError]]:
        try:
            yield id_, checks.recent.of_one(by_id[id_])
        except ApiError as error:
            yield id_, error

    found = dict(stream(by_id, work, workers=min(WORKERS, len(by_id)))) if by_id else {}
    builds = [build for one in found.values() if not isinstance(one, ApiError) for build in one]
    known = {**evidence.bases, **find_bases(lacking, builds, checks.recent.live)}
    silent: list[ResolutionFailure] = []
    for step in lacking:
        problem = found.get(step.id or "")
        if isinstance(problem, ApiError):
            silent.append(_unread(step, problem.diagnostic))
        elif not known.get(step.repository):
            silent.append(no_build_failure(step.repository, LONGEST_DAYS))
    older = tuple({one.id: one for one in (*evidence.builds, *builds)}.values())
    return BuildEvidence(bases=known, builds=older), silent


def _with_oldest(
    plan: Plan, steps: Sequence[Step], checks: CheckContext
) -> tuple[BuildEvidence, list[ResolutionFailure]]:
    """Return the evidence with one call for all older builds, if there are no recent ones at all."""
    try:
        builds = checks.recent.of_all(plan)
    except ApiError as error:
        return BuildEvidence(problem=error.diagnostic), [_unread(step, error.diagnostic) for step in steps]
    known = find_bases(steps, builds, checks.recent.live)
    silent = [no_build_failure(one.repository, LONGEST_DAYS) for one in steps if not known.get(one.repository)]
    return BuildEvidence(bases=known, builds=builds), silent


def _unread(step: Step, problem: Diagnostic) -> ResolutionFailure:
    message = f"{problem.summary}: {problem.detail}" if problem.detail else problem.summary
    return ResolutionFailure(repository=step.repository, message=message, hint=problem.hint, cause="not answered")


def _before(question: Question, answers: Mapping[PackageConfig, Answer]) -> Sequence[str]:
    """Return the packages installed until now; empty if unknown."""
    if question.before.locked:
        return question.before.locked
    answer = answers.get(question.before.config)
    return answer.packages if isinstance(answer, Resolves) else ()


def _message(problem: Diagnostic) -> str:
    return problem.detail or problem.summary
