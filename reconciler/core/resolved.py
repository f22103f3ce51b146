"""The difference between two resolved sets of packages: what a reviewer wants to know of a change.

Asking for such sets belongs to `engine.resolving`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedChange:
    """What would be installed: `packages` is all of it, as `name=version`.

    The others tell what of it is there besides, not any more, or in another version, as (name, version or both
    versions). `compared` is False where it is not known what there was, so that they tell nothing.
    """

    packages: tuple[str, ...] = ()
    compared: bool = True
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str, str], ...] = ()


def difference(before: Sequence[str], after: Sequence[str]) -> ResolvedChange:
    """From one set of exact packages to another, sorted by name; an empty one is not known."""
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


def together(changes: Iterable[ResolvedChange]) -> ResolvedChange:
    """What several tag streams of one repository get, each line once."""
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
