"""The difference between two overlays, and its application.

`diff(a, b)` is empty exactly when `a == b`, and `patch(a, diff(a, b)) == b`. The order of changes depends on nothing
but the overlays. How a change is shown is the business of the views.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.model import Overlay
from reconciler.core.parts import KEYED, Entry, Part, Value, assemble, entries, entries_of, unlike

_PLACES = {part: number for number, part in enumerate(Part)}


class ChangeKind(StrEnum):
    """What happens to one entry of an overlay."""

    ADD = "add"
    REMOVE = "remove"
    CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field-level difference; `before` is None for an addition, `after` is None for a removal."""

    part: Part
    key: str
    kind: ChangeKind
    before: Value | None
    after: Value | None

    @property
    def path(self) -> str:
        """Where the change is, such as `contents.packages` or `environment.NODE_ENV`."""
        return f"{self.part}.{self.key}" if self.part in KEYED else str(self.part)


def diff(before: Overlay, after: Overlay) -> tuple[Change, ...]:
    """What has to happen to `before` so that it becomes `after`, in the order of parts, keys and values."""
    if before == after:
        return ()
    fields = unlike(before, after)
    old, new = _by_key(entries_of(before, fields)), _by_key(entries_of(after, fields))
    changes: list[Change] = []
    for place in sorted({**old, **new}, key=_order):
        values = old.get(place, ()), new.get(place, ())
        if values[0] != values[1]:
            changes.extend(_changes(place, *values))
    return tuple(changes)


def _order(place: tuple[Part, str]) -> tuple[int, str]:
    return _PLACES[place[0]], place[1]


def patch(overlay: Overlay, changes: Iterable[Change]) -> Overlay:
    """The overlay after the changes; a removal of what is not there removes nothing."""
    kept = dict.fromkeys(entries(overlay))
    for change in changes:
        if change.before is not None:
            kept.pop(Entry(change.part, change.key, change.before), None)
        if change.after is not None:
            kept[Entry(change.part, change.key, change.after)] = None
    return assemble(kept)


def _by_key(found: Iterable[Entry]) -> dict[tuple[Part, str], tuple[Value, ...]]:
    values: dict[tuple[Part, str], tuple[Value, ...]] = {}
    for entry in found:
        place = (entry.part, entry.key)
        values[place] = (*values.get(place, ()), entry.value)
    return values


def _changes(place: tuple[Part, str], old: tuple[Value, ...], new: tuple[Value, ...]) -> Iterator[Change]:
    part, key = place
    if len(old) == len(new) == 1:
        if old != new:
            yield Change(part=part, key=key, kind=ChangeKind.CHANGE, before=old[0], after=new[0])
        return
    # A live overlay may hold one name several times (`curl` and `curl=8.1`): then only whole entries come and go.
    for value in old:
        if value not in new:
            yield Change(part=part, key=key, kind=ChangeKind.REMOVE, before=value, after=None)
    for value in new:
        if value not in old:
            yield Change(part=part, key=key, kind=ChangeKind.ADD, before=None, after=value)
