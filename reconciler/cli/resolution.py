"""Asking whether the changed repositories of a plan resolve, and what that makes of the plan.

What is asked and what the answers mean is decided in `core.questions` and `core.verdicts`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.api.errors import ApiError
from reconciler.core import verdicts
from reconciler.core.asking import Places
from reconciler.core.builds import Build
from reconciler.core.plan import Plan
from reconciler.core.questions import Base, Question, bases, questions
from reconciler.core.recipes import Config
from reconciler.core.resolved import ResolvedChange, difference, together
from reconciler.core.verdicts import Trouble
from reconciler.diagnostics import Diagnostic
from reconciler.engine import pool
from reconciler.engine.resolving import WORKERS, Answer, Conflicts, NotAnswered, Resolves, ask

if TYPE_CHECKING:
    from reconciler.cli.checking import Desk

# An image that has not been built for days is broken, and the change may be what mends it.
_DAYS = 30


def resolution(
    plan: Plan, places: Places, known: Mapping[str, Sequence[Base]], desk: "Desk", *, required: bool
) -> tuple[Plan, dict[str, ResolvedChange], int]:
    """The plan with what came of it, what each repository would get, and how many questions were asked."""
    known, silent = _completed(plan, known, desk)
    asked = questions(plan.writes, known)
    answers = ask(desk.client, _configs(asked, before=desk.options.verbose))
    wrong: list[Trouble] = []
    sets: dict[str, list[ResolvedChange]] = {}
    for question in asked:
        name = question.step.repository
        match answers[question.config]:
            case Resolves(packages=packages):
                sets.setdefault(name, []).append(difference(_before(question, answers), packages))
            case Conflicts(problem=problem):
                wrong.append(verdicts.trouble(question.step, _said(problem), places))
            case NotAnswered(problem=problem):
                silent.append(Trouble(repository=name, said=_said(problem), hint=problem.hint))
    sent = sum(not isinstance(answer, NotAnswered) or answer.asked for answer in answers.values())
    plan = verdicts.judged(plan, wrong, silent, required=required)
    return plan, {name: together(changes) for name, changes in sets.items()}, sent


def _completed(
    plan: Plan, known: Mapping[str, Sequence[Base]], desk: "Desk"
) -> tuple[Mapping[str, Sequence[Base]], list[Trouble]]:
    """The bases, those among them that only older builds tell of, and the repositories of which nothing tells."""
    lacking = [step for step in plan.writes if not known.get(step.repository)]
    by_id = {step.id: step for step in lacking if step.id is not None}

    def work(id_: str) -> Iterator[tuple[str, Sequence[Build] | ApiError]]:
        try:
            yield id_, desk.recent.of_one(by_id[id_], span=_DAYS * 86400.0)
        except ApiError as error:
            yield id_, error

    found = dict(pool.stream(by_id, work, workers=min(WORKERS, len(by_id)))) if by_id else {}
    builds = [build for one in found.values() if not isinstance(one, ApiError) for build in one]
    known = {**known, **bases(lacking, builds, desk.recent.live)}
    silent: list[Trouble] = []
    for step in lacking:
        problem = found.get(step.id or "")
        if isinstance(problem, ApiError):
            told = problem.diagnostic
            silent.append(Trouble(repository=step.repository, said=told.summary, hint=told.hint))
        elif not known.get(step.repository):
            silent.append(verdicts.unbuilt(step.repository, _DAYS))
    return known, silent


def _configs(asked: Sequence[Question], *, before: bool) -> Mapping[Config, str]:
    """Each distinct configuration with the first repository that it is asked for; those before where nothing tells."""
    found: dict[Config, str] = {}
    for question in asked:
        assert question.step.id is not None
        found.setdefault(question.config, question.step.id)
    for question in asked if before else ():
        if not question.before.locked and question.step.id is not None:
            found.setdefault(question.before.config, question.step.id)
    return found


def _before(question: Question, answers: Mapping[Config, Answer]) -> Sequence[str]:
    """What was installed until now; nothing where that is not known."""
    if question.before.locked:
        return question.before.locked
    answer = answers.get(question.before.config)
    return answer.packages if isinstance(answer, Resolves) else ()


def _said(problem: Diagnostic) -> str:
    return problem.detail or problem.summary
