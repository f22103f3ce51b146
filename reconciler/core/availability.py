"""Wanted packages against those that an organisation may install: what is missing, and what has no fitting version.

Pure: reading what there is belongs to `engine.lookups`, and finding where the manifest asks for a package to
`core.asking`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reconciler.core.constraints import Constraint, parse, version_key
from reconciler.core.names import nearest
from reconciler.core.packages import PackageVersion
from reconciler.diagnostics import Diagnostic, Place, Severity

# The code of every problem here with how bad it is and what it means, for the documentation.
MEANINGS: Final[Mapping[str, tuple[Severity, str]]] = {
    "unknown-package": (Severity.ERROR, "The organisation may install no package of this name, and none provides it."),
    "no-such-version": (Severity.ERROR, "No version that there is meets the constraint."),
    "package-lacks-architecture": (
        Severity.WARNING,
        "The package is missing on an architecture that images are built for.",
    ),
    "packages-not-checked": (Severity.WARNING, "The API did not tell whether some packages exist."),
}
_MOST_NAMES = 3
# How apko spells what apk calls otherwise, and what stands for every architecture.
_SPELT = {"amd64": "x86_64", "arm64": "aarch64", "386": "x86", "arm/v7": "armv7", "arm/v6": "armhf"}
_EVERY = frozenset({"noarch", "all"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A package that one repository shall have, as it is written; `where` finds out where the manifest says so.

    Finding a place takes reading the file again, which is worth it for a package that something is wrong with.
    """

    repository: str
    spec: str
    where: Callable[[], Place | None] = field(default=lambda: None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """What is known: the versions by name, of the package itself or of those that provide it; no version is none.

    A name that `versions` does not hold was not looked up. `names` are for finding one that resembles a wrong one, and
    `architectures` those that images are known to be built for.
    """

    versions: Mapping[str, tuple[PackageVersion, ...]]
    names: tuple[str, ...] = ()
    architectures: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem with a package, and the repositories that it is in the way of."""

    diagnostic: Diagnostic
    repositories: tuple[str, ...]


def judge(asks: Collection[Ask], available: Available) -> tuple[Finding, ...]:
    """Every problem, once for each place that asks for the package."""
    architectures = _architectures(available)
    problems = {spec: _problem(spec, available, architectures) for spec in {ask.spec: None for ask in asks}}
    places: dict[tuple[Diagnostic, Place | None], dict[str, None]] = {}
    for ask in asks:
        problem = problems[ask.spec]
        if problem is not None:
            places.setdefault((problem, ask.where()), {})[ask.repository] = None
    found = [_at(problem, place, tuple(repositories)) for (problem, place), repositories in places.items()]
    return tuple(sorted(found, key=lambda one: (one.diagnostic.place or Place(file=""), one.diagnostic.summary)))


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, the first few of many."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _at(diagnostic: Diagnostic, place: Place | None, repositories: tuple[str, ...]) -> Finding:
    told = replace(diagnostic, detail=f"wanted in {listed(repositories)}", place=place)
    return Finding(diagnostic=told, repositories=repositories)


def _architectures(available: Available) -> frozenset[str]:
    """Every architecture that images are built for, or that any of the packages is there for."""
    there = (arch for found in available.versions.values() for one in found for arch in one.architectures)
    return frozenset(_SPELT.get(arch, arch) for arch in available.architectures.union(there)) - _EVERY


def _problem(spec: str, available: Available, architectures: frozenset[str]) -> Diagnostic | None:
    constraint = parse(spec)
    if constraint is None or constraint.name not in available.versions:
        return None
    found = available.versions[constraint.name]
    if not found:
        return _missing(constraint, available.names)
    fitting = [one for one in found if constraint.allows(one.version)]
    if not fitting:
        return _no_version(constraint, found)
    if any(not one.architectures or _EVERY.intersection(one.architectures) for one in fitting):
        return None
    lacking = architectures.difference(arch for one in fitting for arch in one.architectures)
    return _lacking(spec, sorted(lacking)) if lacking else None


def _missing(constraint: Constraint, names: Sequence[str]) -> Diagnostic:
    near = nearest(constraint.name, names)
    quoted = " or ".join(f'"{name}"' for name in near)
    meant = f"; did you mean {quoted}?" if near else ""
    return Diagnostic(
        code="unknown-package",
        summary=f'package "{constraint.name}" does not exist{meant}',
        hint="" if near else "the organisation may install nothing of this name; check its spelling",
    )


def _no_version(constraint: Constraint, found: Iterable[PackageVersion]) -> Diagnostic:
    versions = sorted({one.version for one in found if one.version}, key=version_key, reverse=True)
    there = listed(versions) if versions else "a name that others provide without a version"
    return Diagnostic(
        code="no-such-version",
        summary=f'no version of package "{constraint.name}" meets "{constraint.text}"; there is {there}',
        hint="ask for a version that there is, or for `name~version` to take any of its revisions",
    )


def _lacking(spec: str, lacking: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        code="package-lacks-architecture",
        severity=Severity.WARNING,
        summary=f'package "{spec}" is not there for {", ".join(lacking)}',
        hint="an image for that architecture will not build",
    )


def unchecked(problem: Diagnostic, names: Sequence[str]) -> Diagnostic:
    """The warning that packages could not be looked up."""
    return Diagnostic(
        code="packages-not-checked",
        severity=Severity.WARNING,
        summary=f"{len(names):,} package{'' if len(names) == 1 else 's'} could not be checked: {problem.summary}",
        detail=f"not known to exist: {listed(names)}",
        hint=problem.hint,
    )


def wanted(asks: Iterable[Ask]) -> Mapping[str, tuple[Constraint, ...]]:
    """Each distinct name that is asked for, with everything that is asked of it."""
    found: dict[str, dict[Constraint, None]] = {}
    for ask in asks:
        constraint = parse(ask.spec)
        if constraint is not None:
            found.setdefault(constraint.name, {})[constraint] = None
    return {name: tuple(constraints) for name, constraints in found.items()}
