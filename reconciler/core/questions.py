"""Questions of resolution: what a build would be made from, had the repository the wanted overlay.

Why the old overlay's packages may be taken out of a report's configuration is told in
docs/adr/0013-knowing-before-writing.md.
Asking is the business of `engine.resolving`; what an answer means, of `resolved`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.canonical import package_name
from reconciler.core.model import EMPTY, Overlay
from reconciler.core.plan import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The part of a configuration that decides which packages an image gets."""

    packages: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    build_repositories: tuple[str, ...] = ()
    runtime_repositories: tuple[str, ...] = ()
    keyring: tuple[str, ...] = ()
    archs: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """As the API takes it; what is empty is left out."""
        contents: dict[str, object] = {
            "packages": list(self.packages),
            "repositories": list(self.repositories),
            "buildRepositories": list(self.build_repositories),
            "runtimeRepositories": list(self.runtime_repositories),
            "keyring": list(self.keyring),
        }
        told: dict[str, object] = {"contents": {key: value for key, value in contents.items() if value}}
        return {**told, "archs": list(self.archs)} if self.archs else told


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a successful build was made from, and the exact packages that came of it where the report tells."""

    repository_id: str
    started: float
    config: Config
    locked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One configuration to resolve for one repository; `locked` is what such builds got with the old overlay."""

    step: Step
    config: Config
    base: frozenset[str]
    locked: tuple[str, ...] = ()


def questions(steps: Iterable[Step], recipes: Iterable[Recipe]) -> tuple[Question, ...]:
    """The questions about each step: one for each distinct base among its builds; none where there are none."""
    built: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        built.setdefault(recipe.repository_id, []).append(recipe)
    return tuple(one for step in steps for one in _of_step(step, built.get(step.id or "", ())))


def _current(recipes: Sequence[Recipe], overlay: Overlay) -> Sequence[Recipe]:
    """The builds that hold what the overlay adds; all of them where none does."""
    wanted = frozenset(map(package_name, overlay.packages))
    return [one for one in recipes if wanted <= frozenset(map(package_name, one.config.packages))] or recipes


def _of_step(step: Step, recipes: Sequence[Recipe]) -> Iterable[Question]:
    found: dict[Config, Question] = {}
    before, after = step.before or EMPTY, step.after or EMPTY
    for recipe in sorted(_current(recipes, before), key=lambda one: -one.started):
        base = _base(recipe.config, before)
        wanted = _with(base, after)
        names = frozenset(map(package_name, base.packages))
        found.setdefault(wanted, Question(step=step, config=wanted, base=names, locked=recipe.locked))
    return found.values()


def _base(config: Config, overlay: Overlay) -> Config:
    """The configuration without what the overlay brought."""
    brought = {*overlay.packages, *(package_name(spec) for spec in overlay.packages)}
    kept = [spec for spec in config.packages if spec not in brought and package_name(spec) not in brought]
    own = () if overlay.runtime_repositories else config.runtime_repositories
    return replace(config, packages=tuple(sorted(set(_unlocked(kept)))), runtime_repositories=own)


def _unlocked(specs: Sequence[str]) -> Sequence[str]:
    """Where every package is tied to one revision, the lock of an earlier build and no question: only the names."""
    tied = bool(specs) and all("=" in spec and "-r" in spec for spec in specs)
    return [package_name(spec) for spec in specs] if tied else specs


def _with(base: Config, overlay: Overlay) -> Config:
    packages = tuple(dict.fromkeys((*base.packages, *overlay.packages)))
    return replace(
        base, packages=packages, runtime_repositories=overlay.runtime_repositories or base.runtime_repositories
    )


def by_config(asked: Iterable[Question]) -> Mapping[Config, tuple[Question, ...]]:
    """The questions that are the same, together: each configuration is asked about once."""
    found: dict[Config, list[Question]] = {}
    for question in asked:
        found.setdefault(question.config, []).append(question)
    return {config: tuple(alike) for config, alike in found.items()}
