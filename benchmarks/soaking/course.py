"""One soak from beginning to end: plant, apply in the storm, read everything back, judge."""

import contextlib
import json
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from benchmarks.soaking import verdict, world
from benchmarks.soaking.clock import SharedClock
from benchmarks.soaking.storm import LOOK, WRITE, Storm
from benchmarks.soaking.verdict import Verdict
from benchmarks.soaking.world import Item, Kind
from reconciler.cli import main
from reconciler.cli.client import STATE
from reconciler.cli.context import Context
from reconciler.emulator import Emulator, Settings

_MANIFEST = Path("manifests") / "soak.yaml"
_SUMMARY = Path("summary.jsonl")
_TRIES = 5
# Long enough for every build and the two minutes that the API is down.
_LIMIT = "8m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What a soak came to. `memory` is the resident size in MB at each look at the builds; `tries` counts the applies
    that it took until one got as far as writing.
    """

    count: int
    seed: int
    tries: int
    exit_code: int
    verdict: Verdict
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


def soak(count: int, seed: int, folder: Path, *, rate: float = 0.08) -> Soaked:
    """Run one soak in an empty folder."""
    with contextlib.chdir(folder):
        return _soak(count, seed, rate)


def _soak(count: int, seed: int, rate: float) -> Soaked:
    clock = SharedClock()
    chosen = world.items(count, seed)
    world.plant(STATE, chosen, clock.now())
    _MANIFEST.parent.mkdir()
    _MANIFEST.write_text(world.manifest(chosen), encoding="utf-8")
    before = _repositories(chosen, clock)
    memory: list[float] = []
    ids = [item.id for item in chosen if item.kind is not Kind.CREATED]
    storm = Storm(seed, clock, ids, rate=rate, on_look=lambda: memory.append(_megabytes()))
    began, virtual = time.perf_counter(), clock.now()
    code, summary, tries = _until_written(clock, storm)
    seconds, virtual = time.perf_counter() - began, clock.now() - virtual
    found = verdict.judge(chosen, before, _repositories(chosen, clock), summary, storm.edits)
    return Soaked(
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
        code = _apply(clock, Settings(storm=storm), "--wait-timeout", _LIMIT)
        summary = _summary()
        if summary is not None:
            return code, summary, attempt
        if storm.asked[WRITE]:
            break  # to begin again now would hide that a report is missing
    said = Path("stderr.txt").read_text(encoding="utf-8")[-2000:]
    raise RuntimeError(f"there is no report; the last one ended with {code}:\n{said}")


def _afterwards(chosen: tuple[Item, ...], clock: SharedClock) -> tuple[str, ...]:
    """Apply again when all is calm; the repositories that are still not as wanted."""
    _apply(clock, Settings(), "--no-wait")
    after = _repositories(chosen, clock)
    return tuple(
        item.name
        for item in chosen
        if item.kind is not Kind.BYSTANDER and not _as_wanted(item, after.get(item.id, {}).get("customOverlay"))
    )


def _as_wanted(item: Item, overlay: Any) -> bool:
    """Whether the sections that the manifest names are as it wants them: edits may have left others behind."""
    named = ("contents", "environment")
    now, wanted = verdict.meaning(overlay or {}), verdict.meaning(item.wanted or {})
    return all(now.get(section) == wanted.get(section) for section in named)


def _apply(clock: SharedClock, settings: Settings, *more: str) -> int:
    _SUMMARY.unlink(missing_ok=True)
    with open("stdout.txt", "w", encoding="utf-8") as out, open("stderr.txt", "w", encoding="utf-8") as err:  # noqa: PTH123 - read as what they are
        return main(
            ["apply", str(_MANIFEST), "--yes", "--format", f"json={_SUMMARY}", *more], _world(clock, settings, out, err)
        )


def _world(clock: SharedClock, settings: Settings, out: TextIO, err: TextIO) -> Context:
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


def _repositories(chosen: tuple[Item, ...], clock: SharedClock) -> dict[str, dict[str, Any]]:
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
