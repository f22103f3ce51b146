"""The effect of resolved packages on a plan: whether its images will build, and what they contain.

`core.bases` has the questions. The engine sends them; the answers arrive here as plain values.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reconciler.core.availability import PackageProblem, block_steps, manifest_packages, package_place
from reconciler.core.bases import NO_RECORD, Base, BuildRecord
from reconciler.core.diff import ChangeKind, Field
from reconciler.core.overlay import package_name
from reconciler.core.plan import Plan
from reconciler.core.steps import ReasonCode, Step, WillBuild
from reconciler.diagnostics import Diagnostic, Place, Severity, listed, quoted


def will_build(record: BuildRecord, *, resolves: bool | None, mends: bool) -> WillBuild:
    """Return whether images will build after a change.

    `resolves` tells whether the packages with the change can be installed together, None where that is not known;
    `mends` that those of the failing builds cannot.
    """
    if record.works is False:
        return WillBuild.WOULD_FIX if resolves and mends else WillBuild.FAILS_ALREADY
    if resolves is None:
        return WillBuild.UNKNOWN
    if resolves:
        return WillBuild.YES
    return WillBuild.WOULD_BREAK if record.works else WillBuild.NO


# Severity and meaning of each code, for docs/diagnostics.md.
RESOLUTION_CODES: Final[Mapping[str, tuple[Severity, str]]] = {
    "does-not-resolve": (Severity.ERROR, "The API reports that an image with these packages cannot be built."),
    "fails-already": (
        Severity.WARNING,
        "The latest builds fail, and the API reports that an image with these packages still cannot be built.",
    ),
    "resolution-not-checked": (
        Severity.WARNING,
        "The packages could not be checked for installing together; an error with `require_resolve`.",
    ),
    "resolves-in-part": (
        Severity.WARNING,
        "The packages of some tags can be installed in a part of the repository's images only.",
    ),
    "already-in-image": (Severity.NOTE, "The image already contains the added package."),
}
_NO_BUILD = "the repository has no successful build in the last {days} days to take the image's packages from"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionFailure:
    """A repository whose packages cannot be installed, in the API's words, and the place to look at.

    `packages` are those of the manifest that the API names, else those that are new. `already` tells that the latest
    builds fail for their packages, too. Where nothing is known, those of one `cause` are told together.
    """

    repository: str
    message: str
    hint: str = ""
    place: Place | None = None
    packages: tuple[str, ...] = ()
    already: bool = False
    cause: str = ""


def resolution_failure(step: Step, message: str, *, already: bool = False) -> ResolutionFailure:
    """Return the failure of a step, at the place of the first package that the API names, else of the repository."""
    known = manifest_packages(step)
    added = tuple(name for name in _added(step) if name in known)
    named = _named(message, known)
    # A new package is more likely the cause than an existing one.
    culprits = tuple(sorted(named, key=lambda name: name not in added)) or added
    place = known[culprits[0]].place(Field.PACKAGES, culprits[0]) if culprits else step.place
    return ResolutionFailure(
        repository=step.repository, message=message, place=place, packages=culprits, already=already
    )


def _named(message: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that the API's message mentions, in its order; `curl-8.1-r0` mentions curl."""
    words = "".join(char if char.isalnum() or char in "-_.+:" else " " for char in message).split()
    longest = sorted(names, key=len, reverse=True)
    found = (next((name for name in longest if _means(word.strip(".:"), name)), None) for word in words)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _means(word: str, name: str) -> bool:
    return word == name or (word.startswith(f"{name}-") and word[len(name) + 1 : len(name) + 2].isdigit())


def resolution_errors(found: Iterable[ResolutionFailure]) -> tuple[PackageProblem, ...]:
    """Return an error for each failure, one for all repositories that share it; a warning if they fail already."""
    return _gathered(found, lambda one, names: (_still_failing if one.already else _not_resolving)(one, names))


def _not_resolving(one: ResolutionFailure, names: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        code="does-not-resolve",
        summary=f"{_cannot(one.packages)} in {listed(names)}",
        detail=one.message,
        hint="change the package list so that it resolves",
    )


def _still_failing(one: ResolutionFailure, names: Sequence[str]) -> Diagnostic:
    return Diagnostic(
        code="fails-already",
        severity=Severity.WARNING,
        summary=f"the builds of {listed(names)} fail already, and would fail with this change",
        detail=one.message,
        hint="change the package list so that it resolves",
    )


def _cannot(names: Sequence[str]) -> str:
    match [f'"{name}"' for name in names]:
        case []:
            return "the packages of the image cannot be installed together"
        case [one]:
            return f"package {one} cannot be installed"
        case [one, other]:
            return f"packages {one} and {other} cannot be installed together"
        case several:
            return f"packages {listed(several)} cannot be installed together"


def partly_resolving(image: Step, message: str, images: int, of: int) -> PackageProblem:
    """Return the warning that the packages of some tags resolve in a part of the repository's images only."""
    problem = Diagnostic(
        code="resolves-in-part",
        severity=Severity.WARNING,
        summary=f"{image.repository}: the packages cannot be installed in {images} of {of} images of the repository",
        detail=message,
        hint="bind the overlay to the tags where they can be installed",
        place=image.place,
    )
    return PackageProblem(diagnostic=problem, repositories=(image.repository,))


def resolution_warnings(found: Iterable[ResolutionFailure]) -> tuple[PackageProblem, ...]:
    """Return a warning for each reason why resolution is unknown."""
    return _gathered(
        found,
        lambda one, names: Diagnostic(
            code="resolution-not-checked",
            severity=Severity.WARNING,
            summary=f"could not check that the packages of {listed(names)} can be installed together",
            detail=one.message,
            hint=one.hint,
        ),
    )


def no_build_failure(repository: str, days: int) -> ResolutionFailure:
    """Return the failure of a repository without a build to take the image's input from."""
    return ResolutionFailure(repository=repository, message=_NO_BUILD.format(days=days))


def unknown_template(step: Step, packages: Sequence[str]) -> ResolutionFailure:
    """Return the failure for a template without a known expansion in one of the images."""
    message = f"no build report contains the version for {quoted(packages)}"
    return ResolutionFailure(repository=step.repository, message=message)


def _gathered(
    found: Iterable[ResolutionFailure], word: Callable[[ResolutionFailure, Sequence[str]], Diagnostic]
) -> tuple[PackageProblem, ...]:
    """Group equal failures, although the API may word them differently for another base or repository."""
    alike: dict[object, tuple[ResolutionFailure, dict[str, None]]] = {}
    for one in found:
        problem = (one.packages, one.place, one.already) if one.packages else (one.cause or one.message, one.place)
        alike.setdefault(problem, (one, {}))[1][one.repository] = None
    return tuple(
        PackageProblem(diagnostic=replace(word(one, tuple(names)), place=one.place), repositories=tuple(names))
        for one, names in alike.values()
    )


def with_resolution(
    plan: Plan, wrong: Iterable[ResolutionFailure], silent: Iterable[ResolutionFailure], *, required: bool
) -> Plan:
    """Return the plan with its resolution problems, and with steps blocked that must not be applied.

    `required` is the manifest's setting: steps with unknown resolution are then blocked too.
    """
    no, unknown = resolution_errors(wrong), resolution_warnings(silent)
    if required:
        unknown = tuple(replace(one, diagnostic=_required(one.diagnostic)) for one in unknown)
    plan = replace(plan, diagnostics=(*plan.diagnostics, *(one.diagnostic for one in (*no, *unknown))))
    return block_steps(plan, (*no, *unknown), ReasonCode.UNRESOLVED if required else ReasonCode.UNBUILDABLE)


def without_resolution(plan: Plan, why: str, *, required: bool) -> Plan:
    """Return the plan if nothing could be resolved, for a reason that concerns all of it."""
    return with_resolution(
        plan, (), (ResolutionFailure(repository=one.repository, message=why) for one in plan.writes), required=required
    )


def _required(problem: Diagnostic) -> Diagnostic:
    more = "try again, or skip the repositories with `--exclude` (`require_resolve` is set)"
    hint = f"{problem.hint}; {more}" if problem.hint else more
    return replace(problem, severity=Severity.ERROR, hint=hint)


def with_build_prospects(
    plan: Plan, records: Mapping[str, BuildRecord], resolves: Mapping[str, bool | None], mends: Container[str]
) -> Plan:
    """Return the plan with the expected build result of each repository of `resolves`, by name."""
    found = {
        name: will_build(records.get(name, NO_RECORD), resolves=known, mends=name in mends)
        for name, known in resolves.items()
    }
    steps = (replace(one, will_build=found[one.repository]) if one.repository in found else one for one in plan.steps)
    return replace(plan, steps=tuple(steps))


def already_in_image(steps: Iterable[Step], bases: Mapping[str, Sequence[Base]]) -> tuple[Diagnostic, ...]:
    """Return a note for each added package that every base of its repository already has, once for each place."""
    found: dict[tuple[str, Place | None], list[str]] = {}
    for step in steps:
        known = [base.names for base in bases.get(step.repository, ())]
        for name in _added(step) if known else ():
            if all(name in names for names in known):
                found.setdefault((name, package_place(step, name)), []).append(step.repository)
    return tuple(
        Diagnostic(
            code="already-in-image",
            severity=Severity.NOTE,
            summary=f'package "{name}" is already in the image',
            repositories=tuple(repositories),
            hint="remove it, unless it must stay when the base image drops it",
            place=place,
        )
        for (name, place), repositories in found.items()
    )


def _added(step: Step) -> Iterator[str]:
    for change in step.changes:
        if change.field is Field.PACKAGES and change.kind is ChangeKind.ADD and isinstance(change.after, str):
            yield package_name(change.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedChange:
    """The packages to be installed; `packages` is all of them, as `name=version`.

    `added`, `removed` and `changed` are (name, version or both versions). `compared` is False if the previous packages
    are unknown; then these are empty.
    """

    packages: tuple[str, ...] = ()
    compared: bool = True
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str, str], ...] = ()


def package_difference(before: Sequence[str], after: Sequence[str]) -> ResolvedChange:
    """Return the difference between two sets of exact packages, sorted by name; an empty set is unknown."""
    old, new = _versions(before), _versions(after)
    packages = tuple(sorted(after))
    if not old:
        return ResolvedChange(packages=packages, compared=False)
    return ResolvedChange(
        packages=packages,
        added=tuple((name, new[name]) for name in sorted(new.keys() - old.keys())),
        removed=tuple((name, old[name]) for name in sorted(old.keys() - new.keys())),
        changed=tuple(
            (name, old[name], new[name])
            for name in sorted(old.keys() & new.keys())
            if old[name] != new[name] and old[name] and new[name]
        ),
    )


def merge_resolved(changes: Iterable[ResolvedChange]) -> ResolvedChange:
    """Merge the changes of several tag streams of one repository, each line once."""
    found = tuple(changes)
    return ResolvedChange(
        packages=tuple(sorted({line for one in found for line in one.packages})),
        compared=any(one.compared for one in found),
        added=tuple(sorted({line for one in found for line in one.added})),
        removed=tuple(sorted({line for one in found for line in one.removed})),
        changed=tuple(sorted({line for one in found for line in one.changed})),
    )


def _versions(packages: Sequence[str]) -> dict[str, str]:
    pairs = (package.partition("=") for package in packages)
    return {name: version for name, _, version in pairs}
