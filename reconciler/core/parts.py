"""An overlay taken apart into entries, and put together again.

An entry is the smallest thing that can be added, removed or changed: one package, one variable, one user, the whole
ordered list of runtime repositories. Diffing and matching of builds work on entries, so that they know nothing about
sections.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress
from operator import attrgetter, itemgetter, ne
from typing import Any, TypeVar

from reconciler.core import canonical
from reconciler.core.model import Group, Overlay, PemFile, Section, User

T = TypeVar("T")

Value = str | tuple[str, ...] | PemFile | User | Group


class Part(StrEnum):
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
    UNRECOGNISED = "unrecognised"


SECTION_OF: dict[Part, Section] = {
    Part.PACKAGES: Section.PACKAGES,
    Part.RUNTIME_REPOSITORIES: Section.RUNTIME_REPOSITORIES,
    Part.RUNTIME_KEYRING: Section.RUNTIME_KEYRING,
    Part.ENVIRONMENT: Section.ENVIRONMENT,
    Part.ANNOTATIONS: Section.ANNOTATIONS,
    Part.RUN_AS: Section.ACCOUNTS,
    Part.USERS: Section.ACCOUNTS,
    Part.GROUPS: Section.ACCOUNTS,
    Part.CERTIFICATES: Section.CERTIFICATES,
    Part.PROVIDERS: Section.CERTIFICATES,
}

# Parts whose entries are found by a name of their own, which then belongs to the path of a change.
KEYED = frozenset(
    {
        Part.RUNTIME_KEYRING,
        Part.ENVIRONMENT,
        Part.ANNOTATIONS,
        Part.USERS,
        Part.GROUPS,
        Part.CERTIFICATES,
        Part.UNRECOGNISED,
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in an overlay: its part, the key that it is known by within the part, and its value."""

    part: Part
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
    "unrecognised",
)
_PARTS = tuple(Part)
_CONTENTS = attrgetter(*_PATHS)
_HELD = {part: attrgetter(path) for part, path in zip(Part, _PATHS, strict=True)}
# These hold one item, which is the whole of them.
_WHOLE = frozenset({Part.RUNTIME_REPOSITORIES, Part.RUN_AS})
# The items of these are a key and a value, and those of the others the value alone.
_PAIRS = frozenset({Part.ENVIRONMENT, Part.ANNOTATIONS, Part.UNRECOGNISED})
# The key that an item is known by within its part; the only one of a part needs none.
_KEYS: dict[Part, Callable[[Any], str]] = {
    Part.PACKAGES: canonical.package_name,
    Part.RUNTIME_REPOSITORIES: lambda _: "",
    Part.RUNTIME_KEYRING: attrgetter("name"),
    Part.ENVIRONMENT: itemgetter(0),
    Part.ANNOTATIONS: itemgetter(0),
    Part.RUN_AS: lambda _: "",
    Part.USERS: attrgetter("username"),
    Part.GROUPS: attrgetter("groupname"),
    Part.CERTIFICATES: attrgetter("name"),
    Part.PROVIDERS: str,
    Part.UNRECOGNISED: itemgetter(0),
}


def differing(before: Overlay, after: Overlay) -> Iterator[tuple[Part, tuple[Any, ...], tuple[Any, ...]]]:
    """The parts in which two overlays differ, in their order, with the items that each has there; none where equal."""
    old, new = _CONTENTS(before), _CONTENTS(after)
    for part, was, will in compress(zip(_PARTS, old, new, strict=True), map(ne, old, new)):
        yield part, _items(part, was), _items(part, will)


def holds(overlay: Overlay, part: Part, key: str) -> bool:
    """Whether an overlay holds something under a key in one part."""
    return key in map(_KEYS[part], _items(part, _HELD[part](overlay)))


def read(part: Part, items: Iterable[Any]) -> Iterable[tuple[str, Value]]:
    """The items of one part as the key and the value of an entry each."""
    if part in _PAIRS:
        return items
    key = _KEYS[part]
    return [(key(item), item) for item in items]


def entries(overlay: Overlay) -> Iterator[Entry]:
    """Every entry of an overlay, in the order of `Part` and then of the canonical form."""
    for part, held in zip(_PARTS, _CONTENTS(overlay), strict=True):
        yield from (Entry(part, key, value) for key, value in read(part, _items(part, held)))


def _items(part: Part, held: Any) -> tuple[Any, ...]:
    if part in _WHOLE:
        return (held,) if held else ()
    return held  # type: ignore[no-any-return]


def assemble(parts: Iterable[Entry]) -> Overlay:
    """The overlay that holds exactly these entries: the inverse of `entries`."""
    found: dict[Part, list[tuple[str, Value]]] = {part: [] for part in Part}
    for entry in parts:
        found[entry.part].append((entry.key, entry.value))
    return canonical.overlay(
        packages=_values(found[Part.PACKAGES], str),
        runtime_repositories=_first(found[Part.RUNTIME_REPOSITORIES], tuple, ()),
        runtime_keyring=_values(found[Part.RUNTIME_KEYRING], PemFile),
        environment=dict(_pairs(found[Part.ENVIRONMENT])),
        annotations=dict(_pairs(found[Part.ANNOTATIONS])),
        accounts=canonical.accounts(
            run_as=_first(found[Part.RUN_AS], str, ""),
            users=_values(found[Part.USERS], User),
            groups=_values(found[Part.GROUPS], Group),
        ),
        certificates=canonical.certificates(
            additional=_values(found[Part.CERTIFICATES], PemFile), providers=_values(found[Part.PROVIDERS], str)
        ),
        unrecognised=_pairs(found[Part.UNRECOGNISED]),
    )


def _values(found: Iterable[tuple[str, Value]], kind: type[T]) -> list[T]:
    return [value for _, value in found if isinstance(value, kind)]


def _first(found: Iterable[tuple[str, Value]], kind: type[T], default: T) -> T:
    return next(iter(_values(found, kind)), default)


def _pairs(found: Iterable[tuple[str, Value]]) -> list[tuple[str, str]]:
    return [(key, value) for key, value in found if isinstance(value, str)]
