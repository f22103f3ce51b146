"""Retries: which failures of a call are repeated and how often, the loop, and the request rate of all threads.

A read is repeated after any failure that may pass. A write is repeated only if it certainly had no effect; the engine
settles one with a lost response by reading back.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from random import random
from typing import Generic, TypeVar

import tenacity

from reconciler.api.errors import DEADLINE_EXCEEDED, EXHAUSTED, INTERNAL, UNAVAILABLE, UNKNOWN, ApiError
from reconciler.diagnostics import Diagnostic

T = TypeVar("T")

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 20.0
# Maximum pause of all requests after a 429; only the refused request waits longer.
_LONGEST_COMMON_PAUSE = 60.0
# Minimum time of a call, even at the end of the common time limit.
_SHORTEST_CALL = 5.0

# Without `max_rps`, the rate to be halved is that of the last so many seconds.
_MEASURED_SECONDS = 10.0
_MOST_MEASURED = 200
_SLOWEST = 0.5
_DOUBLES_IN = 30.0
_FREE_ABOVE = 100.0

_TOO_MANY = 429
# Statuses of a gateway, or of the server behind it (520 to 529: content delivery networks).
_GATEWAY = frozenset({502, 503, 504, *range(520, 530)})
# The request was too late or too early, or the server failed: a retry may succeed.
_PASSING = frozenset({408, 425, 500})


def wait(seconds: float) -> None:
    """Wait without interruption."""
    threading.Event().wait(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Clocks and waiting, for tests to replace.

    `now` returns seconds since the epoch, `monotonic` seconds on a monotonic clock; `sleep` may return early once
    `stopped` reports an interruption.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = wait
    stopped: Callable[[], bool] = lambda: False


class RetryKind(Enum):
    """Kind of failure of a request without a usable response."""

    TOO_MANY = auto()  # 429 by the API itself: certainly not done
    EXHAUSTED = auto()  # a 429 perhaps by a proxy, or the gRPC code under another status
    UNAVAILABLE = auto()  # a gateway failed, or the API is unavailable
    FAILED = auto()  # the API failed on the request
    ABSENT = auto()  # not sent: connection refused, or unknown host
    UNSENT = auto()  # not sent: no connection
    TIMED_OUT = auto()  # sent, without a response in time
    BROKEN = auto()  # sent, without a complete response


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryReason:
    """A failure that may pass: its kind, a word for people, and the wait requested by the server in seconds."""

    kind: RetryKind
    reason: str
    requested_wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Maximum number of tries of a call, and its total seconds including waits."""

    tries: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryNotice:
    """Notice that a call is about to be sent again as try `attempt`: action, cause, and wait in seconds."""

    action: str
    reason: str
    wait: float
    attempt: int
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Generic[T]):
    """Result of one try, or its error; with a reason if another try may help."""

    result: T | None = None
    error: ApiError | None = None
    reason: RetryReason | None = None


_USUAL = Limit(tries=6, seconds=60.0)
# A server failure is often permanent.
_FEWER = Limit(tries=4, seconds=30.0)
# Without a network the user is informed soon.
_SOON = Limit(tries=3, seconds=5.0)
_NO_CONNECTION = Limit(tries=3, seconds=30.0)
# A timeout has already cost the whole time of the call.
_ONCE_MORE = Limit(tries=2, seconds=math.inf)
# An optional call is not worth a long wait.
_OPTIONAL = Limit(tries=3, seconds=20.0)

_WRITES: Mapping[RetryKind, Limit] = {
    RetryKind.TOO_MANY: _USUAL,
    RetryKind.ABSENT: _SOON,
    RetryKind.UNSENT: _NO_CONNECTION,
}
_READS: Mapping[RetryKind, Limit] = {
    **_WRITES,
    RetryKind.EXHAUSTED: _USUAL,
    RetryKind.UNAVAILABLE: _USUAL,
    RetryKind.FAILED: _FEWER,
    RetryKind.TIMED_OUT: _ONCE_MORE,
    RetryKind.BROKEN: _USUAL,
}


def retry_reason(error: ApiError) -> RetryReason | None:
    """Return why a retry may help; None if it cannot."""
    status, code = error.status, error.code
    if status is None or status < 400 or error.too_large:  # noqa: PLR2004 - statuses that are not errors
        return None
    if status == _TOO_MANY or code == EXHAUSTED:
        both = status == _TOO_MANY and code == EXHAUSTED
        kind, words = RetryKind.TOO_MANY if both else RetryKind.EXHAUSTED, "too many requests"
    elif status in _GATEWAY or code in (UNAVAILABLE, DEADLINE_EXCEEDED):
        kind, words = RetryKind.UNAVAILABLE, "unavailable"
    elif status in _PASSING or code in (UNKNOWN, INTERNAL):
        kind, words = RetryKind.FAILED, "API error"
    else:
        return None
    return RetryReason(kind=kind, reason=f"{status}, {words}", requested_wait=error.retry_after)


def limit_of(reason: RetryReason, *, writes: bool, optional: bool = False) -> Limit | None:
    """Return the limits of repeating a call after such a failure; None if it must not be repeated."""
    limit = (_WRITES if writes else _READS).get(reason.kind)
    if limit is None or not optional:
        return limit
    return Limit(tries=min(limit.tries, _OPTIONAL.tries), seconds=min(limit.seconds, _OPTIONAL.seconds))


def pause(reason: RetryReason, limit: Limit | None, *, attempt: int, spent: float, jitter: float) -> float | None:
    """Return the seconds to wait before sending again; None if the call has finally failed.

    `attempt` counts from 1, `spent` is the seconds that the call took so far, `jitter` a random number from 0 up to 1:
    the wait is anything up to a doubling bound, so that clients that failed together do not return together.
    """
    if limit is None or attempt >= limit.tries:
        return None
    seconds = max(reason.requested_wait or 0.0, backoff(attempt, jitter))
    return seconds if spent + seconds <= limit.seconds else None


def backoff(attempt: int, jitter: float) -> float:
    """Return the wait after a failed try if the server requested none."""
    bound: float = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** (attempt - 1))
    return bound * jitter


class Retrier:
    """Sends calls at the common rate, and repeats them where that is safe; thread-safe.

    `max_rps` is the most requests a second, None for no limit. `on_retry` receives each retry, `on_notice` oddities of
    responses; both are called from any thread.
    """

    def __init__(
        self,
        *,
        timing: Timing | None = None,
        max_rps: float | None = None,
        on_retry: Callable[[RetryNotice], None] = lambda _: None,
        on_notice: Callable[[Diagnostic], None] = lambda _: None,
        jitter: Callable[[], float] = random,
    ) -> None:
        self.timing = timing or Timing()
        self.on_retry = on_retry
        self.on_notice = on_notice
        self.jitter = jitter
        self._pace = RateLimiter(self.timing, max_rps=max_rps)
        self._ends_at = math.inf

    def limit(self, seconds: float | None) -> None:
        """Set a deadline for all further calls together, in seconds from now; None for no limit."""
        self._ends_at = math.inf if seconds is None else self.timing.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left for a call by the common deadline."""
        return max(_SHORTEST_CALL, self._ends_at - self.timing.monotonic())

    def run(self, send: Callable[[], Attempt[T]], *, action: str, writes: bool = False, optional: bool = False) -> T:
        """Return the result of the first try that succeeds; raises the `ApiError` of the last one."""
        return _RetryState(self, send, action=action, writes=writes, optional=optional).run()

    def send_in_turn(self, send: Callable[[], Attempt[T]]) -> tuple[Attempt[T], float]:
        """Wait for a slot and try once; return the attempt and its seconds without the wait."""
        slot = self._pace.wait_turn()
        began = self.timing.monotonic()
        attempt = send()
        reason = attempt.reason
        if reason is not None and reason.kind in (RetryKind.TOO_MANY, RetryKind.EXHAUSTED):
            common = backoff(1, 1.0) if reason.requested_wait is None else reason.requested_wait
            self._pace.slow_down(slot, min(common, _LONGEST_COMMON_PAUSE))
        return attempt, max(0.0, self.timing.monotonic() - began)


class _RetryState(Generic[T]):
    """State of the tries of one call."""

    def __init__(
        self, retrier: Retrier, send: Callable[[], Attempt[T]], *, action: str, writes: bool, optional: bool
    ) -> None:
        self._retrier = retrier
        self._send = send
        self._action = action
        self._writes = writes
        self._optional = optional
        self._spent = 0.0
        self._tried = False
        self._last: Attempt[T] = Attempt()

    def run(self) -> T:
        loop = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda attempt: attempt.reason is not None),
            wait=self._wait,
            stop=lambda state: state.upcoming_sleep == math.inf,
            before_sleep=self._notify,
            sleep=self._sleep,
            retry_error_callback=lambda _: self._last,
        )
        attempt: Attempt[T] = loop(self._try)
        if attempt.error is not None:
            raise attempt.error
        assert attempt.result is not None
        return attempt.result

    def _try(self) -> Attempt[T]:
        # An interrupted wait ends the retries with the last failure.
        if not (self._tried and self._retrier.timing.stopped()):
            self._tried = True
            self._last, took = self._retrier.send_in_turn(self._send)
            self._spent += took
        return self._last

    def _limit(self) -> Limit | None:
        reason = self._last.reason
        return None if reason is None else limit_of(reason, writes=self._writes, optional=self._optional)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        reason = self._last.reason
        if reason is None or self._retrier.timing.stopped():
            return math.inf
        seconds = pause(
            reason, self._limit(), attempt=state.attempt_number, spent=self._spent, jitter=self._retrier.jitter()
        )
        return math.inf if seconds is None or seconds > self._retrier.left() else seconds

    def _sleep(self, seconds: float) -> None:
        self._spent += seconds
        self._retrier.timing.sleep(seconds)

    def _notify(self, state: tenacity.RetryCallState) -> None:
        reason, limit = self._last.reason, self._limit()
        if reason is None or limit is None:
            return
        self._retrier.on_retry(
            RetryNotice(
                action=self._action,
                reason=reason.reason,
                wait=state.upcoming_sleep,
                attempt=state.attempt_number + 1,
                tries=limit.tries,
            )
        )


class RateLimiter:
    """Schedules requests of all threads together: `max_rps`, and a common slowdown after a 429.

    Each request takes a slot on a common time line. A 429 moves the line: a slot before the end of the pause is taken
    again.
    """

    def __init__(self, timing: Timing, *, max_rps: float | None = None) -> None:
        self._timing = timing
        self._cap = max_rps
        self._lock = threading.Lock()
        self._sent: deque[float] = deque(maxlen=_MOST_MEASURED)
        self._free_at = -math.inf
        self._resumes_at = -math.inf
        self._slowed_at = -math.inf
        self._slowed_to: float | None = None

    def wait_turn(self) -> float:
        """Wait until a request may be sent, or the run is interrupted; return its slot."""
        while True:
            slot, seconds = self._take_slot()
            if seconds > 0:
                self._timing.sleep(seconds)
            if self._is_valid(slot) or self._timing.stopped():
                return slot

    def slow_down(self, slot: float, pause: float) -> None:
        """Pause all requests for `pause` seconds, then continue at half the rate.

        Requests in flight together are refused together; the rate is halved once for all of them.
        """
        with self._lock:
            now = self._timing.monotonic()
            self._resumes_at = max(self._resumes_at, now + pause)
            self._free_at = max(self._free_at, self._resumes_at)
            if slot > self._slowed_at:
                self._slowed_to = max(_SLOWEST, (self._rate(now) or self._measured(now)) / 2)
                self._slowed_at = now

    def _take_slot(self) -> tuple[float, float]:
        with self._lock:
            now = self._timing.monotonic()
            slot = max(now, self._free_at)
            rate = self._rate(slot)
            self._free_at = self._resumes_at if rate is None else slot + 1 / rate
            return slot, slot - now

    def _is_valid(self, slot: float) -> bool:
        """Return whether no pause has overtaken the slot during its sleep."""
        with self._lock:
            kept = slot >= self._resumes_at
            if kept:
                self._sent.append(slot)
            return kept

    def _rate(self, now: float) -> float | None:
        """Return requests a second at a time: after a slowdown it doubles every half minute, up to the limit."""
        if self._slowed_to is None:
            return self._cap
        grown: float = 2.0 ** min(30.0, max(0.0, now - self._slowed_at) / _DOUBLES_IN)
        rate = self._slowed_to * grown
        if self._cap is not None:
            return min(self._cap, rate)
        return rate if rate < _FREE_ABOVE else None

    def _measured(self, now: float) -> float:
        recent = [at for at in self._sent if now - at <= _MEASURED_SECONDS]
        return len(recent) / max(1.0, now - recent[0]) if recent else _SLOWEST
