"""An overlay taken apart into items, and the difference between two overlays.

An item is the smallest thing that can be added, removed or changed: one package, one variable, one user, the whole
ordered list of runtime repositories. `diff(a, b)` is empty exactly when `a == b`, and applying it to `a` gives `b`. The
order of changes depends on nothing but the overlays. How a change is shown is the business of the views.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress, filterfalse, groupby
from operator import attrgetter, itemgetter, ne
from typing import Any, TypeVar

from reconciler.core.overlay import (
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
    """Where an entry stands in an overlay, spelt as apko spells it."""

    # Enum's own is written in Python, and entries are looked up by their part again and again.
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


SECTION_OF: dict[Field, Section] = {
    Field.PACKAGES: Section.PACKAGES,
    Field.RUNTIME_REPOSITORIES: Section.RUNTIME_REPOSITORIES,
    Field.RUNTIME_KEYRING: Section.RUNTIME_KEYRING,
    Field.ENVIRONMENT: Section.ENVIRONMENT,
    Field.ANNOTATIONS: Section.ANNOTATIONS,
    Field.RUN_AS: Section.ACCOUNTS,
    Field.USERS: Section.ACCOUNTS,
    Field.GROUPS: Section.ACCOUNTS,
    Field.CERTIFICATES: Section.CERTIFICATES,
    Field.PROVIDERS: Section.CERTIFICATES,
    Field.GUARDED_ENTRYPOINT: Section.GUARDED_ENTRYPOINT,
    Field.FAIL_MODE: Section.FAIL_MODE,
    Field.PREFLIGHT: Section.PREFLIGHT,
    Field.COMMAND_OVERRIDE: Section.COMMAND_OVERRIDE,
    Field.TRUSTSTORE: Section.TRUSTSTORE,
}

# Parts whose entries are found by a name of their own, which then belongs to the path of a change.
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
    """One thing in an overlay: its part, the key that it is known by within the part, and its value."""

    field: Field
    key: str
    value: Value


# What an overlay holds in each part, found by one look, in the order of `Part`.
_PATHS = (
    "packages",
    "runtime_repositories",
    "runtime_keyring",
    "environment",
    "annotations",
    "accounts.run_as",
    "accounts.users",
    "accounts.groups",
    "certificates.additional",
    "certificates.providers",
    "guarded_entrypoint",
    "fail_mode",
    "preflight",
    "command_override",
    "truststore",
    "unrecognized",
)
_PARTS = tuple(Field)
_CONTENTS = attrgetter(*_PATHS)
_HELD = {part: attrgetter(path) for part, path in zip(Field, _PATHS, strict=True)}
# These hold one item, which is the whole of them.
WHOLE = frozenset(
    {
        Field.RUNTIME_REPOSITORIES,
        Field.RUN_AS,
        Field.GUARDED_ENTRYPOINT,
        Field.FAIL_MODE,
        Field.PREFLIGHT,
        Field.COMMAND_OVERRIDE,
        Field.TRUSTSTORE,
    }
)
# The items of these are a key and a value, and those of the others the value alone.
_PAIRS = frozenset({Field.ENVIRONMENT, Field.ANNOTATIONS, Field.UNRECOGNIZED})
# The key that an item is known by within its part; the only one of a part needs none.
_KEYS: dict[Field, Callable[[Any], str]] = {
    **dict.fromkeys(WHOLE, lambda _: ""),
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


def differing_fields(before: Overlay, after: Overlay) -> Iterator[tuple[Field, tuple[Any, ...], tuple[Any, ...]]]:
    """The parts in which two overlays differ, in their order, with the items that each has there; none where equal."""
    old, new = _CONTENTS(before), _CONTENTS(after)
    for part, was, will in compress(zip(_PARTS, old, new, strict=True), map(ne, old, new)):
        yield part, _items(part, was), _items(part, will)


def has_key(overlay: Overlay, part: Field, key: str) -> bool:
    """Whether an overlay holds something under a key in one part."""
    return key in map(_KEYS[part], _items(part, _HELD[part](overlay)))


def removed_items(changes: Iterable["Change"], after: Overlay) -> Iterator[Item]:
    """Each item that the changes take away, and of which nothing is left in `after` under its key."""
    for change in changes:
        if change.kind is ChangeKind.REMOVE and change.before and not has_key(after, change.field, change.key):
            yield Item(change.field, change.key, change.before)


def keyed_values(part: Field, items: Iterable[Any]) -> Iterable[tuple[str, Value]]:
    """The items of one part as the key and the value of an entry each."""
    if part in _PAIRS:
        return items
    key = _KEYS[part]
    return [(key(item), item) for item in items]


def items_of(overlay: Overlay) -> Iterator[Item]:
    """Every entry of an overlay, in the order of `Part` and then of the canonical form."""
    for part, held in zip(_PARTS, _CONTENTS(overlay), strict=True):
        yield from (Item(part, key, value) for key, value in keyed_values(part, _items(part, held)))


def _items(part: Field, held: Any) -> tuple[Any, ...]:
    if part in WHOLE:
        return (held,) if held else ()
    return held  # type: ignore[no-any-return]


def assemble(parts: Iterable[Item]) -> Overlay:
    """The overlay that holds exactly these entries: the inverse of `entries`."""
    found: dict[Field, list[tuple[str, Value]]] = {part: [] for part in Field}
    for entry in parts:
        found[entry.field].append((entry.key, entry.value))
    return make_overlay(
        packages=_values(found[Field.PACKAGES], str),
        runtime_repositories=_first(found[Field.RUNTIME_REPOSITORIES], tuple, ()),
        runtime_keyring=_values(found[Field.RUNTIME_KEYRING], PemFile),
        environment=dict(_pairs(found[Field.ENVIRONMENT])),
        annotations=dict(_pairs(found[Field.ANNOTATIONS])),
        accounts=make_accounts(
            run_as=_first(found[Field.RUN_AS], str, ""),
            users=_values(found[Field.USERS], User),
            groups=_values(found[Field.GROUPS], Group),
        ),
        certificates=make_certificates(
            additional=_values(found[Field.CERTIFICATES], PemFile), providers=_values(found[Field.PROVIDERS], str)
        ),
        guarded_entrypoint=_first(found[Field.GUARDED_ENTRYPOINT], bool, default=False),
        fail_mode=_first(found[Field.FAIL_MODE], str, ""),
        preflight=_first(found[Field.PREFLIGHT], tuple, ()),
        command_override=next(iter(_values(found[Field.COMMAND_OVERRIDE], CommandOverride)), None),
        truststore=_first(found[Field.TRUSTSTORE], str, ""),
        unrecognized=_pairs(found[Field.UNRECOGNIZED]),
    )


def _values(found: Iterable[tuple[str, Value]], kind: type[T]) -> list[T]:
    return [value for _, value in found if isinstance(value, kind)]


def _first(found: Iterable[tuple[str, Value]], kind: type[T], default: T) -> T:
    return next(iter(_values(found, kind)), default)


def _pairs(found: Iterable[tuple[str, Value]]) -> list[tuple[str, str]]:
    return [(key, value) for key, value in found if isinstance(value, str)]


class ChangeKind(StrEnum):
    """What happens to one entry of an overlay."""

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
        """Where the change is, such as `contents.packages` or `environment.NODE_ENV`."""
        return f"{self.field}.{self.key}" if self.field in KEYED else str(self.field)


_Row = tuple[str, ChangeKind, Value | None, Value | None]
_KEY = itemgetter(0)
_REMOVE, _ADD = ChangeKind.REMOVE, ChangeKind.ADD


def diff(before: Overlay, after: Overlay) -> tuple[Change, ...]:
    """What has to happen to `before` so that it becomes `after`, in the order of parts, keys and values."""
    changes: list[Change] = []
    for part, old, new in differing_fields(before, after):
        changes += _changes(part, old, new)
    return tuple(changes)


def _changes(part: Field, old: tuple[Any, ...], new: tuple[Any, ...]) -> list[Change]:
    """The changes of one part. What stays is not looked at closer, because it is nearly all of it."""
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
