"""Events of the engine.

Terminal progress, JSON lines and the final report are listeners. Times (`at`) are seconds since the epoch, on the
engine's clock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.core.builds import Build, Progress
from reconciler.core.runs import Outcome
from reconciler.core.steps import AnyStep
from reconciler.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyStarted:
    """Writing begins; of the steps, `others` are overlays and bindings."""

    at: float
    steps: int
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """One step is about to be read again and written."""

    at: float
    step: AnyStep


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """One step has its outcome."""

    at: float
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveStarted:
    """One of several waves begins, the first being number 1; its steps are then written and its builds followed."""

    at: float
    number: int
    of: int
    steps: int
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveSoaking:
    """The builds of a wave are verified, and the next one waits for some seconds."""

    at: float
    number: int
    of: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveFailed:
    """Too much of a wave failed, so that the rest is held back; `steps` are those of the wave."""

    at: float
    number: int
    of: int
    steps: tuple[AnyStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStarted:
    """Following builds begins."""

    at: float
    repositories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildsSeen:
    """One poll of all builds: progress of every followed repository, and known tags by digest."""

    at: float
    progress: tuple[Progress, ...]
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEnded:
    """A build that counts has ended."""

    at: float
    repository: str
    build: Build


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryDone:
    """All builds of a repository have ended, or others changed it and following stopped."""

    at: float
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PollFailed:
    """A poll of the builds failed; the next one follows after the usual pause."""

    at: float
    problem: Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUnread:
    """The work queue cannot be read, so that progress comes from build reports only; sent once."""

    at: float
    problem: Diagnostic


Event = (
    ApplyStarted
    | WaveStarted
    | WaveSoaking
    | WaveFailed
    | StepStarted
    | StepFinished
    | WaitStarted
    | BuildsSeen
    | BuildEnded
    | RepositoryDone
    | PollFailed
    | QueueUnread
)
Listener = Callable[[Event], None]
