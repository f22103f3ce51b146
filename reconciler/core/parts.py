"""An overlay taken apart into entries, and put together again.

An entry is the smallest thing that can be added, removed or changed: one package, one variable, one user, the whole
ordered list of runtime repositories. Diffing and matching of builds work on entries, so that they know nothing about
sections.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from reconciler.core import canonical
from reconciler.core.model import Group, Overlay, PemFile, Section, User

T = TypeVar("T")

Value = str | tuple[str, ...] | PemFile | User | Group


class Part(StrEnum):
    """Where an entry stands in an overlay, spelt as apko spells it."""

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
    yield from (Entry(Part.PACKAGES, canonical.package_name(spec), spec) for spec in overlay.packages)
    if overlay.runtime_repositories:
        yield Entry(Part.RUNTIME_REPOSITORIES, "", overlay.runtime_repositories)
    yield from (Entry(Part.RUNTIME_KEYRING, file.name, file) for file in overlay.runtime_keyring)
    yield from (Entry(Part.ENVIRONMENT, key, value) for key, value in overlay.environment)
    yield from (Entry(Part.ANNOTATIONS, key, value) for key, value in overlay.annotations)
    if overlay.accounts.run_as:
        yield Entry(Part.RUN_AS, "", overlay.accounts.run_as)
    yield from (Entry(Part.USERS, user.username, user) for user in overlay.accounts.users)
    yield from (Entry(Part.GROUPS, group.groupname, group) for group in overlay.accounts.groups)
    yield from (Entry(Part.CERTIFICATES, file.name, file) for file in overlay.certificates.additional)
    yield from (Entry(Part.PROVIDERS, name, name) for name in overlay.certificates.providers)
    yield from (Entry(Part.UNRECOGNISED, path, text) for path, text in overlay.unrecognised)


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
