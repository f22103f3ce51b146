"""Runs as the journal keeps them: who did what when, and how far each step and its builds came.

Plain values. Recording and restoring them is the journal's business, judging an unfinished run `core.recovery`'s.
"""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.builds import Progress
from reconciler.core.live import Organization
from reconciler.core.outcome import Outcome
from reconciler.core.plan import Step


class RunKind(StrEnum):
    """Which command wrote."""

    APPLY = "apply"
    REVERT = "revert"


class RunState(StrEnum):
    """How far a run is; `CRASHED` when its process is gone and never said how it ended."""

    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """Who does what, where, from which source; `api` is the identity of the API, which holds no credentials."""

    kind: RunKind
    user: str
    host: str
    tool_version: str
    api: str
    organization: Organization
    source: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One step of a run.

    With `intended_at` and without `outcome` it was being written when the process died, and it is not known whether
    the write arrived. `since` is the server's time just before the write.
    """

    step: Step
    repository_id: str | None = None
    since: float | None = None
    intended_at: float | None = None
    outcome: Outcome | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One recorded run; times are seconds since the epoch by the clock of the machine that ran it."""

    id: str
    header: RunHeader
    started: float
    ended: float | None
    exit_code: int | None
    state: RunState
    steps: tuple[RunStep, ...]
