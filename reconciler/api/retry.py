"""Which failures may be repeated, and after how long: a pure decision.

A read changes nothing and is repeated after whatever may pass. A write is repeated only where it certainly did not
happen; one whose answer was lost is settled by reading back, which is the engine's business. Who waits and sends again
is `repeating`; what keeps all threads from pressing on is `pace`; which exception of the HTTP library is which kind of
fault is `connection`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from reconciler.api.call import Reply
from reconciler.api.failures import retry_after
from reconciler.api.wording import rpc_status

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 20.0

_TOO_MANY = 429
_GATEWAY = frozenset({502, 503, 504})
_EXHAUSTED = 8
_UNAVAILABLE = 14


class Kind(Enum):
    """What is known of a request that got no usable answer."""

    TOO_MANY = auto()  # answered 429 by the API itself: certainly not done
    EXHAUSTED = auto()  # one of both alone: a 429 that a proxy may have made, or the gRPC code under another status
    UNAVAILABLE = auto()  # a gateway answered, or the API that it cannot serve now
    ABSENT = auto()  # not sent: nobody listens there, or no such host
    UNSENT = auto()  # not sent: no connection came about
    SILENT = auto()  # sent, and no answer within the patience of the call
    BROKEN = auto()  # sent, and no whole answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A failure that may pass: its kind, a word for people, and the wait that the server asked for in seconds."""

    kind: Kind
    reason: str
    asked: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How often a call is tried at most, and for how many seconds in all, waits included."""

    tries: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """A call is about to be sent again: what it does, why it failed, and after how many seconds, as try `attempt`."""

    doing: str
    reason: str
    wait: float
    attempt: int
    tries: int


_USUAL = Limit(tries=6, seconds=60.0)
# Where there is no network at all, the user is told soon.
_SOON = Limit(tries=3, seconds=5.0)
_NO_CONNECTION = Limit(tries=3, seconds=30.0)
# Silence has cost the whole patience of the call already.
_ONCE_MORE = Limit(tries=2, seconds=math.inf)

# What can be done without is not waited for much longer than it is worth.
_DISPENSABLE = Limit(tries=3, seconds=20.0)

_WRITES: Mapping[Kind, Limit] = {Kind.TOO_MANY: _USUAL, Kind.ABSENT: _SOON, Kind.UNSENT: _NO_CONNECTION}
_READS: Mapping[Kind, Limit] = {
    **_WRITES,
    Kind.EXHAUSTED: _USUAL,
    Kind.UNAVAILABLE: _USUAL,
    Kind.SILENT: _ONCE_MORE,
    Kind.BROKEN: _USUAL,
}


def fault_of(reply: Reply) -> Fault | None:
    """The fault that an answer tells of; None where sending again would change nothing."""
    if reply.status < 400:  # noqa: PLR2004 - the classes of answers that are no errors
        return None
    _, code = rpc_status(reply.body)
    if reply.status == _TOO_MANY and code == _EXHAUSTED:
        return Fault(kind=Kind.TOO_MANY, reason="429, too many requests", asked=retry_after(reply))
    if reply.status == _TOO_MANY or code == _EXHAUSTED:
        return Fault(kind=Kind.EXHAUSTED, reason=f"{reply.status}, too many requests", asked=retry_after(reply))
    if reply.status in _GATEWAY or code == _UNAVAILABLE:
        return Fault(kind=Kind.UNAVAILABLE, reason=f"{reply.status}, not available", asked=retry_after(reply))
    return None


def limit_of(fault: Fault, *, writes: bool, dispensable: bool = False) -> Limit | None:
    """How long a call may be repeated after such a fault; None where it may not be."""
    limit = (_WRITES if writes else _READS).get(fault.kind)
    if limit is None or not dispensable:
        return limit
    return Limit(tries=min(limit.tries, _DISPENSABLE.tries), seconds=min(limit.seconds, _DISPENSABLE.seconds))


def pause(fault: Fault, limit: Limit | None, *, attempt: int, spent: float, luck: float) -> float | None:
    """Seconds to wait before sending again; None where the call has failed for good.

    `attempt` counts from 1, `spent` is the seconds that the call took so far, `luck` a random number from 0 up to 1:
    the wait is anything up to a bound that doubles, so that clients that failed together do not come back together.
    """
    if limit is None or attempt >= limit.tries:
        return None
    wait = max(fault.asked or 0.0, backoff(attempt, luck))
    return wait if spent + wait <= limit.seconds else None


def backoff(attempt: int, luck: float) -> float:
    """The wait after a failed try where the server asked for none."""
    bound: float = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** (attempt - 1))
    return bound * luck
