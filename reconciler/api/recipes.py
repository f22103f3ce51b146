"""From the configurations in a build report to core values: what the build was made from."""

from collections.abc import Mapping

from reconciler.core.builds import PackageConfig, Recipe, make_recipe


def recipe_from_configs(asked: Mapping[str, object], locked: Mapping[str, object]) -> Recipe | None:
    """The recipe of a build; None where neither configuration tells. One that its report does not have is empty."""
    exact = _config(locked)
    config = _config(asked) or exact
    return make_recipe(config, exact.packages if exact else ()) if config else None


def _config(found: Mapping[str, object]) -> PackageConfig | None:
    contents = found.get("contents")
    if not isinstance(contents, Mapping):
        return None
    return PackageConfig(
        packages=_texts(contents, "packages"),
        repositories=_texts(contents, "repositories"),
        build_repositories=_texts(contents, "build_repositories", "buildRepositories"),
        runtime_repositories=_texts(contents, "runtime_repositories", "runtimeRepositories"),
        keyring=_texts(contents, "keyring"),
        archs=_texts(found, "archs"),
    )


def _texts(holder: Mapping[str, object], *names: str) -> tuple[str, ...]:
    for name in names:
        found = holder.get(name)
        if isinstance(found, list):
            return tuple(one for one in found if isinstance(one, str))
    return ()
