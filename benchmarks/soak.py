"""Write and follow many repositories while everything goes wrong: `make soak`, `python -m benchmarks.soak --seed N`.

The whole program runs against the emulator, on a clock that only waiting moves, while at random requests are refused,
delayed, dropped, garbled or cut in half before or after they took effect, somebody else edits repositories, the API is
down for two minutes, and some builds fail. Afterwards every repository is read from the emulator's own state and held
against what the manifest wants and what the report said.
"""

import argparse
import contextlib
import io
import json
import random
import re
import resource
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from reconciler import cli
from reconciler.cli.client import STATE
from reconciler.cli.context import Context
from reconciler.emulator import Emulator, EmulatorSettings, schedule, store, timestamps, uidp
from reconciler.emulator.effects import AFTER, BEFORE, Delay, Drop, Edit, Effect, Garble, Status, When
from reconciler.emulator.seed import SeedRepo, repository
from reconciler.engine.ports import Stop

Json = dict[str, Any]

# --- the repositories -------------------------------------------------------------------------------------------------

ORGANIZATION = "example.com"
PACKAGES = ("curl", "git", "jq")
# Two packages that ship the same file: every build with both fails, and no check of names finds it.
CONFLICTING = ("busybox", "busybox-full")
ENVIRONMENT = {"SOAK_ROUND": "7"}

_IMAGES = ("python", "go", "node", "jre")
_OVERLAYS: tuple[Json | None, ...] = (
    None,
    {},
    {"contents": {"packages": ["curl"]}},
    {"contents": {"packages": ["jq", "curl"]}, "annotations": {"com.example.team": "soak"}},
    {"annotations": {"com.example.team": "soak"}, "hardeningProfile": {"level": 2, "seccomp": "strict"}},
)
_MORE: tuple[Json, ...] = ({}, {"aliases": ["other"], "bundles": ["networking"]}, {"supportWindow": {"months": 18}})


class Treatment(Enum):
    """What a soak does with a repository, and with how many of a thousand."""

    CHANGED = "changed", 875
    FAILING = "changed to something that cannot be built", 20
    SAME = "as wanted from the beginning", 50
    BYSTANDER = "not named by the manifest", 50
    CREATED = "not there yet", 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakRepository:
    """One repository; `before` is its overlay in the beginning, None where it has none."""

    name: str
    id: str
    kind: Treatment
    image: str
    before: Json | None
    more: Json

    @property
    def packages(self) -> list[str]:
        """The packages that the manifest gives it."""
        return [*PACKAGES, *(CONFLICTING if self.kind is Treatment.FAILING else ())]

    @property
    def wanted(self) -> Json:
        """The overlay that it should end with."""
        before = self.before or {}
        if self.kind is Treatment.BYSTANDER:
            return before
        return {**before, "contents": {"packages": self.packages}, "environment": ENVIRONMENT}


def make_repositories(count: int, seed: int) -> tuple[SoakRepository, ...]:
    """The repositories of a soak; the same for the same seed."""
    dice = random.Random(f"world {seed}")
    kinds = dice.choices([*Treatment], [kind.value[1] for kind in Treatment], k=count)
    # The first of each kind comes for certain, however few there are.
    kinds[: len(Treatment)] = [*Treatment][:count]
    same: Json = {"contents": {"packages": list(PACKAGES)}, "environment": ENVIRONMENT}
    fixed = {Treatment.CREATED: None, Treatment.SAME: same}
    return tuple(
        SoakRepository(
            name=f"soak-{number:04}",
            id=uidp.of_child(uidp.of_path(ORGANIZATION), "repo", f"soak-{number:04}"),
            kind=kind,
            image=dice.choice(_IMAGES),
            before=fixed[kind] if kind in fixed else dice.choice(_OVERLAYS),
            more=dice.choice(_MORE),
        )
        for number, kind in enumerate(kinds)
    )


def plant(path: Path, chosen: Sequence[SoakRepository], now: float) -> None:
    """Write the state file of an emulator that holds these repositories and nothing else."""
    state = store.StateFile(path)
    state.prepare(lambda db: _fill(db, chosen, timestamps.from_seconds(now)))
    state.close()


def _fill(db: sqlite3.Connection, chosen: Sequence[SoakRepository], now: int) -> None:
    organization = {"id": uidp.of_path(ORGANIZATION), "name": ORGANIZATION, "description": "Example Corp"}
    store.add_group(db, organization)
    for one in chosen:
        if one.kind is not Treatment.CREATED:
            more = {**one.more, "sync_config": {"uniqueTags": True}}
            path = f"{ORGANIZATION}/{one.name}"
            store.save(db, repository(SeedRepo(path=path, image=one.image, tags=2, overlay=one.before, more=more)))
    schedule.set_planned_until(db, now // schedule.SLOT)


def manifest(chosen: Sequence[SoakRepository]) -> str:
    """The manifest that wants it all, as JSON, which is YAML."""
    entries: Json = {one.name: {"packages": one.packages, "environment": ENVIRONMENT} for one in chosen}
    source = next(one.name for one in chosen if one.kind is Treatment.CHANGED)
    for one in chosen:
        if one.kind is Treatment.BYSTANDER:
            del entries[one.name]
        elif one.kind is Treatment.CREATED:
            entries[one.name]["source"] = source
    return json.dumps({"organization": ORGANIZATION, "repositories": entries}, indent=1)


# --- the clock --------------------------------------------------------------------------------------------------------

_POLL = 0.01  # a thread that ends tells nobody
_LONGEST_PAUSE = 0.3  # a worker may also stand still for a reason that this clock does not see


class SharedClock:
    """A clock of the engine: the first to be woken moves the time, as soon as no worker thread has anything to do."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._time = start
        self._changed = threading.Condition()
        self._due: dict[int, float] = {}

    def now(self) -> float:
        with self._changed:
            return self._time

    def monotonic(self) -> float:
        return self.now()

    def wait(self, seconds: float, stop: Stop) -> None:
        me = threading.get_ident()
        with self._changed:
            due = self._due[me] = self._time + seconds
            paused = 0.0
            while self._time < due and not stop.is_set():
                if self._all_wait() or paused > _LONGEST_PAUSE:
                    self._time = max(self._time, min(self._due.values()))
                    self._changed.notify_all()
                    paused = 0.0
                    continue
                before = self._time
                self._changed.wait(_POLL)
                paused = paused + _POLL if self._time == before else 0.0
            del self._due[me]

    def _all_wait(self) -> bool:
        """Whether every worker of the engine waits, and for a moment that is still to come."""
        if any(due <= self._time for due in self._due.values()):
            return False  # it has been woken and has not run yet
        workers = (thread for thread in threading.enumerate() if thread.name.startswith("worker-"))
        return all(thread.ident in self._due for thread in workers)


# --- what goes wrong --------------------------------------------------------------------------------------------------

_ONE = re.compile(r"/registry/v[12]/repos/(?P<id>[0-9a-f]+/.+)")
_DOWN_AFTER, _DOWN_FOR = 15.0, 120.0
_ERRORS: Mapping[str, Effect] = {
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
_EDITS: Mapping[str, When] = {"edit before": BEFORE, "edit after": AFTER}
DELAY, DOWN = "delay", "API down"
# Overlays that somebody else merges into a live one, or (True) replaces it by.
_CHANGES: tuple[tuple[Json, bool], ...] = (
    ({"contents": {"packages": ["vim"]}}, False),
    ({"annotations": {"com.example.edited": "by somebody else"}}, False),
    ({"environment": {"SOAK_ROUND": "0"}}, False),
    ({}, True),
)
POLL, READ, WRITE = "work queue", "repositories", "write"
_CALLS = (
    ("GET", re.compile(r"/registry/v1/syncstatuses"), POLL),
    ("GET", re.compile(r"/registry/v1/buildreports"), "build reports"),
    ("GET", re.compile(r"/registry/v[12]/repos(/.+)?"), READ),
    ("PUT", _ONE, WRITE),
    ("PATCH", _ONE, WRITE),
    ("POST", re.compile(r"/registry/v[12]/repos/.+"), "creation"),
)


class Storm:
    """Asked by the emulator at each request, from any thread; `rate` is the share of requests that are met.

    `asked` counts requests by what they ask, `played` what met them, and `polls` the looks at the builds that got an
    answer. `edits` are the ids of the repositories that somebody else edited.
    """

    def __init__(self, seed: int, clock: SharedClock, ids: Sequence[str], rate: float) -> None:
        self._seed, self._clock, self._ids, self._rate = seed, clock, ids, rate
        self._lock = threading.Lock()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._first_poll: float | None = None
        self.asked: Counter[str] = Counter()
        self.played: Counter[str] = Counter()
        self.polls = 0
        self.edits: set[str] = set()

    def __call__(self, method: str, path: str) -> tuple[Effect, ...]:
        """The effects that meet a request."""
        call = next((name for verb, form, name in _CALLS if verb == method and form.fullmatch(path)), "other")
        with self._lock:
            self._seen[method, path] += 1
            dice = random.Random(f"{self._seed} {method} {path} {self._seen[method, path]}")
            kind = self._kind(dice, call)
            effect = self._effect(kind, dice, path)
            self.asked[call] += 1
            self.played.update([kind] if kind else [])
            self.polls += call == POLL and kind in ("", DELAY)
        if isinstance(effect, Delay):  # waited for here, where the clock is known
            self._clock.wait(effect.seconds, threading.Event())
            return ()
        return () if effect is None else (effect,)

    def _kind(self, dice: random.Random, call: str) -> str:
        if self._rate and self._is_down(call):
            return DOWN
        if dice.random() >= self._rate:
            return ""
        kinds = [*_ERRORS, DELAY, *(_EDITS if call in (READ, WRITE) else {})]
        return dice.choice(kinds)

    def _is_down(self, call: str) -> bool:
        """Whether it is the two minutes, soon after the first look at the builds, in which nothing answers."""
        now = self._clock.now()
        if call == POLL and self._first_poll is None:
            self._first_poll = now
        return self._first_poll is not None and 0 <= now - self._first_poll - _DOWN_AFTER < _DOWN_FOR

    def _effect(self, kind: str, dice: random.Random, path: str) -> Effect | None:
        if kind == DELAY:
            return Delay(seconds=dice.uniform(0.2, 8.0))
        if kind == DOWN:
            return Status(status=503, html=True)
        if kind not in _EDITS:
            return _ERRORS.get(kind)
        found = _ONE.fullmatch(path)  # a read of the first generation names the repository elsewhere
        id_ = unquote(found["id"]) if found else dice.choice(self._ids)
        overlay, replaces = dice.choice(_CHANGES)
        self.edits.add(id_)
        return Edit(edit=id_, overlay=overlay, replace=replaces, when=_EDITS[kind])


# --- what must hold ---------------------------------------------------------------------------------------------------

_OUTCOMES = ("applied", "already_done", "stale", "failed", "not_attempted")
# Written by the server itself at each update, or what the soak is about.
_MAY_CHANGE = ("customOverlay", "updateTime")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakVerdict:
    """How the repositories ended, by a word for it, and what should not have happened."""

    ends: Mapping[str, int]
    breaches: tuple[str, ...]


def judge(
    chosen: Sequence[SoakRepository],
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    summary: Json,
    edits: Collection[str],
) -> SoakVerdict:
    """Hold the emulator's repositories and the report of the apply against what was wanted and what was played."""
    ends: Counter[str] = Counter()
    breaches = [f"{id_}: nobody asked for it" for id_ in sorted(after.keys() - {one.id for one in chosen})]
    for one in chosen:
        edited = one.id in edits
        end, problem = _end(one, after.get(one.id), summary, edited=edited)
        ends[end] += 1
        problems = [problem, *_changed(before.get(one.id), after.get(one.id))]
        problems += [] if edited else [_build_problem(one, summary)]
        breaches += [f"{one.name}: {problem}" for problem in problems if problem]
    return SoakVerdict(ends=dict(sorted(ends.items())), breaches=tuple(breaches))


def _end(one: SoakRepository, now: Json | None, summary: Json, *, edited: bool) -> tuple[str, str]:
    """How a repository ended, and what is wrong with that; an edit explains any content, and nothing else does."""
    overlay = meaning((now or {}).get("customOverlay") or {})
    wanted = now is not None and overlay == meaning(one.wanted)
    untouched = overlay == meaning(one.before or {})
    match [outcome for outcome in _OUTCOMES if one.name in summary[outcome]]:
        case [] if one.kind not in (Treatment.SAME, Treatment.BYSTANDER):
            return "left alone", "is not named in the report"
        case []:
            end, right, problem = "left alone", untouched, "was changed and not reported"
        case ["applied" | "already_done" as outcome]:
            end, right = "as wanted" if wanted else "as wanted, then edited", wanted
            problem = f"reported as {outcome} and is not as wanted: {overlay}"
        case ["stale"]:
            end, right, problem = "stale", False, "reported as changed by somebody, and nobody did"
        case [outcome]:
            end, right, problem = outcome.replace("_", " "), wanted or untouched, f"is {overlay}"
        case several:
            return "reported twice", f"reported as {' and '.join(several)}"
    return end, "" if right or edited else problem


def _changed(before: Json | None, after: Json | None) -> list[str]:
    """What changed outside the overlay."""
    if before is None or after is None:
        return [] if before is None else ["is gone"]
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return [f"its {key} was changed" for key in keys if key not in _MAY_CHANGE]


def _build_problem(one: SoakRepository, summary: Json) -> str:
    """What is wrong with what the report says of the builds of a written repository; "" for nothing."""
    failed = one.name in [failure["repository"] for failure in summary["builds"]["failures"]]
    if one.name not in summary["applied"]:
        return ""
    if one.kind is not Treatment.FAILING:
        return "its builds succeeded and are reported as failed" if failed else ""
    return "" if failed or one.name in summary["builds"]["unfinished"] else "its builds failed and nobody said so"


def meaning(overlay: Any) -> Any:
    """Return an overlay without its empty parts, and with its packages in order."""
    if isinstance(overlay, list):
        return sorted(overlay, key=str)
    if not isinstance(overlay, dict):
        return overlay
    kept = {key: meaning(value) for key, value in overlay.items()}
    # The API emits unset fields with their zero values.
    unset: tuple[object, ...] = (None, "", [], {}, False, 0)
    return {key: value for key, value in kept.items() if value not in unset and not str(value).endswith("_UNSPECIFIED")}


# --- the course -------------------------------------------------------------------------------------------------------

_MANIFEST = Path("manifests") / "soak.yaml"
_SUMMARY = Path("summary.jsonl")
_TRIES = 5
# Long enough for every build and the two minutes that the API is down.
_LIMIT = "8m"


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakResult:
    """What a soak came to.

    `calm` are the repositories that are not as wanted even after an apply without faults. `tries` counts the applies
    until one got as far as writing. `least` are the fewest calls that could have done the same: a list, two for each
    write, two for each look at the builds. `memory` is the largest resident size of the process, in MB.
    """

    verdict: SoakVerdict
    calm: tuple[str, ...]
    exit_code: int
    tries: int
    asked: Mapping[str, int]
    played: Mapping[str, int]
    least: int
    builds: Json
    seconds: float
    virtual_seconds: float
    memory: float


def soak(count: int, seed: int, folder: Path, *, rate: float = 0.08) -> SoakResult:
    """Run one soak in an empty folder."""
    clock = SharedClock()
    chosen = make_repositories(count, seed)
    with contextlib.chdir(folder):
        plant(STATE, chosen, clock.now())
        _MANIFEST.parent.mkdir()
        _MANIFEST.write_text(manifest(chosen), encoding="utf-8")
        before = _repositories(chosen, clock)
        storm = Storm(seed, clock, list(before), rate)
        began, virtual = time.perf_counter(), clock.now()
        tries, code, summary = _until_written(clock, storm)
        seconds, virtual = time.perf_counter() - began, clock.now() - virtual
        return SoakResult(
            verdict=judge(chosen, before, _repositories(chosen, clock), summary, storm.edits),
            calm=_not_as_wanted(chosen, clock),
            exit_code=code,
            tries=tries,
            asked=dict(storm.asked),
            played=dict(storm.played),
            least=1 + 2 * len(summary["applied"]) + 2 * storm.polls,
            builds={key: len(one) if isinstance(one, list) else one for key, one in summary["builds"].items()},
            seconds=seconds,
            virtual_seconds=virtual,
            memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        )


def _until_written(clock: SharedClock, storm: Storm) -> tuple[int, int, Json]:
    """Apply as a user would: once more where not even the live state could be read."""
    tries, code, messages = 0, -1, ""
    # To begin again after a write would hide that a report is missing.
    while tries < _TRIES and not storm.asked[WRITE]:
        tries += 1
        code, messages = _apply(clock, EmulatorSettings(storm=storm), "--wait-timeout", _LIMIT)
        lines = _SUMMARY.read_text(encoding="utf-8").splitlines() if _SUMMARY.exists() else []
        for line in map(json.loads, lines):
            if line.get("type") == "summary":
                return tries, code, line
    raise RuntimeError(f"there is no report; the last apply ended with {code}:\n{messages[-2000:]}")


def _not_as_wanted(chosen: Sequence[SoakRepository], clock: SharedClock) -> tuple[str, ...]:
    """Apply again when all is calm; the repositories that are still not as the manifest wants them.

    Only the sections that it names count: edits may have left others behind. What cannot be built is written as well,
    where an edit undid it: the check of packages would refuse the whole apply.
    """
    _apply(clock, EmulatorSettings(), "--no-wait", "--no-resolve")
    named = [one for one in chosen if one.kind is not Treatment.BYSTANDER]
    overlays = {id_: meaning(now.get("customOverlay") or {}) for id_, now in _repositories(named, clock).items()}
    wanted = {one.name: {key: meaning(one.wanted)[key] for key in ("contents", "environment")} for one in named}
    return tuple(one.name for one in named if not wanted[one.name].items() <= overlays.get(one.id, {}).items())


def _apply(clock: SharedClock, settings: EmulatorSettings, *more: str) -> tuple[int, str]:
    """Apply the manifest; the exit code and what was written to standard error."""
    _SUMMARY.unlink(missing_ok=True)
    messages = io.StringIO()
    ctx = Context(
        stdin=io.StringIO(),
        stdout=io.StringIO(),
        stderr=messages,
        environ={"RECONCILER_API": "emulator"},
        clock=clock,
        emulator_settings=settings,
    )
    code = cli.main(["apply", str(_MANIFEST), "--yes", "--format", f"json={_SUMMARY}", *more], ctx)
    return code, messages.getvalue()


def _repositories(chosen: Sequence[SoakRepository], clock: SharedClock) -> dict[str, Json]:
    """What the emulator holds, asked of itself."""
    found = {}
    with Emulator(STATE, clock=clock.now) as emulator:
        for one in chosen:
            with contextlib.suppress(LookupError):
                found[one.id] = emulator.repository(one.id)
    return found


def report(result: SoakResult) -> str:
    """Return what a soak came to as JSON."""
    return json.dumps(asdict(result), indent=2)


def main() -> int:
    """Run one soak; return 1 when a repository is neither as wanted nor reported, or something else was touched."""
    parser = argparse.ArgumentParser(description="Write and follow many repositories while everything goes wrong.")
    parser.add_argument("--repositories", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=0.08, help="share of the requests that something befalls")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = soak(options.repositories, options.seed, Path(folder), rate=options.rate)
    print(report(result))
    return 1 if result.verdict.breaches or result.calm else 0


if __name__ == "__main__":
    raise SystemExit(main())
