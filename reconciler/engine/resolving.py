"""Asking the API whether configurations resolve, each distinct one once and several at a time.

What to ask is decided in `core.questions`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from reconciler.api.errors import ApiError, Rejected
from reconciler.core.questions import Config, Question, by_config
from reconciler.diagnostics import Diagnostic
from reconciler.engine import pool

WORKERS = 10


class ResolveApi(Protocol):
    """The one call that this needs."""

    def resolve(self, repository_id: str, config: Mapping[str, object]) -> tuple[str, ...]:
        """The exact packages that a configuration comes to; raises `ApiError`, `Rejected` where it comes to none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolves:
    """The packages go together, and these are the exact ones."""

    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """The packages do not go together, in the API's words."""

    problem: Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnswered:
    """The API did not say."""

    problem: Diagnostic


Answer: TypeAlias = Resolves | Conflicts | NotAnswered


def ask(api: ResolveApi, questions: Iterable[Question]) -> Mapping[Config, Answer]:
    """The answer to each distinct configuration; never raises."""
    alike = by_config(questions)

    def work(config: Config) -> Iterator[tuple[Config, Answer]]:
        yield config, _ask(api, alike[config][0])

    if not alike:
        return {}
    return dict(pool.stream(alike, work, workers=min(WORKERS, len(alike))))


def _ask(api: ResolveApi, question: Question) -> Answer:
    assert question.step.id is not None
    try:
        return Resolves(packages=api.resolve(question.step.id, question.config.document()))
    except Rejected as error:
        return Conflicts(problem=error.diagnostic)
    except ApiError as error:
        return NotAnswered(problem=error.diagnostic)
