"""Questions of whether packages can be installed together, and the effect of the answers on a plan.

docs/adr/0013-knowing-before-writing.md gives the reason why packages of the old overlay may be removed from a report's
configuration. The engine sends the questions; the answers arrive here as plain values.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reconciler.core.builds import Build, PackageConfig, Recipe, Result
from reconciler.core.diff import ChangeKind, Field, Item
from reconciler.core.overlay import EMPTY, Overlay, package_name
from reconciler.core.packages import PackageProblem, block_steps, manifest_packages, package_place, parse_constraint
from reconciler.core.plan import Plan
from reconciler.core.state import Live, Unreadable
from reconciler.core.steps import ReasonCode, Step
from reconciler.core.version_templates import is_templated, names_package
from reconciler.diagnostics import Diagnostic, Place, Severity, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The input of an image without any overlay, taken from one of its builds.

    `names` are its own packages.
    """

    config: PackageConfig
    recipe: Recipe

    @property
    def names(self) -> frozenset[str]:
        """Return the image's own packages by name."""
        return frozenset(map(package_name, self.config.packages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One configuration to resolve for one repository, and the input of its builds with the old overlay."""

    step: Step
    config: PackageConfig
    before: Recipe


def find_bases(steps: Iterable[Step], builds: Iterable[Build], live: Live) -> Mapping[str, tuple[Base, ...]]:
    """Return the distinct bases of each repository that is written, by its name, latest builds first.

    A repository to be created has those of its source. Empty if no successful build has a configuration.
    """
    overlays = {one.id: EMPTY if isinstance(one.overlay, Unreadable) else one.overlay for one in live.repositories}
    built: dict[str, list[Build]] = {}
    for build in sorted(builds, key=lambda one: -(one.started or 0.0)):
        if build.result is Result.SUCCESS and build.recipe is not None:
            built.setdefault(build.repository_id, []).append(build)
    return {
        step.repository: _bases([one.recipe for one in built.get(step.id or "", ()) if one.recipe], overlays[step.id])
        for step in steps
        if step.id in overlays
    }


def packages_in_use(steps: Iterable[Step], builds: Iterable[Build]) -> Mapping[str, frozenset[str]]:
    """Return the packages of existing images by name, with the known versions; a list without one is incomplete.

    They are those of successful builds, and those of the live overlays that the steps change, except where every build
    that requested one has failed.
    """
    versions: dict[str, set[str]] = {}
    built, failed = set[tuple[str, str]](), set[tuple[str, str]]()
    for build in builds:
        names = {(build.repository_id, item.key) for item in _package_items(build)}
        if build.result is Result.SUCCESS:
            built |= names
            for locked in filter(None, map(parse_constraint, build.recipe.locked if build.recipe else ())):
                versions.setdefault(locked.name, set()).add(locked.version)
        elif build.result is Result.FAILURE:
            failed |= names
    failed_only = failed - built
    for step in steps:
        for name in map(package_name, step.before.packages if step.before is not None else ()):
            if (step.id, name) not in failed_only:
                versions.setdefault(name, set())
    return {name: frozenset(known) - {""} for name, known in versions.items()}


def _package_items(build: Build) -> Iterator[Item]:
    return (item for item in (build.config.entries if build.config else ()) if item.field is Field.PACKAGES)


def make_questions(steps: Iterable[Step], known: Mapping[str, Sequence[Base]]) -> tuple[Question, ...]:
    """Return the questions of each step: one for each distinct base."""
    return tuple(
        Question(step=step, config=_with(base, step.after or EMPTY), before=base.recipe)
        for step in steps
        for base in known.get(step.repository, ())
    )


def distinct_configs(asked: Sequence[Question], *, before: bool) -> Mapping[PackageConfig, str]:
    """Return each distinct configuration with the id of the first repository that needs it.

    With `before`, includes the previously requested configurations of builds whose reports have no result.
    """
    found: dict[PackageConfig, str] = {}
    for question in asked:
        found.setdefault(question.config, question.step.id or "")
    for question in asked if before else ():
        if not question.before.locked:
            found.setdefault(question.before.config, question.step.id or "")
    return found


def _bases(recipes: Sequence[Recipe], overlay: Overlay) -> tuple[Base, ...]:
    found: dict[PackageConfig, Base] = {}
    for recipe in _current(recipes, overlay):
        config = _without(recipe.config, overlay)
        found.setdefault(config, Base(config=config, recipe=recipe))
    return tuple(found.values())


def _current(recipes: Sequence[Recipe], overlay: Overlay) -> Sequence[Recipe]:
    """Return the builds that hold the overlay's additions; all builds if none does."""
    wanted = frozenset(map(package_name, overlay.packages))
    return [one for one in recipes if _holds_all(one, wanted)] or recipes


def _holds_all(recipe: Recipe, wanted: frozenset[str]) -> bool:
    there = frozenset(map(package_name, recipe.config.packages))
    return all(any(names_package(name, one) for one in there) for name in wanted - there)


def _without(config: PackageConfig, overlay: Overlay) -> PackageConfig:
    """Return the configuration without the overlay's additions."""
    brought = {package_name(spec) for spec in overlay.packages}
    templates = tuple(filter(is_templated, brought))
    kept = {
        spec
        for spec in config.packages
        if package_name(spec) not in brought and not any(names_package(one, package_name(spec)) for one in templates)
    }
    own = () if overlay.runtime_repositories else config.runtime_repositories
    return replace(config, packages=tuple(sorted(kept)), runtime_repositories=own)


def _with(base: Base, overlay: Overlay) -> PackageConfig:
    config = base.config
    added = (one for spec in overlay.packages for one in _filled_in(spec, base.recipe))
    packages = tuple(dict.fromkeys((*config.packages, *added)))
    return replace(
        config, packages=packages, runtime_repositories=overlay.runtime_repositories or config.runtime_repositories
    )


def _filled_in(spec: str, recipe: Recipe) -> Iterable[str]:
    """Return a templated package as the build had it; one that no build had yet is left out."""
    if not is_templated(spec):
        return (spec,)
    name = package_name(spec)
    return (one for one in recipe.config.packages if names_package(name, package_name(one)))


# Severity and meaning of each code, for docs/diagnostics.md.
RESOLUTION_CODES: Final[Mapping[str, tuple[Severity, str]]] = {
    "does-not-resolve": (Severity.ERROR, "The API reports that an image with these packages cannot be built."),
    "resolution-not-checked": (
        Severity.WARNING,
        "The packages could not be checked for installing together; an error with `require_resolve`.",
    ),
    "already-in-image": (Severity.NOTE, "The image already contains the added package."),
}
_NO_BUILD = "the repository has no successful build in the last {days} days to take the image's packages from"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionFailure:
    """A repository whose packages cannot be installed, in the API's words, and the place to look at.

    `packages` are those of the manifest that the API names, else the new ones.
    """

    repository: str
    message: str
    hint: str = ""
    place: Place | None = None
    packages: tuple[str, ...] = ()


def resolution_failure(step: Step, message: str) -> ResolutionFailure:
    """Return the failure of a step, at the place of the first package that the API names, else of the repository."""
    known = manifest_packages(step)
    added = tuple(name for name in _added(step) if name in known)
    named = _named(message, known)
    # A new package is more likely the cause than an existing one.
    culprits = tuple(sorted(named, key=lambda name: name not in added)) or added
    place = known[culprits[0]].place(Field.PACKAGES, culprits[0]) if culprits else step.place
    return ResolutionFailure(repository=step.repository, message=message, place=place, packages=culprits)


def _named(message: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that the API's message mentions, in its order; `curl-8.1-r0` mentions curl."""
    words = "".join(char if char.isalnum() or char in "-_.+:" else " " for char in message).split()
    longest = sorted(names, key=len, reverse=True)
    found = (next((name for name in longest if _means(word.strip(".:"), name)), None) for word in words)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _means(word: str, name: str) -> bool:
    return word == name or (word.startswith(f"{name}-") and word[len(name) + 1 : len(name) + 2].isdigit())


def resolution_errors(found: Iterable[ResolutionFailure]) -> tuple[PackageProblem, ...]:
    """Return an error for each failure, one for all repositories that share it."""
    return _gathered(
        found,
        lambda one, names: Diagnostic(
            code="does-not-resolve",
            summary=f"{_cannot(one.packages)} in {listed(names)}",
            detail=one.message,
            hint="change the package list so that it resolves",
        ),
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


def _gathered(
    found: Iterable[ResolutionFailure], word: Callable[[ResolutionFailure, Sequence[str]], Diagnostic]
) -> tuple[PackageProblem, ...]:
    """Group equal failures, although the API may word them differently for another base or repository."""
    alike: dict[object, tuple[ResolutionFailure, dict[str, None]]] = {}
    for one in found:
        problem = (one.packages, one.place) if one.packages else (one.message, one.place)
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
