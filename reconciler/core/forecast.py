"""What a plan will set going: how many builds, in how many repositories, and how long such builds have taken lately.

An estimate from recent build reports, which holds no promise: the API says neither how many builds a write will start
nor how long they will take. Reading the reports and wording the result belong elsewhere.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.core.builds import Build, Result
from reconciler.core.plan import Step

# A write starts the builds of all tags of a repository together: what began within so many seconds is taken for one
# such occasion.
WAVE = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long successful builds took, in seconds: in the middle, at most, and of how many that is said."""

    middle: float
    longest: float
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What is expected of `repositories` writes.

    `builds` leaves out the repositories in `unknown`, of which neither tags nor recent builds are known. `durations` is
    None where no build succeeded lately.
    """

    repositories: int
    builds: int
    unknown: tuple[str, ...] = ()
    durations: Durations | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unforeseen:
    """The reports could not be read, and why."""

    problem: str


Forecast: TypeAlias = Foreseen | Unforeseen


def forecast(writes: Sequence[Step], streams: Mapping[str, int], builds: Iterable[Build]) -> Foreseen:
    """What the writes will set going: one build for each tag that is kept up to date.

    `streams` are their numbers by repository id, as far as the API named the tags; for other repositories the largest
    wave of recent builds stands in. A repository that is going to be created counts as the one that it is made from: it
    follows the same source.
    """
    recent = _by_repository(builds)
    counts = {one.repository: _count(one.id or "", streams, recent) for one in writes}
    written = {step.id for step in writes}
    return Foreseen(
        repositories=len(writes),
        builds=sum(counts.values()),
        unknown=tuple(sorted(name for name, count in counts.items() if not count)),
        durations=_durations(build for id_, found in recent.items() if id_ in written for build in found),
    )


def _count(id_: str, streams: Mapping[str, int], recent: Mapping[str, Sequence[Build]]) -> int:
    return streams.get(id_, 0) or _largest_wave(recent.get(id_, ()))


def _by_repository(builds: Iterable[Build]) -> Mapping[str, list[Build]]:
    found: dict[str, list[Build]] = {}
    for build in builds:
        found.setdefault(build.repository_id, []).append(build)
    return found


def _largest_wave(builds: Iterable[Build]) -> int:
    """The most builds that began within `WAVE` seconds."""
    starts = sorted(build.started for build in builds if build.started is not None)
    return max((bisect_right(starts, start + WAVE) - place for place, start in enumerate(starts)), default=0)


def _durations(builds: Iterable[Build]) -> Durations | None:
    # A failure often comes early and says nothing about how long a build takes.
    took = [
        max(build.ended - build.started, 0.0)
        for build in builds
        if build.result is Result.SUCCESS and build.started is not None and build.ended is not None
    ]
    if not took:
        return None
    from statistics import median  # imports more than the rest of a small plan does

    return Durations(middle=median(took), longest=max(took), of=len(took))
