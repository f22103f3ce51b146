"""Check wanted packages against those that an organization may install.

Covers apk's version order and constraints, missing packages and unsatisfied versions, and where the manifest requests
each package. The engine reads the available packages.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from reconciler.core.diff import Field
from reconciler.core.layers import LayerItem, group_problems, winning_items
from reconciler.core.overlay import package_name, package_spec
from reconciler.core.plan import Plan
from reconciler.core.steps import Action, Reason, ReasonCode, Step
from reconciler.core.version_templates import Tags, expanded, is_templated
from reconciler.diagnostics import Diagnostic, KnownNames, Place, Severity, did_you_mean, listed, plural

_SPEC = re.compile(
    r"(?P<name>[^=<>~@]+)(?:(?P<operator>>=|<=|~=|=~|[=<>~])(?P<version>[^=<>~@]+(?:~[0-9a-f]+(?:-r\d+)?)?))?(?:@(?P<tag>[^@]+))?"
)
_VERSION = re.compile(r"\d+(?:\.\d+)*[a-z]?(?:_[a-z]+\d*)*(?:~[0-9a-f]+)?(?:-r\d+)?")
_PIECE = re.compile(
    r"(?P<number>(?:^|\.)\d+)|_(?P<suffix>[a-z]+)(?P<count>\d*)|(?P<letter>[a-z])|~(?P<commit>[0-9a-f]+)|-r(?P<revision>\d+)"
)

# Suffixes that sort before the plain version, and those after it, each in order.
_BEFORE = ("alpha", "beta", "pre", "rc")
_AFTER = ("cvs", "svn", "git", "hg", "p")

# If two versions differ in the kind of the next piece, the kind decides: 1.2_rc1 < 1.2 < 1.2-r1 < 1.2_p1 < 1.2a < 1.2.1
_SUFFIX_BEFORE, _END, _REVISION, _COMMIT, _SUFFIX_AFTER, _LETTER, _NUMBER = range(7)

Piece = tuple[int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One package specification; `operator` and `version` are empty for any version, `tag` is empty for none."""

    text: str
    name: str
    operator: str = ""
    version: str = ""
    tag: str = ""

    def allows(self, version: str) -> bool:
        """Return whether a version of the package satisfies the constraint."""
        match self.operator:
            case "":
                return True
            case "=":
                return _equal(version, self.version)
            case "~" | "~=" | "=~":
                return _begins(version, self.version)
            case _:
                return _ordered(self.operator, version_key(version), version_key(self.version))


@lru_cache(maxsize=4096)
def parse_constraint(text: str) -> Constraint | None:
    """Return the constraint of a specification; None if it is malformed."""
    match = _SPEC.fullmatch(package_spec(text))
    if match is None:
        return None
    return Constraint(
        text=text,
        name=match["name"],
        operator=match["operator"] or "",
        version=match["version"] or "",
        tag=match["tag"] or "",
    )


@lru_cache(maxsize=4096)
def version_key(version: str) -> tuple[Piece, ...]:
    """Return a sort key in apk's order of versions; malformed versions come first, ordered as text."""
    if _VERSION.fullmatch(version) is None:
        return ((-1, 0, version),)
    return (*_pieces(version), (_END, 0, ""))


def _pieces(version: str) -> tuple[Piece, ...]:
    return tuple(_piece(match) for match in _PIECE.finditer(version))


def _piece(match: re.Match[str]) -> Piece:
    if match["number"]:
        digits = match["number"].removeprefix(".")
        # A later number with a leading zero is a fraction: 1.05 < 1.5 < 1.10.
        fraction = match["number"] != digits and digits.startswith("0")
        return (_NUMBER, -1, digits) if fraction else (_NUMBER, *_number(digits))
    if match["suffix"]:
        return _suffix(match["suffix"], match["count"])
    if match["letter"]:
        return _LETTER, 0, match["letter"]
    if match["commit"]:
        return _COMMIT, 0, match["commit"]
    return _REVISION, *_number(match["revision"])


def _number(digits: str) -> tuple[int, str]:
    """Return a sort key for a whole number of any length, by length and digits."""
    significant = digits.lstrip("0")
    return len(significant), significant


def _suffix(word: str, digits: str) -> Piece:
    length, count = _number(digits)
    ordered = f"{length:020} {count}"
    if word in _BEFORE:
        return _SUFFIX_BEFORE, _BEFORE.index(word), ordered
    return _SUFFIX_AFTER, _AFTER.index(word) if word in _AFTER else len(_AFTER), ordered


def _equal(version: str, wanted: str) -> bool:
    # Without a revision r0 is meant: apko treats 1.2 and 1.2-r0 as the same version.
    return version.removesuffix("-r0") == wanted.removesuffix("-r0")


def _begins(version: str, wanted: str) -> bool:
    """Return whether a version begins with the wanted one, component by component: `1.2` allows 1.2.3, not 1.20."""
    if _VERSION.fullmatch(wanted) is None or _VERSION.fullmatch(version) is None:
        return version == wanted
    asked = _pieces(wanted)
    return _pieces(version)[: len(asked)] == asked


def _ordered(operator: str, left: tuple[Piece, ...], right: tuple[Piece, ...]) -> bool:
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator]


# `cmd:curl`, `so:libssl.so.3`, `pc:zlib`: virtual names, which packages only provide.
KIND = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageVersion:
    """One version of a package; `provides` are its further names, possibly with a version.

    Empty architectures are unknown.
    """

    name: str
    version: str
    architectures: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePage:
    """A page of the package list; `after` is the next page, and `total` counts all if known."""

    packages: tuple[PackageVersion, ...]
    after: str = ""
    total: int | None = None


def join_architectures(packages: Iterable[PackageVersion]) -> tuple[PackageVersion, ...]:
    """Return each version of a package once, with all its architectures, ordered by name and version."""
    found: dict[tuple[str, str], list[PackageVersion]] = {}
    for one in packages:
        found.setdefault((one.name, one.version), []).append(one)
    return tuple(
        PackageVersion(
            name=name,
            version=version,
            architectures=tuple(sorted({arch for one in several for arch in one.architectures})),
            provides=tuple(sorted({text for one in several for text in one.provides})),
        )
        for (name, version), several in sorted(found.items())
    )


def versions_by_name(
    names: Iterable[str], packages: Iterable[PackageVersion]
) -> Mapping[str, tuple[PackageVersion, ...]]:
    """Return the packages by own or provided name, each in its version under that name.

    The version is "" if a package provides the name without one.
    """
    found: dict[str, list[PackageVersion]] = {name: [] for name in names}
    for package in packages:
        if package.name in found:
            found[package.name].append(package)
        for text in package.provides:
            provided = parse_constraint(text) if text.partition("=")[0] in found else None
            if provided is not None:
                under = PackageVersion(name=package.name, version=provided.version, architectures=package.architectures)
                found[provided.name].append(under)
    return {name: tuple(dict.fromkeys(versions)) for name, versions in found.items()}


def known_names(packages: Iterable[PackageVersion], kinds: Iterable[str]) -> tuple[str, ...]:
    """Return candidates for a mistyped name: package names, and provided names of some kinds (`cmd:`)."""
    starts = tuple(kinds)
    found: set[str] = set()
    for package in packages:
        found.add(package.name)
        if starts:
            found.update(text.partition("=")[0] for text in package.provides if text.startswith(starts))
    return tuple(sorted(found))


def listed_names(packages: Iterable[PackageVersion]) -> frozenset[str]:
    """Return every own and provided name of packages."""
    found: set[str] = set()
    for package in packages:
        found.add(package.name)
        found.update(text.partition("=")[0] for text in package.provides)
    return frozenset(found)


def kind_of(name: str) -> str:
    """Return the kind of a virtual name, such as `cmd:`; empty for a name that a package may have."""
    kind, mark, _ = name.partition(KIND)
    return kind + mark if mark else ""


def constraints_met(constraints: Iterable[Constraint], versions: Iterable[PackageVersion]) -> bool:
    """Return whether each of the constraints is satisfied by some version."""
    there = [one.version for one in versions]
    return all(any(constraint.allows(version) for version in there) for constraint in constraints)


# Severity and meaning of each code, for docs/diagnostics.md.
PACKAGE_CODES: Final[Mapping[str, tuple[Severity, str]]] = {
    "unknown-package": (Severity.ERROR, "No package that the organization may install has or provides this name."),
    "no-such-version": (Severity.ERROR, "No available version satisfies the constraint."),
    "package-not-available": (
        Severity.ERROR,
        "The package is in the catalog, but not available to the organization.",
    ),
    "package-not-listed": (
        Severity.WARNING,
        "The package is not in the organization's package list, which is incomplete: it may exist.",
    ),
    "package-lacks-architecture": (
        Severity.WARNING,
        "The package is not available for an architecture that images are built for.",
    ),
    "package-template-not-checked": (
        Severity.NOTE,
        "A package is named by `{{major}}` or `{{minor}}`, and no tag of the repository contains the version.",
    ),
    "packages-not-checked": (Severity.WARNING, "The API could not be asked whether some packages exist."),
}
# Architectures that apk and apko spell differently, and the name for all architectures.
_SPELLED = {"amd64": "x86_64", "arm64": "aarch64", "386": "x86", "arm/v7": "armv7", "arm/v6": "armhf"}
_EVERY = frozenset({"noarch", "all"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRequest:
    """A package that a plan requests, with the steps that request it; `written` is the template of its name, if any."""

    spec: str
    written: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """The available packages: versions by name, own or provided; an empty list means that the package does not exist.

    A name missing from `versions` was not looked up. `names` are candidates for a mistyped name, and `architectures`
    those of existing images. `in_use` are the packages of existing images, with their known versions; `listed` are all
    own and provided names, None if the list was not read. `elsewhere` are names that the catalog has, but not for the
    organization.
    """

    versions: Mapping[str, tuple[PackageVersion, ...]]
    names: tuple[str, ...] = ()
    architectures: frozenset[str] = frozenset()
    in_use: Mapping[str, frozenset[str]] = field(default_factory=dict)
    listed: frozenset[str] | None = None
    elsewhere: frozenset[str] = frozenset()

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Return packages of existing images that are missing from the list, which proves it incomplete."""
        there = self.listed or ()
        return tuple(sorted(name for name in self.in_use if KIND not in name and name not in there))


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageProblem:
    """A problem with a package, and the repositories that it blocks."""

    diagnostic: Diagnostic
    repositories: tuple[str, ...]


def check_packages(requests: Iterable[PackageRequest], available: Available) -> tuple[PackageProblem, ...]:
    """Return every problem, once for each place that requests the package."""
    architectures = _architectures(available)
    known = KnownNames(available.names)
    places: dict[tuple[Diagnostic, Place | None], dict[str, None]] = {}
    for request in requests:
        problem = _problem(request.spec, available, known, architectures)
        if problem is not None:
            name = package_name(request.written or request.spec)
            for step in request.steps:
                places.setdefault((problem, package_place(step, name)), {})[step.repository] = None
    found = [_at(problem, place, tuple(repositories)) for (problem, place), repositories in places.items()]
    return tuple(sorted(found, key=lambda one: (one.diagnostic.place or Place(file=""), one.diagnostic.summary)))


def _at(diagnostic: Diagnostic, place: Place | None, repositories: tuple[str, ...]) -> PackageProblem:
    located = replace(diagnostic, repositories=repositories, place=place)
    return PackageProblem(diagnostic=located, repositories=repositories)


def _architectures(available: Available) -> frozenset[str]:
    """Return every architecture of the images, or of any of the packages."""
    there = (arch for found in available.versions.values() for one in found for arch in one.architectures)
    return frozenset(_SPELLED.get(arch, arch) for arch in available.architectures.union(there)) - _EVERY


def _problem(spec: str, available: Available, known: KnownNames, architectures: frozenset[str]) -> Diagnostic | None:
    constraint = parse_constraint(spec)
    if constraint is None or constraint.name not in available.versions:
        return None
    if any(map(constraint.allows, available.in_use.get(constraint.name, ()))):
        return None  # an existing image has it, so it exists
    found = available.versions[constraint.name]
    if not found:
        return _missing(constraint.name, available, known)
    fitting = [one for one in found if constraint.allows(one.version)]
    if not fitting:
        return _no_version(constraint, found)
    if any(not one.architectures or _EVERY.intersection(one.architectures) for one in fitting):
        return None
    lacking = architectures.difference(arch for one in fitting for arch in one.architectures)
    return _lacking(spec, sorted(lacking)) if lacking else None


def _missing(name: str, available: Available, known: KnownNames) -> Diagnostic:
    if name in available.elsewhere:
        return Diagnostic(
            code="package-not-available",
            summary=f'package "{name}" is not available to the organization',
            hint="ask Chainguard for access (the package is in the catalog), or remove it",
        )
    if available.listed is not None and ((unlisted := available.unlisted) or not available.listed):
        lacks = f"is incomplete: images contain {listed(unlisted)}, also not listed" if available.listed else "is empty"
        return Diagnostic(
            code="package-not-listed",
            severity=Severity.WARNING,
            summary=f'package "{name}" is not in the organization\'s package list, which {lacks}',
            hint="check the spelling; `--resolve`, the default, asks the API whether it can be installed",
        )
    # Replacing a FIPS package by a legacy one would defeat its purpose.
    near = [one for one in known.nearest(name) if not ("fips" in name and "legacy" in one)]
    meant = f"; {did_you_mean(near)}" if near else ""
    return Diagnostic(
        code="unknown-package",
        summary=f'package "{name}" does not exist{meant}',
        hint="" if near else "check the spelling, and that the package is available to the organization",
    )


def _no_version(constraint: Constraint, found: Iterable[PackageVersion]) -> Diagnostic:
    versions = sorted({one.version for one in found if one.version}, key=version_key, reverse=True)
    there = listed(versions) if versions else "a virtual package without a version"
    return Diagnostic(
        code="no-such-version",
        summary=f'no version of package "{constraint.name}" satisfies "{constraint.text}"; available: {there}',
        hint="request an available version, or use `name~version` to accept any revision",
    )


def _lacking(spec: str, lacking: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        code="package-lacks-architecture",
        severity=Severity.WARNING,
        summary=f'package "{spec}" is not available for {", ".join(lacking)}',
        hint="remove it, or expect the builds for that architecture to fail",
    )


def packages_not_checked(problem: Diagnostic, names: Sequence[str]) -> Diagnostic:
    """Return the warning that packages could not be looked up."""
    return Diagnostic(
        code="packages-not-checked",
        severity=Severity.WARNING,
        summary=f"could not check {plural(len(names), 'package')}: {problem.summary}",
        detail=f"not checked: {listed(names)}",
        hint=problem.hint,
    )


def requested_constraints(requests: Iterable[PackageRequest]) -> Mapping[str, tuple[Constraint, ...]]:
    """Return each distinct requested name with all constraints on it."""
    found: dict[str, dict[Constraint, None]] = {}
    for request in requests:
        constraint = parse_constraint(request.spec)
        if constraint is not None:
            found.setdefault(constraint.name, {})[constraint] = None
    return {name: tuple(constraints) for name, constraints in found.items()}


def package_requests(plan: Plan, tags: Tags) -> tuple[PackageRequest, ...]:
    """Return each distinct package of the repositories that the plan writes, unchanged ones included.

    A template is expanded for the streams of the repository; none if these are unknown.
    """
    found: dict[tuple[str, str], list[Step]] = {}
    for step, spec in _wanted(plan):
        for one in _expansions(step, spec, tags):
            found.setdefault((one, spec), []).append(step)
    return tuple(PackageRequest(spec=one, written=spec, steps=tuple(steps)) for (one, spec), steps in found.items())


def _wanted(plan: Plan) -> Iterator[tuple[Step, str]]:
    return ((step, spec) for step in plan.writes if step.after is not None for spec in step.after.packages)


def _expansions(step: Step, spec: str, tags: Tags) -> tuple[str, ...]:
    return expanded(spec, tags.get(step.id or "", ())) if is_templated(spec) else (spec,)


def templates_not_checked(plan: Plan, tags: Tags) -> Iterator[Diagnostic]:
    """Return a note for each package named by a template with unknown expansion."""
    unknown = ((step, spec) for step, spec in _wanted(plan) if not _expansions(step, spec, tags))
    return group_problems((step.repository, _template_not_checked(step, spec)) for step, spec in unknown)


def _template_not_checked(step: Step, spec: str) -> Diagnostic:
    return Diagnostic(
        code="package-template-not-checked",
        severity=Severity.NOTE,
        summary=f'package "{spec}" was not checked: the versions of the streams are not known',
        place=package_place(step, package_name(spec)),
    )


def manifest_packages(step: Step) -> Mapping[str, LayerItem]:
    """Return the manifest's items for the packages of a step, by package name."""
    return winning_items(step.entry.layers, Field.PACKAGES) if step.entry is not None else {}


def package_place(step: Step, name: str) -> Place | None:
    """Return where the manifest requests a package of a step; the place of the step for a live-only one."""
    item = manifest_packages(step).get(name)
    return step.place if item is None else item.place(Field.PACKAGES, name)


def block_steps(plan: Plan, findings: Iterable[PackageProblem], code: ReasonCode) -> Plan:
    """Return the plan with every step blocked that has an error."""
    why: dict[str, dict[str, None]] = {}
    for one in findings:
        if one.diagnostic.severity is Severity.ERROR:
            for repository in one.repositories:
                why.setdefault(repository, {})[one.diagnostic.summary] = None
    steps = tuple(
        replace(step, action=Action.BLOCKED, reason=Reason(code=code, names=tuple(why[step.repository])))
        if step.writes and step.repository in why
        else step
        for step in plan.steps
    )
    return replace(plan, steps=steps)
