"""Sending a call again: the loop, and the waiting in it. Whether to repeat is decided in `retry`.

tenacity carries the loop. It is imported when a first try has failed, because nearly every run needs none of it.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.api import retry
from reconciler.api.call import Call, Reply
from reconciler.api.errors import ApiError
from reconciler.api.pace import Pace
from reconciler.api.retry import Fault, Kind, Limit, Retrying
from reconciler.api.timing import Timing

if TYPE_CHECKING:
    from tenacity import RetryCallState

# A server may ask for any wait; others than the one that was refused are held up no longer than this.
_LONGEST_COMMON_PAUSE = 60.0
_CROWDED = (Kind.TOO_MANY, Kind.EXHAUSTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one try gave: a reply, or the error that stands for its absence; a fault where another try may help."""

    reply: Reply | None = None
    error: ApiError | None = None
    fault: Fault | None = None


def _quiet(_: Retrying) -> None:
    """Tell nobody."""


class Repeater:
    """Sends calls at the common pace, and again where that is safe; for any number of threads."""

    def __init__(
        self,
        *,
        timing: Timing | None = None,
        max_rps: float | None = None,
        on_retry: Callable[[Retrying], None] = _quiet,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self.timing = timing or Timing()
        self._pace = Pace(self.timing, max_rps=max_rps)
        self._on_retry = on_retry
        self._luck = luck

    def run(self, call: Call, send: Callable[[], Attempt]) -> Attempt:
        """The first try that succeeds, or the last one."""
        story = _Story(self, call, send)
        first = story.try_once()
        if first.fault is None or story.limit(first.fault) is None:
            return first
        return story.go_on(first)

    def timed(self, send: Callable[[], Attempt]) -> tuple[Attempt, float]:
        """One try when its turn has come, and how long it took without waiting for the turn."""
        slot = self._pace.wait_turn()
        began = self.timing.now()
        attempt = send()
        fault = attempt.fault
        if fault is not None and fault.kind in _CROWDED:
            common = retry.backoff(1, 1.0) if fault.asked is None else fault.asked
            self._pace.slow_down(slot, min(common, _LONGEST_COMMON_PAUSE))
        return attempt, max(0.0, self.timing.now() - began)

    def luck(self) -> float:
        """A random number from 0 up to 1."""
        return self._luck()

    def tell(self, retrying: Retrying) -> None:
        """Tell the listener."""
        self._on_retry(retrying)


class _Story:
    """The tries of one call."""

    def __init__(self, repeater: Repeater, call: Call, send: Callable[[], Attempt]) -> None:
        self._repeater = repeater
        self._call = call
        self._send = send
        self._spent = 0.0
        self._last = Attempt()

    def try_once(self) -> Attempt:
        """Send the call and remember what came of it."""
        self._last, took = self._repeater.timed(self._send)
        self._spent += took
        return self._last

    def pause(self, fault: Fault, attempt: int) -> float | None:
        """Seconds until the next try, None where there is none."""
        if self._repeater.timing.stopped():
            return None
        luck = self._repeater.luck()
        return retry.pause(fault, self.limit(fault), attempt=attempt, spent=self._spent, luck=luck)

    def limit(self, fault: Fault) -> Limit | None:
        """How long this call may be repeated after a fault."""
        return retry.limit_of(fault, writes=self._call.writes, dispensable=self._call.dispensable)

    def go_on(self, first: Attempt) -> Attempt:
        """Repeat until it succeeds or may not be repeated any more; the last try either way."""
        from tenacity import Retrying as Loop
        from tenacity import retry_if_result

        known = [first]
        loop = Loop(
            retry=retry_if_result(lambda attempt: attempt.fault is not None),
            wait=self._wait,
            stop=lambda state: state.upcoming_sleep == math.inf,
            before_sleep=self._tell,
            sleep=self._sleep,
            retry_error_callback=lambda _: self._last,
        )
        return loop(lambda: known.pop() if known else self._next())

    def _next(self) -> Attempt:
        # An interrupted wait ends the repeating: what failed stays failed.
        return self._last if self._repeater.timing.stopped() else self.try_once()

    def _wait(self, state: "RetryCallState") -> float:
        fault = self._last.fault
        wait = None if fault is None else self.pause(fault, state.attempt_number)
        return math.inf if wait is None else wait

    def _sleep(self, seconds: float) -> None:
        self._spent += seconds
        self._repeater.timing.sleep(seconds)

    def _tell(self, state: "RetryCallState") -> None:
        fault = self._last.fault
        limit = None if fault is None else self.limit(fault)
        if fault is None or limit is None:
            return
        self._repeater.tell(
            Retrying(
                doing=self._call.doing,
                reason=fault.reason,
                wait=state.upcoming_sleep,
                attempt=state.attempt_number + 1,
                tries=limit.tries,
            )
        )
