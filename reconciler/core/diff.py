"""The difference between two overlays, and its application.

`diff(a, b)` is empty exactly when `a == b`, and `patch(a, diff(a, b)) == b`. The order of changes depends on nothing
but the overlays. How a change is shown is the business of the views.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import filterfalse, groupby
from operator import itemgetter
from typing import Any

from reconciler.core.making import maker
from reconciler.core.model import Overlay
from reconciler.core.parts import KEYED, Entry, Part, Value, assemble, differing, entries, read


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


_make = maker(Change)
_Row = tuple[str, ChangeKind, Value | None, Value | None]
_KEY = itemgetter(0)
_REMOVE, _ADD = ChangeKind.REMOVE, ChangeKind.ADD


def diff(before: Overlay, after: Overlay) -> tuple[Change, ...]:
    """What has to happen to `before` so that it becomes `after`, in the order of parts, keys and values."""
    changes: list[Change] = []
    for part, old, new in differing(before, after):
        changes += _changes(part, old, new)
    return tuple(changes)


def patch(overlay: Overlay, changes: Iterable[Change]) -> Overlay:
    """The overlay after the changes; a removal of what is not there removes nothing."""
    kept = dict.fromkeys(entries(overlay))
    for change in changes:
        if change.before is not None:
            kept.pop(Entry(change.part, change.key, change.before), None)
        if change.after is not None:
            kept[Entry(change.part, change.key, change.after)] = None
    return assemble(kept)


def _changes(part: Part, old: tuple[Any, ...], new: tuple[Any, ...]) -> list[Change]:
    """The changes of one part. What stays is not looked at closer, because it is nearly all of it."""
    was, will = set(old), set(new)
    gone = read(part, filterfalse(will.__contains__, old))
    come = read(part, filterfalse(was.__contains__, new))
    rows: list[_Row] = [(key, _REMOVE, value, None) for key, value in gone]
    rows += [(key, _ADD, None, value) for key, value in come]
    rows.sort(key=_KEY)
    if len(set(map(_KEY, rows))) < len(rows):
        rows = _paired(rows, {key for key, _ in read(part, was & will)})
    return [_make(part=part, key=key, kind=kind, before=before, after=after) for key, kind, before, after in rows]


def _paired(rows: Iterable[_Row], kept: set[str]) -> list[_Row]:
    """The rows with what goes and what comes under one key as one change.

    A live overlay may hold one name several times (`curl` and `curl=8.1`): then only whole entries come and go.
    """
    found: list[_Row] = []
    for key, several in groupby(rows, key=_KEY):
        alike = list(several)
        if [row[1] for row in alike] == [_REMOVE, _ADD] and key not in kept:
            alike = [(key, ChangeKind.CHANGE, alike[0][2], alike[1][3])]
        found += alike
    return found
