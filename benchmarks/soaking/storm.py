"""What goes wrong in a soak: every effect that the emulator knows, at random, and a record of what was played.

What meets a request depends on the seed, the request and how often it was made, never on which thread came first.
"""

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from benchmarks.soaking.clock import SharedClock
from reconciler.emulator.faults import AFTER, BEFORE, Delay, Drop, Edit, Effect, Garble, Status, When

Json = dict[str, Any]

_ONE = re.compile(r"/registry/v[12]/repos/(?P<id>[0-9a-f]+/.+)")
_DOWN_AFTER, _DOWN_FOR = 15.0, 120.0
_CHANGES: tuple[tuple[Json, bool], ...] = (
    ({"contents": {"packages": ["vim"]}}, False),
    ({"annotations": {"com.example.edited": "by somebody else"}}, False),
    ({"environment": {"SOAK_ROUND": "0"}}, False),
    ({}, True),
)

_STATUSES: Mapping[str, Effect] = {
    "429": Status(status=429, retry_after="2"),
    "429 without Retry-After": Status(status=429),
    "500": Status(status=500),
    "502 as HTML": Status(status=502, html=True),
    "503": Status(status=503),
    "503 with Retry-After": Status(status=503, retry_after="3"),
    "504": Status(status=504),
    "500 after the effect": Status(status=500, when=AFTER),
    "502 after the effect": Status(status=502, html=True, when=AFTER),
    "504 after the effect": Status(status=504, when=AFTER),
    "dropped before": Drop(when=BEFORE),
    "dropped after": Drop(when=AFTER),
    "garbled": Garble(),
    "cut in half": Garble(truncated=True),
}
_EDITS: dict[str, When] = {"edit before": BEFORE, "edit after": AFTER}
DELAY, DOWN = "delay", "API down"


class _Never:
    """A stop flag that nobody sets."""

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:
        raise NotImplementedError


class Storm:
    """Asked by the emulator at each request, from any thread; `rate` is the share of requests that are met."""

    def __init__(
        self, seed: int, clock: SharedClock, ids: Sequence[str], *, rate: float, on_look: Callable[[], None]
    ) -> None:
        self._seed = seed
        self._ids = ids
        self._clock = clock
        self._rate = rate
        self._on_look = on_look
        self._lock = threading.Lock()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._first_look: float | None = None
        self.asked: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()
        self.played: Counter[str] = Counter()
        self.edits: dict[str, list[str]] = {}

    def __call__(self, method: str, path: str) -> tuple[Effect, ...]:
        """The effects that meet a request."""
        call = name_of(method, path)
        with self._lock:
            self._seen[method, path] += 1
            self.asked[call] += 1
            dice = random.Random(f"{self._seed} {method} {path} {self._seen[method, path]}")
            kind = self._kind(dice, call)
            self.played.update([kind] if kind else [])
            self.whole[call] += kind not in _STATUSES and kind != DOWN
            effect = self._effect(kind, dice, path)
        if call == LOOK:
            self._on_look()
        if isinstance(effect, Delay):  # waited for here, where the clock is known
            self._clock.wait(effect.seconds, _Never())
            return ()
        return () if effect is None else (effect,)

    def _kind(self, dice: random.Random, call: str) -> str:
        if self._is_down(call):
            return DOWN
        if dice.random() >= self._rate:
            return ""
        known = [*_STATUSES, DELAY]
        return dice.choice(known + ([*_EDITS] if call in (READ, WRITE) else []))

    def _is_down(self, call: str) -> bool:
        """Whether it is the two minutes, soon after the first look, in which nothing answers."""
        if self._rate == 0:
            return False
        now = self._clock.now()
        if call == LOOK and self._first_look is None:
            self._first_look = now
        return self._first_look is not None and 0 <= now - self._first_look - _DOWN_AFTER < _DOWN_FOR

    def _effect(self, kind: str, dice: random.Random, path: str) -> Effect | None:
        match kind:
            case "":
                return None
            case "delay":
                return Delay(seconds=dice.uniform(0.2, 8.0))
            case "API down":
                return Status(status=503, html=True)
            case "edit before" | "edit after":
                return self._edit(kind, dice, path)
            case _:
                return _STATUSES[kind]

    def _edit(self, kind: str, dice: random.Random, path: str) -> Edit:
        found = _ONE.fullmatch(path)  # a read of the first generation names the repository elsewhere
        id_ = unquote(found["id"]) if found else dice.choice(self._ids)
        overlay, replaces = dice.choice(_CHANGES)
        self.edits.setdefault(id_, []).append(kind)
        return Edit(edit=id_, overlay=overlay, replace=replaces, when=_EDITS[kind])


LOOK, READ, WRITE = "work queue", "repositories", "write"
_CALLS = (
    ("GET", re.compile(r"/registry/v1/syncstatuses"), LOOK),
    ("GET", re.compile(r"/registry/v1/buildreports"), "build reports"),
    ("GET", re.compile(r"/registry/v[12]/repos"), READ),
    ("GET", _ONE, READ),
    ("PUT", _ONE, WRITE),
    ("PATCH", _ONE, WRITE),
    ("POST", re.compile(r"/registry/v[12]/repos/.+"), "creation"),
)


def name_of(method: str, path: str) -> str:
    """A word for what a request asks."""
    return next((name for verb, form, name in _CALLS if verb == method and form.fullmatch(path)), "other")
