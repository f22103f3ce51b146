"""Write and follow many repositories while everything goes wrong: `make soak`, `python -m benchmarks.soak --seed N`.

The whole program runs against the emulator, on a clock that only waiting moves, while at random requests are refused,
delayed, dropped, garbled or cut in half before or after they took effect, somebody else edits repositories, the API is
down for two minutes, and some builds fail. Afterwards every repository is read from the emulator's own state and held
against what the manifest wants and what the report said.
"""

import argparse
import contextlib
import json
import random
import re
import resource
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote

from reconciler import cli
from reconciler.cli.client import STATE
from reconciler.cli.context import Context
from reconciler.emulator import Emulator, EmulatorSettings, apko, schedule, store, timestamps, uidp
from reconciler.emulator.effects import AFTER, BEFORE, Delay, Drop, Edit, Effect, Garble, Status, When
from reconciler.engine.ports import Stop

# The repositories

Json = dict[str, Any]

ORGANIZATION = "example.com"
PACKAGES = ("curl", "git", "jq")
# Two packages that ship the same file: every build with both fails, and no check of names finds it.
QUARRELLING = ("busybox", "busybox-full")
ENVIRONMENT = {"SOAK_ROUND": "7"}

_IMAGES = ("python", "go", "node", "jre")
_ORIGINALS: tuple[Json | None, ...] = (
    None,
    {},
    {"contents": {"packages": ["curl"]}},
    {"contents": {"packages": ["jq", "curl"]}, "annotations": {"com.example.team": "soak"}},
    {"annotations": {"com.example.team": "soak"}, "hardeningProfile": {"level": 2, "seccomp": "strict"}},
)
_MORE: tuple[Json, ...] = ({}, {"aliases": ["other"], "bundles": ["networking"]}, {"supportWindow": {"months": 18}})


class Treatment(Enum):
    """What a soak does with a repository."""

    CHANGED = auto()
    FAILING = auto()  # changed to something that cannot be built
    SAME = auto()  # as wanted from the beginning
    BYSTANDER = auto()  # the manifest does not name it
    CREATED = auto()  # is not there yet


_WEIGHTS = {
    Treatment.CHANGED: 875,
    Treatment.FAILING: 20,
    Treatment.SAME: 50,
    Treatment.BYSTANDER: 50,
    Treatment.CREATED: 5,
}


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
    def wanted(self) -> Json | None:
        """The overlay that it should end with."""
        if self.kind is Treatment.BYSTANDER:
            return self.before
        before = self.before or {}
        packages = [*PACKAGES, *(QUARRELLING if self.kind is Treatment.FAILING else ())]
        return {**before, "contents": {"packages": packages}, "environment": ENVIRONMENT}


def make_repositories(count: int, seed: int) -> tuple[SoakRepository, ...]:
    """The repositories of a soak; the same for the same seed."""
    dice = random.Random(f"world {seed}")
    kinds = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)
    # The first of each kind comes for certain, however few there are.
    kinds[: len(_WEIGHTS)] = list(_WEIGHTS)[:count]
    return tuple(_item(number, kind, dice) for number, kind in enumerate(kinds))


def _item(number: int, kind: Treatment, dice: random.Random) -> SoakRepository:
    name = f"soak-{number:04}"
    before = None if kind is Treatment.CREATED else dice.choice(_ORIGINALS)
    if kind is Treatment.SAME:
        before = {"contents": {"packages": list(PACKAGES)}, "environment": ENVIRONMENT}
    return SoakRepository(
        name=name,
        id=uidp.of_child(uidp.of_path(ORGANIZATION), "repo", name),
        kind=kind,
        image=dice.choice(_IMAGES),
        before=before,
        more=dice.choice(_MORE),
    )


def plant(path: Path, chosen: tuple[SoakRepository, ...], now: float) -> None:
    """Write the state file of an emulator that holds these repositories and nothing else."""
    state = store.StateFile(path)
    try:
        state.prepare(lambda db: _fill(db, chosen, timestamps.from_seconds(now)))
    finally:
        state.close()


def _fill(db: sqlite3.Connection, chosen: tuple[SoakRepository, ...], now: int) -> None:
    parent = uidp.of_path(ORGANIZATION)
    store.add_group(db, {"id": parent, "name": ORGANIZATION, "description": "Example Corp"})
    for item in chosen:
        if item.kind is not Treatment.CREATED:
            store.save(
                db, store.Repo(id=item.id, parent=parent, name=item.name, sequence=0, message=_message(item, now))
            )
    schedule.set_planned_until(db, now // schedule.SLOT)


def _message(item: SoakRepository, now: int) -> Json:
    image = apko.images_by_name()[item.image]
    message: Json = {
        "id": item.id,
        "name": item.name,
        "description": f"Repository {item.name}",
        "readme": f"# {item.name}\n\n" + "It is here to be left as it is.\n" * 20,
        "catalogTier": image.tier,
        "activeTags": list(image.tags[:2]),
        "createTime": timestamps.to_text(now - timestamps.DAY),
        **item.more,
        "sync_config": {"source": image.source, "uniqueTags": True},
    }
    return message if item.before is None else {**message, "customOverlay": item.before}


def manifest(chosen: tuple[SoakRepository, ...]) -> str:
    """The manifest that wants it all."""
    source = next(item.name for item in chosen if item.kind is Treatment.CHANGED)
    lines = [f"organization: {ORGANIZATION}", "repositories:"]
    for item in chosen:
        if item.kind is Treatment.BYSTANDER:
            continue
        packages = [*PACKAGES, *(QUARRELLING if item.kind is Treatment.FAILING else ())]
        lines += [f"  {item.name}:", f"    packages: [{', '.join(packages)}]", '    environment: {SOAK_ROUND: "7"}']
        lines += [f"    source: {source}"] if item.kind is Treatment.CREATED else []
    return "\n".join(lines) + "\n"


# The clock

_LOOK_AGAIN = 0.01  # a thread that ends tells nobody
_PATIENCE = 0.3  # a worker may also stand still for a reason that this clock does not see


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
            due = self._time + seconds
            self._due[me] = due
            stood = 0.0
            while self._time < due and not stop.is_set():
                if self._all_wait() or stood > _PATIENCE:
                    self._time = max(self._time, min(self._due.values()))
                    self._changed.notify_all()
                    stood = 0.0
                    continue
                before = self._time
                self._changed.wait(_LOOK_AGAIN)
                stood = stood + _LOOK_AGAIN if self._time == before else 0.0
            del self._due[me]

    def _all_wait(self) -> bool:
        """Whether every worker of the engine waits, and for a moment that is still to come."""
        if any(due <= self._time for due in self._due.values()):
            return False  # it has been woken and has not run yet
        workers = (thread for thread in threading.enumerate() if thread.name.startswith("worker-"))
        return all(thread.ident in self._due for thread in workers)


# What goes wrong

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


# What must hold

_NOT_WRITTEN = ("stale", "failed", "not_attempted")
# Written by the server itself at each update, or what the soak is about.
_MAY_CHANGE = ("customOverlay", "updateTime")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakVerdict:
    """How the repositories ended, by a word for it, and what should not have happened."""

    ends: Mapping[str, int]
    breaches: tuple[str, ...]


def judge(
    chosen: tuple[SoakRepository, ...],
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    summary: Json,
    edits: Mapping[str, list[str]],
) -> SoakVerdict:
    """Hold the emulator's repositories and the report of the apply against what was wanted and what was played."""
    ends: Counter[str] = Counter()
    breaches: list[str] = []
    for item in chosen:
        edited = bool(edits.get(item.id))
        end, found = _judged(item, after.get(item.id), summary, edited=edited)
        ends[end] += 1
        breaches.extend(f"{item.name}: {problem}" for problem in found)
        breaches.extend(f"{item.name}: {problem}" for problem in _rest(before.get(item.id), after.get(item.id)))
    breaches.extend(_of_builds(chosen, summary, edits))
    breaches.extend(f"{id_}: nobody asked for it" for id_ in sorted(after.keys() - {item.id for item in chosen}))
    return SoakVerdict(ends=dict(sorted(ends.items())), breaches=tuple(breaches))


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


def _judged(item: SoakRepository, now: Json | None, summary: Json, *, edited: bool) -> tuple[str, list[str]]:
    told = [kind for kind in ("applied", "already_done", *_NOT_WRITTEN) if item.name in summary[kind]]
    overlay = meaning((now or {}).get("customOverlay") or {})
    wanted = now is not None and overlay == meaning(item.wanted or {})
    untouched = overlay == meaning(item.before or {})
    if len(told) > 1:
        return "told twice", [f"reported as {' and '.join(told)}"]
    match told:
        case []:
            intended = item.kind not in (Treatment.SAME, Treatment.BYSTANDER)
            problems = ["is not named in the report"] if intended else []
            return "left alone", problems if untouched or edited else [*problems, "was changed and not reported"]
        case ["applied" | "already_done"]:
            if wanted:
                return "as wanted", []
            return "as wanted, then edited", [] if edited else [
                f"reported as {told[0]} and is not as wanted: {overlay}"
            ]
        case [word]:
            problems = [] if word != "stale" or edited else ["reported as changed by somebody, and nobody did"]
            return word.replace("_", " "), problems if wanted or untouched or edited else [*problems, f"is {overlay}"]
        case _:
            raise AssertionError(told)


def _rest(before: Json | None, after: Json | None) -> Iterator[str]:
    """What changed outside the overlay."""
    if before is None:
        return
    if after is None:
        yield "is gone"
        return
    changed = (key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    yield from (f"its {key} was changed" for key in sorted(changed) if key not in _MAY_CHANGE)


def _of_builds(chosen: tuple[SoakRepository, ...], summary: Json, edits: Mapping[str, list[str]]) -> Iterator[str]:
    builds = summary["builds"]
    failed = {one["repository"] for one in builds["failures"]}
    unfinished = set(builds["unfinished"])
    for item in chosen:
        if item.id in edits or item.name not in summary["applied"]:
            continue
        if item.kind is Treatment.FAILING and item.name not in failed | unfinished:
            yield f"{item.name}: its builds failed and nobody said so"
        if item.kind is not Treatment.FAILING and item.name in failed:
            yield f"{item.name}: its builds succeeded and are reported as failed"


# The course

_MANIFEST = Path("manifests") / "soak.yaml"
_SUMMARY = Path("summary.jsonl")
_TRIES = 5
# Long enough for every build and the two minutes that the API is down.
_LIMIT = "8m"


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakResult:
    """What a soak came to. `memory` is the resident size in MB at each look at the builds; `tries` counts the applies
    that it took until one got as far as writing.
    """

    count: int
    seed: int
    tries: int
    exit_code: int
    verdict: SoakVerdict
    calm: tuple[str, ...]
    asked: Mapping[str, int]
    whole: Mapping[str, int]
    played: Mapping[str, int]
    written: int
    summary: dict[str, Any]
    seconds: float
    virtual_seconds: float
    memory: tuple[float, ...]

    @property
    def looks(self) -> int:
        """The looks at the builds that got an answer."""
        return self.whole.get(LOOK, 0)

    @property
    def least(self) -> int:
        """The fewest calls that could have done the same: a list, two for each write, two for each look."""
        return 1 + 2 * self.written + 2 * self.looks


def soak(count: int, seed: int, folder: Path, *, rate: float = 0.08) -> SoakResult:
    """Run one soak in an empty folder."""
    with contextlib.chdir(folder):
        return _run(count, seed, rate)


def _run(count: int, seed: int, rate: float) -> SoakResult:
    clock = SharedClock()
    chosen = make_repositories(count, seed)
    plant(STATE, chosen, clock.now())
    _MANIFEST.parent.mkdir()
    _MANIFEST.write_text(manifest(chosen), encoding="utf-8")
    before = _repositories(chosen, clock)
    memory: list[float] = []
    ids = [item.id for item in chosen if item.kind is not Treatment.CREATED]
    storm = Storm(seed, clock, ids, rate=rate, on_look=lambda: memory.append(_megabytes()))
    began, virtual = time.perf_counter(), clock.now()
    code, summary, tries = _until_written(clock, storm)
    seconds, virtual = time.perf_counter() - began, clock.now() - virtual
    found = judge(chosen, before, _repositories(chosen, clock), summary, storm.edits)
    return SoakResult(
        count=count,
        seed=seed,
        tries=tries,
        exit_code=code,
        verdict=found,
        calm=_afterwards(chosen, clock),
        asked=dict(storm.asked),
        whole=dict(storm.whole),
        played=dict(storm.played),
        written=len(summary["applied"]),
        summary=summary,
        seconds=seconds,
        virtual_seconds=virtual,
        memory=tuple(memory),
    )


def _until_written(clock: SharedClock, storm: Storm) -> tuple[int, dict[str, Any], int]:
    """Apply as a user would: once more where not even the live state could be read."""
    code = -1
    for attempt in range(1, _TRIES + 1):
        code = _apply(clock, EmulatorSettings(storm=storm), "--wait-timeout", _LIMIT)
        summary = _summary()
        if summary is not None:
            return code, summary, attempt
        if storm.asked[WRITE]:
            break  # to begin again now would hide that a report is missing
    said = Path("stderr.txt").read_text(encoding="utf-8")[-2000:]
    raise RuntimeError(f"there is no report; the last one ended with {code}:\n{said}")


def _afterwards(chosen: tuple[SoakRepository, ...], clock: SharedClock) -> tuple[str, ...]:
    """Apply again when all is calm; the repositories that are still not as wanted."""
    _apply(clock, EmulatorSettings(), "--no-wait")
    after = _repositories(chosen, clock)
    return tuple(
        item.name
        for item in chosen
        if item.kind is not Treatment.BYSTANDER and not _as_wanted(item, after.get(item.id, {}).get("customOverlay"))
    )


def _as_wanted(item: SoakRepository, overlay: Any) -> bool:
    """Whether the sections that the manifest names are as it wants them: edits may have left others behind."""
    named = ("contents", "environment")
    now, wanted = meaning(overlay or {}), meaning(item.wanted or {})
    return all(now.get(section) == wanted.get(section) for section in named)


def _apply(clock: SharedClock, settings: EmulatorSettings, *more: str) -> int:
    _SUMMARY.unlink(missing_ok=True)
    with open("stdout.txt", "w", encoding="utf-8") as out, open("stderr.txt", "w", encoding="utf-8") as err:  # noqa: PTH123 - read as what they are
        return cli.main(
            ["apply", str(_MANIFEST), "--yes", "--format", f"json={_SUMMARY}", *more],
            _context(clock, settings, out, err),
        )


def _context(clock: SharedClock, settings: EmulatorSettings, out: TextIO, err: TextIO) -> Context:
    with open("/dev/null", encoding="utf-8") as nobody:  # noqa: PTH123 - it is never read
        return Context(
            stdin=nobody,
            stdout=out,
            stderr=err,
            environ={"RECONCILER_API": "emulator"},
            clock=clock,
            emulator_settings=settings,
        )


def _summary() -> dict[str, Any] | None:
    if not _SUMMARY.exists():
        return None
    lines = [json.loads(line) for line in _SUMMARY.read_text(encoding="utf-8").splitlines()]
    return next((line for line in lines if line.get("type") == "summary"), None)


def _repositories(chosen: tuple[SoakRepository, ...], clock: SharedClock) -> dict[str, dict[str, Any]]:
    """What the emulator holds, asked of itself."""
    found = {}
    with Emulator(STATE, clock=clock.now) as emulator:
        for item in chosen:
            with contextlib.suppress(LookupError):
                found[item.id] = emulator.repository(item.id)
    return found


def _megabytes() -> float:
    """The resident size of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def report(result: SoakResult) -> str:
    """Return what a soak came to as JSON."""
    builds = {key: len(value) if isinstance(value, list) else value for key, value in result.summary["builds"].items()}
    told = {**asdict(result), "summary": None, "builds": builds, "memory": max(result.memory, default=0.0)}
    return json.dumps({**told, "looks": result.looks, "least": result.least}, indent=2)


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
