"""The figures of a soak for people, as the page that `make soak` writes."""

import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from benchmarks.soaking.course import Soaked

_HEAD = """# The soak

Written by `make soak`. All repositories are written and their builds followed through the whole program against the
emulator, on a clock that only waiting moves, while at random: requests are answered with 429, 500, 502, 503 or 504
(before or after they took effect), delayed, dropped (before or after), garbled or cut in half, somebody else edits
repositories, the API is down for two minutes, old builds finish late, some builds fail. Afterwards every
repository is read from the emulator's own state and held against what the manifest wants and what the report said.
"""


def render(soaked: Soaked, *, now: float) -> str:
    """The page."""
    day = datetime.fromtimestamp(now, tz=UTC).date().isoformat()
    calls = sum(soaked.asked.values())
    facts = {
        "date": day,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "repositories": str(soaked.count),
        "seed": str(soaked.seed),
        "exit code of the apply": str(soaked.exit_code),
        "took": f"{soaked.seconds:.0f} s, for {soaked.virtual_seconds / 60:.0f} min on the program's clock",
        "calls": f"{calls}; the least possible is {soaked.least}",
        "the least": f"1 list, 2 calls for each of {soaked.written} writes and for each of {soaked.looks} looks",
        "memory": _memory(soaked.memory),
        "should not have happened": str(len(soaked.verdict.breaches)),
        "not as wanted after a second apply in calm": str(len(soaked.calm)),
    }
    parts = [
        _HEAD,
        _table("", "", facts),
        "## How the repositories ended\n",
        _table("end", "repositories", soaked.verdict.ends),
        "## Builds\n",
        _table("", "", _builds(soaked)),
        "## Calls\n",
        _table("call", "sent", dict(sorted(soaked.asked.items()))),
        "## What was played\n",
        _table("effect", "times", dict(sorted(soaked.played.items()))),
        *_sentences("What should not have happened", soaked.verdict.breaches),
        *_sentences("Not as wanted in the end", soaked.calm),
    ]
    return "\n".join(parts).rstrip("\n") + "\n"


def _builds(soaked: Soaked) -> dict[str, int]:
    builds = soaked.summary["builds"]
    named = {"unfinished repositories": builds["unfinished"], "failures named": builds["failures"]}
    figures = {key: value for key, value in builds.items() if type(value) is int}
    return {**figures, **{key: len(value) for key, value in named.items()}}


def _memory(sizes: tuple[float, ...]) -> str:
    if not sizes:
        return "no look was taken"
    # At a single look there may be anything between two answers in memory; what grows shows in the most there ever is.
    half = max(1, len(sizes) // 2)
    first, second = max(sizes[:half]), max(sizes[half:], default=sizes[-1])
    return (
        f"{first:.0f} MB at most in the first half of the {len(sizes)} looks asked for, {second:.0f} MB in the second "
        f"({100 * (second / first - 1):+.1f} %), emulator included"
    )


def _table(left: str, right: str, rows: Mapping[str, object]) -> str:
    lines = [f"| {left} | {right} |", "| --- | --- |", *(f"| {key} | {value} |" for key, value in rows.items())]
    return "\n".join(lines) + "\n"


def _sentences(title: str, items: Iterable[str]) -> list[str]:
    lines = [f"- {item}" for item in items]
    return [f"## {title}\n", *lines] if lines else []
