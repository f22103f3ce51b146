"""Questions of resolution: what a build would be made from, had the repository the wanted overlay.

Why the old overlay's packages may be taken out of a report's configuration is told in
docs/adr/0013-knowing-before-writing.md.
Asking is the business of `engine.resolving`; what an answer means, of `verdicts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.builds import Build, Result
from reconciler.core.canonical import package_name
from reconciler.core.live import Live, Unreadable
from reconciler.core.model import EMPTY, Overlay
from reconciler.core.plan import Step
from reconciler.core.recipes import Config, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What an image is made from without any overlay, as one of its builds tells: the build's recipe, less the overlay.

    `names` are its own packages.
    """

    config: Config
    recipe: Recipe

    @property
    def names(self) -> frozenset[str]:
        """The image's own packages by name."""
        return frozenset(map(package_name, self.config.packages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One configuration to resolve for one repository, and what its builds were made from with the old overlay."""

    step: Step
    config: Config
    before: Recipe


def bases(steps: Iterable[Step], builds: Iterable[Build], live: Live) -> Mapping[str, tuple[Base, ...]]:
    """The distinct bases of each repository that is written, by its name, of the latest builds first.

    One that is to be created has those of the repository that it is made from. None where no successful build tells.
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


def questions(steps: Iterable[Step], known: Mapping[str, Sequence[Base]]) -> tuple[Question, ...]:
    """The questions about each step: one for each distinct base; none where no base is known."""
    return tuple(
        Question(step=step, config=_with(base.config, step.after or EMPTY), before=base.recipe)
        for step in steps
        for base in known.get(step.repository, ())
    )


def configs(asked: Sequence[Question], *, before: bool) -> Mapping[Config, str]:
    """Each distinct configuration with the id of the first repository that it is asked about.

    With `before` also what a build was asked for until now, where its report does not tell what came of it.
    """
    found: dict[Config, str] = {}
    for question in asked:
        found.setdefault(question.config, question.step.id or "")
    for question in asked if before else ():
        if not question.before.locked:
            found.setdefault(question.before.config, question.step.id or "")
    return found


def _bases(recipes: Sequence[Recipe], overlay: Overlay) -> tuple[Base, ...]:
    found: dict[Config, Base] = {}
    for recipe in _current(recipes, overlay):
        config = _without(recipe.config, overlay)
        found.setdefault(config, Base(config=config, recipe=recipe))
    return tuple(found.values())


def _current(recipes: Sequence[Recipe], overlay: Overlay) -> Sequence[Recipe]:
    """The builds that hold what the overlay adds; all of them where none does."""
    wanted = frozenset(map(package_name, overlay.packages))
    return [one for one in recipes if wanted <= frozenset(map(package_name, one.config.packages))] or recipes


def _without(config: Config, overlay: Overlay) -> Config:
    """The configuration without what the overlay brought."""
    brought = {package_name(spec) for spec in overlay.packages}
    kept = {spec for spec in config.packages if package_name(spec) not in brought}
    own = () if overlay.runtime_repositories else config.runtime_repositories
    return replace(config, packages=tuple(sorted(kept)), runtime_repositories=own)


def _with(base: Config, overlay: Overlay) -> Config:
    packages = tuple(dict.fromkeys((*base.packages, *overlay.packages)))
    return replace(
        base, packages=packages, runtime_repositories=overlay.runtime_repositories or base.runtime_repositories
    )
