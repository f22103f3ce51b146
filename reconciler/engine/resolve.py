"""Resolve configurations by the API, each distinct one once and several at a time.

`core.bases` has the questions, and `core.resolution` evaluates the answers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from reconciler.api.errors import ApiError, RateLimited, Rejected, TokenRejected, Unreachable
from reconciler.core.builds import PackageConfig
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import stream

WORKERS = 10
# The API's codes for packages that cannot be installed together: invalid argument, or failed precondition.
_CONFLICT = frozenset({3, 9})
# HTTP statuses for the same, with a message and no code.
_CONFLICT_STATUS = frozenset({400, 409, 422})
# After these errors every further question would fail in the same way, and take as long.
_NO_USE = (RateLimited, Unreachable, TokenRejected)


class ResolveApi(Protocol):
    """The one API call of resolution."""

    def resolve(self, repository_id: str, config: Mapping[str, object]) -> tuple[str, ...]:
        """Return the exact packages that a configuration resolves to; raises `ApiError`, `Rejected` if it does not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolves:
    """The packages can be installed together, and these are the exact ones; `asked` is False if taken from a build."""

    packages: tuple[str, ...]
    asked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """The packages cannot be installed together, with the API's message."""

    problem: Diagnostic
    asked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnswered:
    """No answer; `asked` is False if it was not asked after failures of others."""

    problem: Diagnostic
    asked: bool = True


Answer: TypeAlias = Resolves | Conflicts | NotAnswered


def resolve_configs(api: ResolveApi, configs: Mapping[PackageConfig, str]) -> Mapping[PackageConfig, Answer]:
    """Return the answer to each configuration, asked for the repository id given with it; never raises."""
    hopeless: list[NotAnswered] = []

    def work(config: PackageConfig) -> Iterator[tuple[PackageConfig, Answer]]:
        if hopeless:
            yield config, replace(hopeless[0], asked=False)
            return
        answer, further = _resolve(api, configs[config], config)
        if not further and isinstance(answer, NotAnswered):
            hopeless.append(answer)
        yield config, answer

    if not configs:
        return {}
    return dict(stream(configs, work, workers=min(WORKERS, len(configs))))


def _resolve(api: ResolveApi, repository_id: str, config: PackageConfig) -> tuple[Answer, bool]:
    """Return the answer, and whether further questions can succeed."""
    try:
        return Resolves(packages=api.resolve(repository_id, config.document())), True
    except Rejected as error:
        return (Conflicts if _concerns_packages(error) else NotAnswered)(problem=error.diagnostic), True
    except ApiError as error:
        return NotAnswered(problem=error.diagnostic), not isinstance(error, _NO_USE)


def _concerns_packages(error: Rejected) -> bool:
    """Return whether the API's refusal concerns the packages, rather than a proxy or another problem."""
    known = error.status in _CONFLICT_STATUS if error.code is None else error.code in _CONFLICT
    return bool(error.message) and known
