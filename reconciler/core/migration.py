"""The proof of a migration: with overlays and bindings in place of standard customizations, every tag gets the same."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.core.diff import Change, diff
from reconciler.core.effective import Assembly, Bound, Effective
from reconciler.core.effects import live_assembly
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Desired, Directory, Live, LiveRepository, Unreadable
from reconciler.diagnostics import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedRepository:
    """A repository with the overlays that take the place of its customization.

    `different` are the tags that would get something else, with what would change; `problem` is why a tag cannot be
    judged, "" where all can.
    """

    repository: str
    id: str
    overlays: tuple[str, ...]
    tags: tuple[str, ...]
    different: tuple[tuple[str, tuple[Change, ...]], ...] = ()
    problem: str = ""

    @property
    def proven(self) -> bool:
        """Return whether every tag gets what it has now."""
        return not self.different and not self.problem


def prove_migration(desired: Desired, live: Live) -> tuple[MigratedRepository, ...]:
    """Compare, for each entry that binds overlays to a customized repository, each tag with what it has now.

    A repository without tags is judged by one that does not exist yet: that gets what binds to all tags.
    """
    directory = Directory(live)
    found = [
        (one, entry.bindings)
        for entry in desired.repositories
        for one in directory.find(entry.address)
        if entry.bindings is not None and one.overlay != EMPTY
    ]
    after = live_assembly(live)
    for overlay in desired.overlays:
        after.set_overlay(overlay.name, overlay.overlay)
    for one, bindings in found:
        after.set_standard(one.id, EMPTY)
        for binding in bindings:
            after.bind(Bound(scope=one.id, overlay=binding.overlay, selector=binding.selector))
    return tuple(
        _migrated(one, directory.label(one), [binding.overlay for binding in bindings], after)
        for one, bindings in found
    )


def _migrated(one: LiveRepository, label: str, names: Iterable[str], after: Assembly) -> MigratedRepository:
    tags = one.active_tags or ("latest",)
    effective = after.of_tags(LiveRepository(id=one.id, name=one.name, overlay=one.overlay, active_tags=tags))
    sides = list(zip(tags, effective, strict=True))
    unread = [side.problem for side in (one.overlay, *effective) if isinstance(side, Unreadable)]
    return MigratedRepository(
        repository=label,
        id=one.id,
        overlays=tuple(names),
        tags=one.active_tags,
        different=tuple(_different(one.overlay, sides)),
        problem=listed(list(dict.fromkeys(unread))),
    )


def _different(before: Effective, sides: Iterable[tuple[str, Effective]]) -> Iterator[tuple[str, tuple[Change, ...]]]:
    for tag, after in sides:
        if isinstance(before, Overlay) and isinstance(after, Overlay) and before != after:
            yield tag, diff(before, after)
