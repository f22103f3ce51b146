"""Asking the API whether configurations resolve, each distinct one once and several at a time.

What to ask is decided in `core.bases`, and what the answers mean in `core.resolution`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from reconciler.api.errors import ApiError, RateLimited, Rejected, TokenRejected, Unreachable
from reconciler.core.builds import PackageConfig
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import stream

WORKERS = 10
# How the API says that packages do not go together: an invalid argument, or a precondition that is not met.
_CONFLICT = frozenset({3, 9})
# The same where it gives a message and no code.
_CONFLICT_STATUS = frozenset({400, 409, 422})
# After these every further question would come to the same, and take as long.
_NO_USE = (RateLimited, Unreachable, TokenRejected)


class ResolveApi(Protocol):
    """The one call that this needs."""

    def resolve(self, repository_id: str, config: Mapping[str, object]) -> tuple[str, ...]:
        """The exact packages that a configuration comes to; raises `ApiError`, `Rejected` where it comes to none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolves:
    """The packages go together, and these are the exact ones; `asked` is False where a build had told so."""

    packages: tuple[str, ...]
    asked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """The packages do not go together, in the API's words."""

    problem: Diagnostic
    asked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnswered:
    """The API did not say; `asked` is False where it was not asked any more, as it had not answered others."""

    problem: Diagnostic
    asked: bool = True


Answer: TypeAlias = Resolves | Conflicts | NotAnswered


def ask(api: ResolveApi, configs: Mapping[PackageConfig, str]) -> Mapping[PackageConfig, Answer]:
    """The answer to each configuration, asked for the repository of the id that it comes with; never raises."""
    hopeless: list[NotAnswered] = []

    def work(config: PackageConfig) -> Iterator[tuple[PackageConfig, Answer]]:
        if hopeless:
            yield config, replace(hopeless[0], asked=False)
            return
        answer, further = _ask(api, configs[config], config)
        if not further and isinstance(answer, NotAnswered):
            hopeless.append(answer)
        yield config, answer

    if not configs:
        return {}
    return dict(stream(configs, work, workers=min(WORKERS, len(configs))))


def _ask(api: ResolveApi, repository_id: str, config: PackageConfig) -> tuple[Answer, bool]:
    """The answer, and whether it is of use to ask further questions."""
    try:
        return Resolves(packages=api.resolve(repository_id, config.document())), True
    except Rejected as error:
        return (Conflicts if _tells_of_packages(error) else NotAnswered)(problem=error.diagnostic), True
    except ApiError as error:
        return NotAnswered(problem=error.diagnostic), not isinstance(error, _NO_USE)


def _tells_of_packages(error: Rejected) -> bool:
    """Whether the API refuses for the packages: a proxy may answer in its place, or something else be wrong."""
    known = error.status in _CONFLICT_STATUS if error.code is None else error.code in _CONFLICT
    return bool(error.message) and known
