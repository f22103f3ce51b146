"""The items of an overlay, and the difference between two overlays.

An item is the smallest thing that can be added, removed or changed: one package, one variable, one user, the whole
ordered list of runtime repositories. `diff(a, b)` is empty exactly if `a == b`, and applying it to `a` gives `b`. The
order of changes depends only on the overlays.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress, filterfalse, groupby
from operator import attrgetter, itemgetter, ne
from typing import Any, TypeVar

from reconciler.core.overlay import (
    SECTION_FIELDS,
    CommandOverride,
    Group,
    Overlay,
    PemFile,
    Preflight,
    Section,
    User,
    make_accounts,
    make_certificates,
    make_overlay,
    package_name,
)

T = TypeVar("T")

Value = str | bool | tuple[str, ...] | tuple[Preflight, ...] | PemFile | User | Group | CommandOverride


class Field(StrEnum):
    """Place of an item in an overlay, in apko's spelling."""

    # The hash of Enum is written in Python, and fields are dictionary keys of every comparison.
    __hash__ = str.__hash__

    PACKAGES = "contents.packages"
    RUNTIME_REPOSITORIES = "contents.runtime_repositories"
    RUNTIME_KEYRING = "contents.runtime_keyring"
    ENVIRONMENT = "environment"
    ANNOTATIONS = "annotations"
    RUN_AS = "accounts.run-as"
    USERS = "accounts.users"
    GROUPS = "accounts.groups"
    CERTIFICATES = "certificates.additional"
    PROVIDERS = "certificates.providers"
    GUARDED_ENTRYPOINT = "guarded_entrypoint"
    FAIL_MODE = "fail_mode"
    PREFLIGHT = "preflight"
    COMMAND_OVERRIDE = "command_override"
    TRUSTSTORE = "truststore"
    UNRECOGNIZED = "unrecognised"


# Unrecognized content belongs to no section; `accounts.users` is a part of `accounts`.
SECTION_OF: dict[Field, Section] = {
    field: section for field in Field for section in Section if section in (str(field), field.partition(".")[0])
}

# Fields whose items have names of their own, which are part of the path of a change.
KEYED = frozenset(
    {
        Field.RUNTIME_KEYRING,
        Field.ENVIRONMENT,
        Field.ANNOTATIONS,
        Field.USERS,
        Field.GROUPS,
        Field.CERTIFICATES,
        Field.UNRECOGNIZED,
    }
)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an overlay: its field, its key within the field, and its value."""

    field: Field
    key: str
    value: Value


# Items of these are pairs of key and value; items of the others are the value alone.
_PAIRS = frozenset({Field.ENVIRONMENT, Field.ANNOTATIONS, Field.UNRECOGNIZED})
# The key of an item within its field, for fields with several items.
_KEYS: dict[Field, Callable[[Any], str]] = {
    Field.PACKAGES: package_name,
    Field.RUNTIME_KEYRING: attrgetter("name"),
    Field.ENVIRONMENT: itemgetter(0),
    Field.ANNOTATIONS: itemgetter(0),
    Field.USERS: attrgetter("username"),
    Field.GROUPS: attrgetter("groupname"),
    Field.CERTIFICATES: attrgetter("name"),
    Field.PROVIDERS: str,
    Field.UNRECOGNIZED: itemgetter(0),
}
# These have a single item, the whole value, which needs no key.
WHOLE = frozenset(Field).difference(_KEYS)
_KEYS |= dict.fromkeys(WHOLE, lambda _: "")


def _attribute(field: Field) -> str:
    """Return the attribute of an overlay, or of one of its sections, that holds a field."""
    if field is Field.UNRECOGNIZED:
        return "unrecognized"
    section = SECTION_OF[field]
    return SECTION_FIELDS[section] + field.removeprefix(section).replace("-", "_")


# Sections that are a single item.
_SINGLE = {field: _attribute(field) for field in Field if field in WHOLE and SECTION_OF[field] == str(field)}
_PARTS = tuple(Field)
_PATHS = tuple(map(_attribute, Field))
_CONTENTS = attrgetter(*_PATHS)
_HELD = {part: attrgetter(path) for part, path in zip(Field, _PATHS, strict=True)}


def differing_fields(before: Overlay, after: Overlay) -> Iterator[tuple[Field, tuple[Any, ...], tuple[Any, ...]]]:
    """Return the fields in which two overlays differ, in order, each with the items of both."""
    old, new = _CONTENTS(before), _CONTENTS(after)
    for part, was, will in compress(zip(_PARTS, old, new, strict=True), map(ne, old, new)):
        yield part, _items(part, was), _items(part, will)


def has_key(overlay: Overlay, part: Field, key: str) -> bool:
    """Return whether an overlay has an item under a key of one field."""
    return key in map(_KEYS[part], _items(part, _HELD[part](overlay)))


def removed_items(changes: Iterable["Change"], after: Overlay) -> Iterator[Item]:
    """Return each item that the changes remove without a replacement in `after` under its key."""
    for change in changes:
        if change.kind is ChangeKind.REMOVE and change.before and not has_key(after, change.field, change.key):
            yield Item(change.field, change.key, change.before)


def keyed_values(part: Field, items: Iterable[Any]) -> Iterable[tuple[str, Value]]:
    """Return the items of one field as pairs of key and value."""
    if part in _PAIRS:
        return items
    key = _KEYS[part]
    return [(key(item), item) for item in items]


def items_of(overlay: Overlay) -> Iterator[Item]:
    """Return every item of an overlay, in the order of `Field` and then of the canonical form."""
    for part, held in zip(_PARTS, _CONTENTS(overlay), strict=True):
        yield from (Item(part, key, value) for key, value in keyed_values(part, _items(part, held)))


def _items(part: Field, held: Any) -> tuple[Any, ...]:
    if part in WHOLE:
        return (held,) if held else ()
    return held  # type: ignore[no-any-return]


def assemble(parts: Iterable[Item]) -> Overlay:
    """Return the overlay that consists of exactly these items: the inverse of `items_of`."""
    found: dict[Field, list[tuple[str, Value]]] = {part: [] for part in Field}
    for entry in parts:
        found[entry.field].append((entry.key, entry.value))
    single: dict[str, Any] = {name: value for field, name in _SINGLE.items() for _, value in found[field][:1]}
    return make_overlay(
        packages=_values(found[Field.PACKAGES], str),
        runtime_keyring=_values(found[Field.RUNTIME_KEYRING], PemFile),
        environment=dict(_pairs(found[Field.ENVIRONMENT])),
        annotations=dict(_pairs(found[Field.ANNOTATIONS])),
        accounts=make_accounts(
            run_as="".join(_values(found[Field.RUN_AS], str)[:1]),
            users=_values(found[Field.USERS], User),
            groups=_values(found[Field.GROUPS], Group),
        ),
        certificates=make_certificates(
            additional=_values(found[Field.CERTIFICATES], PemFile), providers=_values(found[Field.PROVIDERS], str)
        ),
        unrecognized=_pairs(found[Field.UNRECOGNIZED]),
        **single,
    )


def _values(found: Iterable[tuple[str, Value]], kind: type[T]) -> list[T]:
    return [value for _, value in found if isinstance(value, kind)]


def _pairs(found: Iterable[tuple[str, Value]]) -> list[tuple[str, str]]:
    return [(key, value) for key, value in found if isinstance(value, str)]


class ChangeKind(StrEnum):
    """Kind of a change of one item."""

    ADD = "add"
    REMOVE = "remove"
    CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field-level difference; `before` is None for an addition, `after` is None for a removal."""

    field: Field
    key: str
    kind: ChangeKind
    before: Value | None
    after: Value | None

    @property
    def path(self) -> str:
        """Return the place of the change, such as `contents.packages` or `environment.NODE_ENV`."""
        return f"{self.field}.{self.key}" if self.field in KEYED else str(self.field)


_Row = tuple[str, ChangeKind, Value | None, Value | None]
_KEY = itemgetter(0)
_REMOVE, _ADD = ChangeKind.REMOVE, ChangeKind.ADD


def diff(before: Overlay, after: Overlay) -> tuple[Change, ...]:
    """Return the changes that turn `before` into `after`, in the order of fields, keys and values."""
    changes: list[Change] = []
    for part, old, new in differing_fields(before, after):
        changes += _changes(part, old, new)
    return tuple(changes)


def _changes(part: Field, old: tuple[Any, ...], new: tuple[Any, ...]) -> list[Change]:
    """Yield the changes of one field. Equal items, nearly all, are skipped first."""
    was, will = set(old), set(new)
    gone = keyed_values(part, filterfalse(will.__contains__, old))
    come = keyed_values(part, filterfalse(was.__contains__, new))
    rows: list[_Row] = [(key, _REMOVE, value, None) for key, value in gone]
    rows += [(key, _ADD, None, value) for key, value in come]
    rows.sort(key=_KEY)
    if len(set(map(_KEY, rows))) < len(rows):
        rows = _paired(rows, {key for key, _ in keyed_values(part, was & will)})
    return [Change(field=part, key=key, kind=kind, before=before, after=after) for key, kind, before, after in rows]


def _paired(rows: Iterable[_Row], kept: set[str]) -> list[_Row]:
    """Merge a removal and an addition under one key into one change.

    A live overlay may hold one name several times (`curl` and `curl=8.1`): then only whole items are added and removed.
    """
    found: list[_Row] = []
    for key, several in groupby(rows, key=_KEY):
        alike = list(several)
        if [row[1] for row in alike] == [_REMOVE, _ADD] and key not in kept:
            alike = [(key, ChangeKind.CHANGE, alike[0][2], alike[1][3])]
        found += alike
    return found
