"""The forecast of the builds that a plan starts, from tags and recent builds."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from reconciler.core.builds import Build, Result
from reconciler.core.steps import Step, TagEffect

# A write starts the builds of all tags of a repository together: builds that started within so many seconds count as
# one wave.
WAVE = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Median and maximum duration of `of` successful builds, in seconds."""

    middle: float
    longest: float
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildForecast:
    """Forecast for `repositories` writes.

    `builds` leaves out the repositories in `unknown`, of which neither tags nor recent builds are known. `durations` is
    None where no build succeeded lately.
    """

    repositories: int
    builds: int
    unknown: tuple[str, ...] = ()
    durations: Durations | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoForecast:
    """Forecast without build reports, with the reason."""

    problem: str


Forecast: TypeAlias = BuildForecast | NoForecast


def make_forecast(
    writes: Sequence[Step],
    tag_counts: Mapping[str, int],
    builds: Iterable[Build],
    *,
    effects: Sequence[TagEffect] = (),
) -> BuildForecast:
    """Return the builds that the writes will start: one for each active tag, or for each tag of the effects.

    `tag_counts` are their numbers by repository id, as far as the API named the tags; for other repositories the
    largest wave of recent builds stands in. A repository that is going to be created counts as the one that it is made
    from: it follows the same source.
    """
    recent = _by_repository(builds)
    counts = {one.repository: _count(one.id or "", tag_counts, recent) for one in writes}
    tags: Counter[str] = Counter()
    for effect in effects:
        tags[effect.repository] += len(effect.tags)
    counts |= {name: count for name, count in tags.items() if name not in counts}
    written = {step.id for step in writes} | {effect.id for effect in effects}
    return BuildForecast(
        repositories=len(counts),
        builds=sum(counts.values()),
        unknown=tuple(sorted(name for name, count in counts.items() if not count)),
        durations=_durations(build for id_, found in recent.items() if id_ in written for build in found),
    )


def _count(id_: str, tag_counts: Mapping[str, int], recent: Mapping[str, Sequence[Build]]) -> int:
    return tag_counts.get(id_, 0) or _largest_wave(recent.get(id_, ()))


def _by_repository(builds: Iterable[Build]) -> Mapping[str, list[Build]]:
    found: dict[str, list[Build]] = {}
    for build in builds:
        found.setdefault(build.repository_id, []).append(build)
    return found


def _largest_wave(builds: Iterable[Build]) -> int:
    """Return the largest number of builds that started within `WAVE` seconds."""
    starts = sorted(build.started for build in builds if build.started is not None)
    return max((bisect_right(starts, start + WAVE) - place for place, start in enumerate(starts)), default=0)


def _durations(builds: Iterable[Build]) -> Durations | None:
    # A failure often happens early and does not indicate the duration of a build.
    took = [
        max(build.ended - build.started, 0.0)
        for build in builds
        if build.result is Result.SUCCESS and build.started is not None and build.ended is not None
    ]
    if not took:
        return None
    return Durations(middle=median(took), longest=max(took), of=len(took))
