"""What the engine tells while it works. Progress on a terminal, JSON lines and the final report are listeners to these.

Times (`at`) are seconds since the epoch, on the clock that the engine was given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.core.builds import Build, Progress
from reconciler.core.outcome import Outcome
from reconciler.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyStarted:
    """Writing begins."""

    at: float
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """One repository is about to be read again and written."""

    at: float
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """One repository has its outcome."""

    at: float
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveStarted:
    """One of several waves begins, the first being number 1; its steps are then written and its builds followed."""

    at: float
    number: int
    of: int
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStarted:
    """Following builds begins."""

    at: float
    repositories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildsSeen:
    """One look at all builds: the state of every followed repository, and the tags by digest as far as known."""

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
    """All builds of one repository have ended, or somebody else has changed it, so that none are waited for."""

    at: float
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class LookFailed:
    """A look at the builds failed; the next one follows after the usual pause."""

    at: float
    problem: Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUnread:
    """The work queue cannot be read, so that the build reports alone tell how far things are; told once."""

    at: float
    problem: Diagnostic


Event = (
    ApplyStarted
    | WaveStarted
    | StepStarted
    | StepFinished
    | WaitStarted
    | BuildsSeen
    | BuildEnded
    | RepositoryDone
    | LookFailed
    | QueueUnread
)
Listener = Callable[[Event], None]
