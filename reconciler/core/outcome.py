"""What happened to a step: every step of an apply ends in exactly one of these."""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.model import Overlay
from reconciler.core.plan import Step
from reconciler.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Written, and the server confirmed exactly what was sent.

    `repository_id` is the UIDP written to; `since` the server's time just before the write; `read_back` tells that the
    server's answer was lost and that reading again confirmed the write.
    """

    step: Step
    repository_id: str
    since: float
    read_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyDone:
    """Nothing was sent: the repository had the wanted overlay already when it came to writing."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Left alone: the live overlay is no longer the one that the plan was made from."""

    step: Step
    now: Overlay


class FailureKind(StrEnum):
    """Why a write failed, where the exit code or what follows depends on it."""

    REFUSED = "refused"
    TOKEN = "token"  # noqa: S105 - the kind of failure, not a token
    NOT_CONFIRMED = "not-confirmed"
    ANSWER_LOST = "answer-lost"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The write did not succeed, or it is not known that it did; the diagnostic says which."""

    step: Step
    kind: FailureKind
    problem: Diagnostic


class RecordFailed(Exception):  # noqa: N818 - named as the problem it tells, as the API's errors are
    """What was about to be written could not be recorded, so that it must not be sent."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


class Skip(StrEnum):
    """Why a step was not attempted."""

    INTERRUPTED = "interrupted"
    TOKEN_REJECTED = "token-rejected"  # noqa: S105 - a reason, not a token
    UNREADABLE = "unreadable"
    NOT_RECORDED = "not-recorded"
    AFTER_FAILURE = "after-failure"
    HELD_BACK = "held-back"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAttempted:
    """Nothing was sent for this step."""

    step: Step
    reason: Skip


Outcome = Applied | AlreadyDone | Stale | Failed | NotAttempted
