"""Packages that an image has under another name: `nodejs` is asked for, and `nodejs-24` provides it.

A locked configuration names what was installed, so that a provided name is not in it. Which packages provide a name
is known from the list of packages only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.core import constraints
from reconciler.core.builds import Build, BuildConfig, Result, Watch
from reconciler.core.matching import locked_version, serves
from reconciler.core.parts import Entry, Part, entries

Providers = Mapping[str, frozenset[str]]


def unnamed(build: Build, watch: Watch) -> tuple[Entry, ...]:
    """The wanted packages that a successful build was asked for, and that its locked configuration does not name."""
    if build.result is not Result.SUCCESS or build.config is None or build.locked is None:
        return ()
    asked, locked = _packages(build.config), _packages(build.locked)
    wanted = (entry for entry in entries(watch.after) if entry.part is Part.PACKAGES)
    return tuple(entry for entry in wanted if entry.key in asked and entry.key not in locked)


def named(build: Build, watch: Watch, providers: Providers) -> Build:
    """The build with every wanted package in its locked configuration for which that has one that provides it."""
    found = [entry for one in unnamed(build, watch) for entry in _provided(one, build, providers)]
    if build.locked is None or not found:
        return build
    locked = BuildConfig(entries=build.locked.entries.union(found), parts=build.locked.parts)
    return replace(build, locked=locked)


def _provided(wanted: Entry, build: Build, providers: Providers) -> Iterator[Entry]:
    """The wanted package, in the version of a package that provides it."""
    assert build.locked is not None
    locked = _packages(build.locked)
    for provider in sorted(providers.get(wanted.key, frozenset()) & locked.keys()):
        version = locked_version(locked[provider].value)
        spec = f"{wanted.key}={version}"
        # A name may be provided in a version of its own; that it fits was decided when the build was resolved.
        fits = version and constraints.parse(spec) is not None and serves(spec, wanted)
        yield Entry(Part.PACKAGES, wanted.key, spec if fits else wanted.value)
        return


def _packages(config: BuildConfig) -> dict[str, Entry]:
    return {entry.key: entry for entry in config.entries if entry.part is Part.PACKAGES}
