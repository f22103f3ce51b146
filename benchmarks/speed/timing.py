"""Whole processes, timed in turn: a round runs every case once, so that a machine which slows down hurts all alike."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A process to time; `codes` are the exit codes that say it did its work."""

    argv: Sequence[str | Path]
    env: Mapping[str, str] | None = None
    codes: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process took: seconds of time and of CPU, megabytes at its largest, and what it told of itself."""

    wall: float
    cpu: float
    peak: float
    told: tuple[float, ...] = ()


class CaseFailedError(Exception):
    """A case did not do its work, so that its time means nothing."""


def apart(cases: Mapping[str, Case], *, rounds: int) -> dict[str, Cost]:
    """`interleaved`, in a small process: the largest that a process ever was counts to those that it starts."""
    told = {name: {**asdict(case), "argv": [str(word) for word in case.argv]} for name, case in cases.items()}
    words = [sys.executable, "-m", "benchmarks.speed.timing", str(rounds)]
    done = subprocess.run(
        words, input=json.dumps(told), stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    return {name: Cost(**cost) for name, cost in json.loads(done.stdout).items()}


def interleaved(cases: Mapping[str, Case], *, rounds: int) -> dict[str, Cost]:
    """The medians of each case; one round before them warms up files and bytecode."""
    taken: dict[str, list[Cost]] = {name: [] for name in cases}
    for turn in range(rounds + 1):
        for name, case in cases.items():
            cost = once(name, case)
            if turn:
                taken[name].append(cost)
    return {name: _median(costs) for name, costs in taken.items()}


def once(name: str, case: Case) -> Cost:
    """Run a case; numbers that it prints on its first line are what it tells of itself."""
    reading, writing = os.pipe()
    started = time.perf_counter()
    pid = os.posix_spawnp(
        str(case.argv[0]),
        [str(word) for word in case.argv],
        _environment(case),
        file_actions=[
            (os.POSIX_SPAWN_DUP2, writing, 1),
            (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
            (os.POSIX_SPAWN_CLOSE, reading),
        ],
    )
    os.close(writing)
    head = _drain(reading)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) not in case.codes:
        raise CaseFailedError(f"{name}: exit {os.waitstatus_to_exitcode(status)}")
    return Cost(wall=wall, cpu=used.ru_utime + used.ru_stime, peak=used.ru_maxrss / 1024, told=_numbers(head))


def _environment(case: Case) -> dict[str, str]:
    # Without bytecode start-up would look more than twice as dear as it is.
    base = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**base, "CHAINGUARD_TOKEN": "invented", **(case.env or {})}


def _drain(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        head = stream.read(1 << 16) or b""
        while stream.read(1 << 16):
            pass
    return head


def _numbers(head: bytes) -> tuple[float, ...]:
    words = head.partition(b"\n")[0].split()
    try:
        return tuple(float(word) for word in words)
    except ValueError:
        return ()


def _median(costs: Sequence[Cost]) -> Cost:
    told = zip(*(cost.told for cost in costs), strict=True)
    return Cost(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        peak=statistics.median(cost.peak for cost in costs),
        told=tuple(statistics.median(values) for values in told),
    )


if __name__ == "__main__":
    given = {name: Case(**case) for name, case in json.load(sys.stdin).items()}
    found = interleaved(given, rounds=int(sys.argv[1]))
    json.dump({name: asdict(cost) for name, cost in found.items()}, sys.stdout)
