"""Proof: whether a build that succeeded contains what was asked for.

The locked configuration that a report gives is the evidence, else the one that the build was asked for. Which builds
count is `core.builds`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.core.builds import Build, BuildConfig, Progress, Result, Watch, holds, missing
from reconciler.core.matching import locked_version, virtual
from reconciler.core.parts import Entry, Part, entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """All that was asked is there; `versions` are those that the wanted packages were resolved to, where it tells."""

    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What was asked and is not there."""

    missing: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """The report does not tell of these entries, and lacks none that it tells of."""

    entries: tuple[Entry, ...]


Proof = Proven | Lacking | Untold


def prove(build: Build, watch: Watch) -> Proof:
    """What a build's configuration proves of what was written to the repository."""
    wanted = tuple(entry for entry in entries(watch.after) if _provable(entry))
    content = build.content
    if content is None:
        return Untold(entries=wanted)
    absent = missing(content, wanted)
    if absent:
        return Lacking(missing=absent)
    untold = tuple(entry for entry in wanted if not _told(entry, content))
    return Untold(entries=untold) if untold else Proven(versions=_versions(wanted, content))


def _provable(entry: Entry) -> bool:
    """Fields that this version does not know were not asked for but kept, and no report can be read for them."""
    return entry.part is not Part.UNRECOGNISED


def _told(entry: Entry, config: BuildConfig) -> bool:
    return entry.part in config.parts and (not virtual(entry) or holds(config, entry))


def verified(progress: Iterable[Progress]) -> tuple[int, int]:
    """Of all that successful builds made: how many digests are proven, and how many there are.

    Two builds can come to the same digest, which then is one; it is proven when each of them is.
    """
    proven: dict[tuple[str, str], bool] = {}
    for one in progress:
        for build in one.builds:
            if build.result is Result.SUCCESS:
                key = (one.watch.id, build.digest or build.id)
                proven[key] = proven.get(key, True) and isinstance(prove(build, one.watch), Proven)
    return sum(proven.values()), len(proven)


def _versions(wanted: Iterable[Entry], config: BuildConfig) -> Mapping[str, str]:
    names = {entry.key for entry in wanted if entry.part is Part.PACKAGES}
    found = {one.key: locked_version(one.value) for one in config.entries if one.part is Part.PACKAGES}
    return {name: found[name] for name in sorted(names) if found.get(name)}
