"""Check the packages that a plan requests against those that the organization may install.

Covers missing packages and unsatisfied versions, and where the manifest requests each package. The engine reads the
available packages.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reconciler.core.diff import Field
from reconciler.core.layers import LayerItem, group_problems, winning_items
from reconciler.core.overlay import package_name
from reconciler.core.packages import KIND, Constraint, PackageVersion, parse_constraint, version_key
from reconciler.core.plan import Plan
from reconciler.core.steps import Action, Reason, ReasonCode, Step
from reconciler.core.version_templates import Tags, expanded, is_templated
from reconciler.diagnostics import Diagnostic, KnownNames, Place, Severity, did_you_mean, listed, plural

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
