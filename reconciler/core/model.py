"""The overlay: what Custom Assembly adds to an image, as immutable values compared by meaning.

Only the shape lives here. Values in canonical form are made by `core.canonical`; nobody else sorts or de-duplicates.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Section(StrEnum):
    """What a manifest manages or leaves alone, each by itself; spelt as apko spells it."""

    PACKAGES = "contents.packages"
    RUNTIME_REPOSITORIES = "contents.runtime_repositories"
    RUNTIME_KEYRING = "contents.runtime_keyring"
    ENVIRONMENT = "environment"
    ANNOTATIONS = "annotations"
    ACCOUNTS = "accounts"
    CERTIFICATES = "certificates"


@dataclass(frozen=True, slots=True, kw_only=True)
class PemFile:
    """A named certificate or public key.

    `pem` is the canonical text and decides equality; `text` is what was written or read, kept so that it can be sent
    as it was.
    """

    name: str
    pem: str
    text: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user account; `gid` None is "not given", which differs from 0, and empty text is "not given" everywhere."""

    username: str
    uid: int
    gid: int | None = None
    groupname: str = ""
    shell: str = ""
    homedir: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group account with its members in canonical order."""

    groupname: str
    gid: int
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts section; `run_as` "" is "not given"."""

    run_as: str = ""
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """The certificates section: certificates by name, and packages that provide more."""

    additional: tuple[PemFile, ...] = ()
    providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A whole overlay in canonical form; an empty field means that nothing is there.

    `unrecognised` holds what the API sent inside the overlay that this version does not know, as (path, JSON text):
    it takes part in comparison, so that a change to it is noticed, and only a reset removes it.
    """

    packages: tuple[str, ...] = ()
    runtime_repositories: tuple[str, ...] = ()
    runtime_keyring: tuple[PemFile, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    accounts: Accounts = Accounts()
    certificates: Certificates = Certificates()
    unrecognised: tuple[tuple[str, str], ...] = ()


EMPTY = Overlay()

SECTION_FIELDS: dict[Section, str] = {
    Section.PACKAGES: "packages",
    Section.RUNTIME_REPOSITORIES: "runtime_repositories",
    Section.RUNTIME_KEYRING: "runtime_keyring",
    Section.ENVIRONMENT: "environment",
    Section.ANNOTATIONS: "annotations",
    Section.ACCOUNTS: "accounts",
    Section.CERTIFICATES: "certificates",
}


_NOTHING = tuple((section, name, getattr(EMPTY, name)) for section, name in SECTION_FIELDS.items())


def sections_held(overlay: Overlay) -> tuple[Section, ...]:
    """The sections in which something is there, in the order of `Section`."""
    return tuple([section for section, name, nothing in _NOTHING if getattr(overlay, name) != nothing])
