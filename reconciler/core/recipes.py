"""What a build was made from, as far as it decides which packages an image gets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.core.canonical import package_name


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
    """What a build was made from, and the exact packages that came of it where the report tells."""

    config: Config
    locked: tuple[str, ...] = ()


def recipe(config: Config, locked: Sequence[str]) -> Recipe:
    """The recipe of a build that was asked for a configuration and locked to some packages.

    Where every package of the configuration is tied to one revision it is a lock itself, of an earlier build, and no
    question: then the names alone were meant.
    """
    if not config.packages or not all("=" in spec and "-r" in spec for spec in config.packages):
        return Recipe(config=config, locked=tuple(locked))
    names = tuple(package_name(spec) for spec in config.packages)
    return Recipe(config=replace(config, packages=names), locked=tuple(locked) or config.packages)
