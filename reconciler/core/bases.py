"""Inputs of images without their overlays, taken from their builds, and the resolution questions that follow.

docs/adr/0013-knowing-before-writing.md gives the reason why packages of the old overlay may be removed from a report's
configuration. The engine sends the questions; the answers arrive as plain values.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from types import MappingProxyType
from typing import Final

from reconciler.core.builds import Build, PackageConfig, Recipe, Result, locked_version
from reconciler.core.diff import Field, Item
from reconciler.core.overlay import EMPTY, Overlay, package_name
from reconciler.core.packages import parse_constraint
from reconciler.core.state import Live, Unreadable
from reconciler.core.steps import Action, Step
from reconciler.core.version_templates import Tags, expanded, is_templated, names_package


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The input of an image without any overlay, taken from one of its builds.

    `version` is that of its main package, "" if no report has it; `names` are its own packages.
    """

    config: PackageConfig
    recipe: Recipe
    version: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Return the image's own packages by name."""
        return frozenset(map(package_name, self.config.packages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One configuration to resolve for one repository, and the input of its builds with the old overlay.

    `unknown` are packages that the configuration lacks: what their templates mean in this image is not known.
    """

    step: Step
    config: PackageConfig
    before: Recipe
    unknown: tuple[str, ...] = ()


def find_bases(steps: Iterable[Step], builds: Iterable[Build], live: Live) -> Mapping[str, tuple[Base, ...]]:
    """Return the distinct bases of each repository that is written, by its name, latest builds first.

    A repository to be created has those of its source. Empty if no build has a configuration.
    """
    overlays = {one.id: EMPTY if isinstance(one.overlay, Unreadable) else one.overlay for one in live.repositories}
    known = [step for step in steps if step.id in overlays]
    built = _ended_by_repository(builds, known)
    templated = any(is_templated(spec) for step in known if step.after for spec in step.after.packages)
    versions = _main_versions(build for found in built.values() for build in found) if templated else {}
    return {
        step.repository: _bases(built[step.id], overlays[step.id], versions) for step in known if step.id is not None
    }


def _ended_by_repository(builds: Iterable[Build], steps: Iterable[Step]) -> Mapping[str, Sequence[Build]]:
    """Return the builds of some repositories that succeeded or failed, latest first."""
    found: dict[str, list[Build]] = {step.id: [] for step in steps if step.id is not None}
    for build in builds:
        if build.repository_id in found and build.result in _ENDED:
            found[build.repository_id].append(build)
    return {id_: sorted(several, key=lambda one: -(one.started or 0.0)) for id_, several in found.items()}


_ENDED: Final = frozenset({Result.SUCCESS, Result.FAILURE})


def latest_builds(builds: Iterable[Build]) -> tuple[Build, ...]:
    """Return the latest ended build of each configuration of each repository, ordered by ID."""
    found: dict[tuple[str, PackageConfig], Build] = {}
    for build in sorted(builds, key=lambda one: one.started or 0.0):
        if build.result in _ENDED and build.recipe is not None:
            found[build.repository_id, build.recipe.config] = build
    return tuple(sorted(found.values(), key=lambda one: one.id))


# The annotation in which an image names the package that it is there for.
_MAIN_PACKAGE: Final = "dev.chainguard.package.main"


def _main_package(build: Build) -> str:
    found = (item.value for item in (build.content.entries if build.content else ()) if item.key == _MAIN_PACKAGE)
    return next((value for value in found if isinstance(value, str)), "")


def _main_versions(builds: Iterable[Build]) -> Mapping[str, str]:
    """Return the latest version of each main package that a build was locked to."""
    found: dict[str, str] = {}
    for build in builds:
        main = _main_package(build) if build.recipe is not None and build.recipe.locked else ""
        if main and main not in found:
            locked = next((one for one in build.recipe.locked if package_name(one) == main), "") if build.recipe else ""
            found |= {main: version} if (version := locked_version(locked)) else {}
    return found


def packages_in_use(steps: Iterable[Step], builds: Iterable[Build]) -> Mapping[str, frozenset[str]]:
    """Return the packages of existing images by name, with the known versions; a list without one is incomplete.

    They are those of successful builds, and those of the live overlays that the steps change, except where every build
    that was asked for one has failed.
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


def make_questions(
    steps: Iterable[Step], known: Mapping[str, Sequence[Base]], tags: Tags = MappingProxyType({})
) -> tuple[Question, ...]:
    """Return the questions of each step: one for each distinct base; none where no base is known.

    `tags` are the active tags of repositories by id: they tell what a template means where no build does.
    """
    return tuple(
        _question(step, base, tags.get(step.id or "", ())) for step in steps for base in known.get(step.repository, ())
    )


def _question(step: Step, base: Base, tags: Sequence[str]) -> Question:
    overlay = step.after or EMPTY
    meant = {spec: _filled_in(spec, base, tags) for spec in overlay.packages}
    return Question(
        step=step,
        config=_with(base.config, [one for found in meant.values() for one in found], overlay),
        before=base.recipe,
        unknown=tuple(spec for spec, found in meant.items() if not found),
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


def built_already(asked: Iterable[Question], builds: Iterable[Build]) -> Mapping[PackageConfig, tuple[str, ...]]:
    """Return the lock of each configuration that need not be asked about because its latest build succeeded."""
    questions = tuple(asked)
    latest: dict[PackageConfig, Build] = {}
    for found in _ended_by_repository(builds, (question.step for question in questions)).values():
        for build in found:
            key = _as_set(build.recipe.config) if build.recipe else PackageConfig()
            known = latest.get(key)
            if known is None or (known.started or 0.0) < (build.started or 0.0):
                latest[key] = build
    made = {question.config: latest.get(_as_set(question.config)) for question in questions}
    return {
        config: build.recipe.locked
        for config, build in made.items()
        if build is not None and build.result is Result.SUCCESS and build.recipe is not None and build.recipe.locked
    }


def _as_set(config: PackageConfig) -> PackageConfig:
    return replace(config, packages=tuple(sorted(set(config.packages))))


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """Results of the latest builds of a repository with its live overlay.

    `works` is None where none is known; `failing` are the configurations of those that failed.
    """

    works: bool | None = None
    failing: tuple[PackageConfig, ...] = ()


NO_RECORD = BuildRecord()


def build_records(
    steps: Iterable[Step], builds: Iterable[Build], known: Mapping[str, Sequence[Base]]
) -> Mapping[str, BuildRecord]:
    """Return the record of each repository that a plan changes, by its name; one that is to be created has none.

    A failure counts until a build of the same configuration succeeds, and where nothing has succeeded since.
    """
    changed = [step for step in steps if step.action is not Action.CREATE]
    built = _ended_by_repository(builds, changed)
    return {
        step.repository: _record(built.get(step.id or "", ()), step.before or EMPTY, known.get(step.repository, ()))
        for step in changed
    }


def _record(builds: Sequence[Build], overlay: Overlay, bases: Sequence[Base]) -> BuildRecord:
    latest: dict[frozenset[str], Build] = {}
    for build in builds:
        latest.setdefault(_names(build), build)
    expected = {_expected_names(base, overlay) for base in bases}
    failures = [
        *_failures_since_success(builds),
        *(build for names, build in latest.items() if names in expected and build.result is Result.FAILURE),
    ]
    failures = [one for one in failures if one.recipe is None or _holds_all(one.recipe, overlay)]
    failing = tuple(dict.fromkeys(one.recipe.config for one in failures if one.recipe is not None))
    return BuildRecord(works=not failures if builds else None, failing=failing)


def _expected_names(base: Base, overlay: Overlay) -> frozenset[str]:
    added = (one for spec in overlay.packages for one in _filled_in(spec, base, ()))
    return base.names.union(map(package_name, added))


def _names(build: Build) -> frozenset[str]:
    return frozenset(map(package_name, build.recipe.config.packages if build.recipe else ()))


def _failures_since_success(builds: Sequence[Build]) -> Sequence[Build]:
    return tuple(takewhile(lambda build: build.result is Result.FAILURE, builds))


def _bases(builds: Sequence[Build], overlay: Overlay, versions: Mapping[str, str]) -> tuple[Base, ...]:
    found: dict[PackageConfig, Base] = {}
    for build in _current(builds, overlay):
        if build.recipe is not None:
            config = without_overlay(build.recipe.config, overlay)
            version = versions.get(_main_package(build), "")
            found.setdefault(config, Base(config=config, recipe=build.recipe, version=version))
    return tuple(found.values())


def _current(builds: Sequence[Build], overlay: Overlay) -> Sequence[Build]:
    """Return the builds that hold the overlay's additions: successful ones, else failed ones without a later success.

    Return all successful ones if none does.
    """
    successes = [build for build in builds if build.result is Result.SUCCESS]
    holding = [build for build in successes if build.recipe and _holds_all(build.recipe, overlay)]
    failures = [
        build for build in _failures_since_success(builds) if build.recipe and _holds_all(build.recipe, overlay)
    ]
    return holding or failures or successes


def _holds_all(recipe: Recipe, overlay: Overlay) -> bool:
    wanted = frozenset(map(package_name, overlay.packages))
    there = frozenset(map(package_name, recipe.config.packages))
    return all(any(names_package(name, one) for one in there) for name in wanted - there)


def without_overlay(config: PackageConfig, overlay: Overlay) -> PackageConfig:
    """Return the configuration without the overlay's additions."""
    brought = {package_name(spec) for spec in overlay.packages}
    templates = tuple(filter(is_templated, brought))
    kept = {spec for spec in config.packages if package_name(spec) not in brought}
    if templates:
        kept = {spec for spec in kept if not any(names_package(one, package_name(spec)) for one in templates)}
    own = () if overlay.runtime_repositories else config.runtime_repositories
    return replace(config, packages=tuple(sorted(kept)), runtime_repositories=own)


def _with(config: PackageConfig, added: Iterable[str], overlay: Overlay) -> PackageConfig:
    return replace(
        config,
        packages=tuple(dict.fromkeys((*config.packages, *added))),
        runtime_repositories=overlay.runtime_repositories or config.runtime_repositories,
    )


def _filled_in(spec: str, base: Base, tags: Sequence[str]) -> tuple[str, ...]:
    """Return a templated package as the main package of the image, its build or its tags define it.

    Empty if they do not, or if the tags show several versions.
    """
    if not is_templated(spec):
        return (spec,)
    if base.version:
        return expanded(spec, (base.version,))
    name = package_name(spec)
    built = tuple(one for one in base.recipe.config.packages if names_package(name, package_name(one)))
    meanings = expanded(spec, tags)
    return built or (meanings if len(meanings) == 1 else ())
