"""From JSON to core values: what a build was made from, as far as it decides which packages an image gets."""

from collections.abc import Mapping
from functools import lru_cache

from reconciler.api import json_text
from reconciler.core.builds import Build, Result
from reconciler.core.questions import Config, Recipe

Json = dict[str, object]


def recipe_from_wire(item: Json, build: Build) -> Recipe | None:
    """The recipe of a successful build; None for any other, and where its report does not tell."""
    if build.result is not Result.SUCCESS or build.started is None:
        return None
    config = _config(item.get("config"))
    if config is None:
        return None
    locked = _config(item.get("lockedConfig"))
    return Recipe(
        repository_id=build.repository_id,
        started=build.started,
        config=config,
        locked=locked.packages if locked else (),
    )


# The reports of an organisation hold the same few configurations many times.
@lru_cache(maxsize=4096)
def _read(text: str) -> Config | None:
    try:
        found = json_text.decode(text.encode()) if text else None
    except ValueError:
        return None
    if not isinstance(found, Mapping):
        return None
    contents = found.get("contents")
    if not isinstance(contents, Mapping):
        return None
    return Config(
        packages=_texts(contents, "packages"),
        repositories=_texts(contents, "repositories"),
        build_repositories=_texts(contents, "build_repositories", "buildRepositories"),
        runtime_repositories=_texts(contents, "runtime_repositories", "runtimeRepositories"),
        keyring=_texts(contents, "keyring"),
        archs=_texts(found, "archs"),
    )


def _config(value: object) -> Config | None:
    return _read(value) if isinstance(value, str) else None


def _texts(holder: Mapping[str, object], *names: str) -> tuple[str, ...]:
    for name in names:
        found = holder.get(name)
        if isinstance(found, list):
            return tuple(one for one in found if isinstance(one, str))
    return ()
