"""An overlay taken apart into entries, and put together again.

An entry is the smallest thing that can be added, removed or changed: one package, one variable, one user, the whole
ordered list of runtime repositories. Diffing and matching of builds work on entries, so that they know nothing about
sections.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from reconciler.core import canonical
from reconciler.core.model import Group, Overlay, PemFile, Section, User

T = TypeVar("T")

Value = str | tuple[str, ...] | PemFile | User | Group


class Part(StrEnum):
    """Where an entry stands in an overlay, spelt as apko spells it."""

    # Enum's own is written in Python, and every entry of a difference is found by its part.
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


def entries(overlay: Overlay) -> Iterator[Entry]:
    """Every entry of an overlay, in the order of `Part` and then of the canonical form."""
    return entries_of(overlay, _FIELDS)


def unlike(one: Overlay, other: Overlay) -> Sequence[str]:
    """The fields of an overlay in which two differ."""
    return [name for name in _FIELDS if getattr(one, name) != getattr(other, name)]


def entries_of(overlay: Overlay, fields: Iterable[str]) -> Iterator[Entry]:
    """The entries in some fields of an overlay, in the order of the fields."""
    for name in fields:
        yield from _FIELDS[name](overlay)


def _packages(overlay: Overlay) -> Iterator[Entry]:
    for spec in overlay.packages:
        yield Entry(Part.PACKAGES, canonical.package_name(spec), spec)


def _runtime_repositories(overlay: Overlay) -> Iterator[Entry]:
    if overlay.runtime_repositories:
        yield Entry(Part.RUNTIME_REPOSITORIES, "", overlay.runtime_repositories)


def _runtime_keyring(overlay: Overlay) -> Iterator[Entry]:
    for file in overlay.runtime_keyring:
        yield Entry(Part.RUNTIME_KEYRING, file.name, file)


def _environment(overlay: Overlay) -> Iterator[Entry]:
    for key, value in overlay.environment:
        yield Entry(Part.ENVIRONMENT, key, value)


def _annotations(overlay: Overlay) -> Iterator[Entry]:
    for key, value in overlay.annotations:
        yield Entry(Part.ANNOTATIONS, key, value)


def _accounts(overlay: Overlay) -> Iterator[Entry]:
    if overlay.accounts.run_as:
        yield Entry(Part.RUN_AS, "", overlay.accounts.run_as)
    for user in overlay.accounts.users:
        yield Entry(Part.USERS, user.username, user)
    for group in overlay.accounts.groups:
        yield Entry(Part.GROUPS, group.groupname, group)


def _certificates(overlay: Overlay) -> Iterator[Entry]:
    for file in overlay.certificates.additional:
        yield Entry(Part.CERTIFICATES, file.name, file)
    for name in overlay.certificates.providers:
        yield Entry(Part.PROVIDERS, name, name)


def _unrecognised(overlay: Overlay) -> Iterator[Entry]:
    for path, text in overlay.unrecognised:
        yield Entry(Part.UNRECOGNISED, path, text)


# By the field of an overlay, in the order of `Part`.
_FIELDS: Mapping[str, Callable[[Overlay], Iterator[Entry]]] = {
    "packages": _packages,
    "runtime_repositories": _runtime_repositories,
    "runtime_keyring": _runtime_keyring,
    "environment": _environment,
    "annotations": _annotations,
    "accounts": _accounts,
    "certificates": _certificates,
    "unrecognised": _unrecognised,
}


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
