"""Asking whether the changed repositories of a plan resolve, and what that makes of the plan.

What is asked and what the answers mean is decided in `core.questions` and `core.verdicts`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.api.errors import ApiError
from reconciler.cli.forecasting import LONGEST_DAYS
from reconciler.core.builds import Build, PackageConfig
from reconciler.core.packages import Places
from reconciler.core.plan import Plan, Step
from reconciler.core.resolution import (
    Base,
    Question,
    ResolutionFailure,
    ResolvedChange,
    distinct_configs,
    find_bases,
    make_questions,
    merge_resolved,
    no_build_failure,
    package_difference,
    resolution_failure,
    with_resolution,
)
from reconciler.diagnostics import Diagnostic
from reconciler.engine import pool
from reconciler.engine.resolving import WORKERS, Answer, Conflicts, NotAnswered, Resolves, ask

if TYPE_CHECKING:
    from reconciler.cli.checking import Desk, Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The plan with what came of asking, and what each repository would get.

    `questions` is how many were asked, and `repositories` about how many repositories; `wrong` tells that something
    does not resolve.
    """

    plan: Plan
    resolved: Mapping[str, ResolvedChange]
    questions: int
    repositories: int
    wrong: bool


def resolution(plan: Plan, places: Places, ground: "Ground", desk: "Desk", *, required: bool) -> Resolution:
    """Ask about every repository that the plan writes; never raises."""
    known, silent = _completed(plan, ground, desk)
    asked = make_questions(plan.writes, known)
    answers = ask(desk.client, distinct_configs(asked, before=desk.options.verbose))
    wrong: list[ResolutionFailure] = []
    sets: dict[str, list[ResolvedChange]] = {}
    for question in asked:
        name = question.step.repository
        match answers[question.config]:
            case Resolves(packages=packages):
                sets.setdefault(name, []).append(package_difference(_before(question, answers), packages))
            case Conflicts(problem=problem):
                wrong.append(resolution_failure(question.step, _said(problem), places))
            case NotAnswered(problem=problem):
                silent.append(_unread(question.step, problem))
    sent = sum(not isinstance(answer, NotAnswered) or answer.asked for answer in answers.values())
    return Resolution(
        plan=with_resolution(plan, wrong, silent, required=required),
        resolved={name: merge_resolved(changes) for name, changes in sets.items()},
        questions=sent,
        repositories=len({question.step.repository for question in asked}),
        wrong=bool(wrong),
    )


def _completed(
    plan: Plan, ground: "Ground", desk: "Desk"
) -> tuple[Mapping[str, Sequence[Base]], list[ResolutionFailure]]:
    """The bases, those among them that only older builds tell of, and the repositories of which nothing tells."""
    lacking = [step for step in plan.writes if not ground.bases.get(step.repository)]
    if ground.problem is not None:
        return ground.bases, [_unread(step, ground.problem) for step in lacking]
    by_id = {step.id: step for step in lacking if step.id is not None}

    def work(id_: str) -> Iterator[tuple[str, Sequence[Build] | ApiError]]:
        try:
            yield id_, desk.recent.of_one(by_id[id_])
        except ApiError as error:
            yield id_, error

    found = dict(pool.stream(by_id, work, workers=min(WORKERS, len(by_id)))) if by_id else {}
    builds = [build for one in found.values() if not isinstance(one, ApiError) for build in one]
    known = {**ground.bases, **find_bases(lacking, builds, desk.recent.live)}
    silent: list[ResolutionFailure] = []
    for step in lacking:
        problem = found.get(step.id or "")
        if isinstance(problem, ApiError):
            silent.append(_unread(step, problem.diagnostic))
        elif not known.get(step.repository):
            silent.append(no_build_failure(step.repository, LONGEST_DAYS))
    return known, silent


def _unread(step: Step, problem: Diagnostic) -> ResolutionFailure:
    said = f"{problem.summary}: {problem.detail}" if problem.detail else problem.summary
    return ResolutionFailure(repository=step.repository, said=said, hint=problem.hint)


def _before(question: Question, answers: Mapping[PackageConfig, Answer]) -> Sequence[str]:
    """What was installed until now; nothing where that is not known."""
    if question.before.locked:
        return question.before.locked
    answer = answers.get(question.before.config)
    return answer.packages if isinstance(answer, Resolves) else ()


def _said(problem: Diagnostic) -> str:
    return problem.detail or problem.summary
