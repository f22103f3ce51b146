"""Removed items that new images still contain, and other changes since the previous images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reconciler.core.bases import without_overlay
from reconciler.core.builds import Build, BuildConfig, Evidence, PackageConfig, Progress, Result, Target, evidence
from reconciler.core.diff import Change, Field, Item, diff, items_of, removed_items
from reconciler.core.resolution import ResolvedChange, merge_resolved, package_difference
from reconciler.core.version_templates import names_package

# Fields whose items are looked for by name when they were removed.
_NAMED: Final = frozenset(
    {
        Field.PACKAGES,
        Field.RUNTIME_KEYRING,
        Field.ENVIRONMENT,
        Field.ANNOTATIONS,
        Field.USERS,
        Field.GROUPS,
        Field.CERTIFICATES,
        Field.PROVIDERS,
    }
)


class Cause(StrEnum):
    """Why a removed item is still in a new image: what the configuration of its build shows without the overlay."""

    BASE_IMAGE = "base_image"
    OTHER_PACKAGE = "other_package"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A removed item that is still in `images` of `of` new images of a repository."""

    item: Item
    images: int
    of: int
    cause: Cause


def find_leftovers(progress: Progress) -> tuple[Leftover, ...]:
    """Return what was removed from a repository and is still in what was built since, in the order of its fields.

    Images are counted by digest; those whose reports do not describe a field count as without it.
    """
    target = progress.target
    changes = diff(target.before, target.after)
    made = [build for build in progress.builds if build.result is Result.SUCCESS]
    images = len({build.digest or build.id for build in made})
    found: list[Leftover] = []
    for item in removed_items(changes, target.after):
        holding = [build for build in made if item.field in _NAMED and _holds(build.content, item)]
        if holding:
            causes = {_cause(build, item, target, changes) for build in holding}
            found.append(
                Leftover(
                    item=item,
                    images=len({build.digest or build.id for build in holding}),
                    of=images,
                    cause=causes.pop() if len(causes) == 1 else Cause.UNKNOWN,
                )
            )
    return tuple(found)


def _holds(config: BuildConfig | None, item: Item) -> bool:
    return config is not None and any(
        one.field is item.field and names_package(item.key, one.key) for one in config.entries
    )


def _cause(build: Build, item: Item, target: Target, changes: Sequence[Change]) -> Cause:
    """Return the cause of an item in a build with the new overlay."""
    verdict = evidence(build.config, tuple(items_of(target.after)), frozenset(items_of(target.before)), changes)
    if build.config is None or verdict not in (Evidence.NEW, Evidence.EITHER):
        return Cause.UNKNOWN
    return Cause.BASE_IMAGE if _holds(build.config, item) else Cause.OTHER_PACKAGE


def other_changes(progress: Progress, earlier: Iterable[Build]) -> ResolvedChange | None:
    """Return what changed between the last image before a write and the new one, except for what was requested.

    Images of one stream are those made from the same packages without the overlays. None if no report tells.
    """
    target = progress.target
    before = [build for build in earlier if build.repository_id == target.id and _started(build) < target.since]
    last = {_stream(one, target): one for one in sorted(before, key=_started) if _locked(one)}
    pairs = [(last.get(_stream(one, target)), one) for one in progress.builds if _locked(one)]
    found = [package_difference(_locked(old), _locked(new)) for old, new in pairs if old is not None]
    requested = [change.key for change in diff(target.before, target.after) if change.field is Field.PACKAGES]
    return _without(merge_resolved(found), requested) if found else None


def _started(build: Build) -> float:
    return build.started or 0.0


def _locked(build: Build) -> tuple[str, ...]:
    return build.recipe.locked if build.result is Result.SUCCESS and build.recipe is not None else ()


def _stream(build: Build, target: Target) -> PackageConfig:
    config = build.recipe.config if build.recipe is not None else PackageConfig()
    return without_overlay(without_overlay(config, target.before), target.after)


def _without(change: ResolvedChange, names: Sequence[str]) -> ResolvedChange:
    def kept(name: str) -> bool:
        return not any(names_package(one, name) for one in names)

    return ResolvedChange(
        packages=change.packages,
        compared=change.compared,
        added=tuple(one for one in change.added if kept(one[0])),
        removed=tuple(one for one in change.removed if kept(one[0])),
        changed=tuple(one for one in change.changed if kept(one[0])),
    )
