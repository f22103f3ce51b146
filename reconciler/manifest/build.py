"""From what the schema accepted to core values in canonical form. Nothing is checked or worded here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from reconciler.core import canonical
from reconciler.core.layers import Layer, Site, Strength
from reconciler.core.model import EMPTY, SECTION_FIELDS, Accounts, Certificates, Overlay, PemFile, Section, User
from reconciler.core.parts import SECTION_OF, Part
from reconciler.diagnostics import Place
from reconciler.manifest import schema

# From a path to the text of that file; empty where it could not be read, which is reported elsewhere.
Reader = Callable[[str], str]

_SECTIONS: Final[Mapping[str, Section]] = {
    "packages": Section.PACKAGES,
    "environment": Section.ENVIRONMENT,
    "annotations": Section.ANNOTATIONS,
    "accounts": Section.ACCOUNTS,
    "certificates": Section.CERTIFICATES,
}
_CONTENTS: Final[Mapping[str, Section]] = {
    "packages": Section.PACKAGES,
    "runtime_repositories": Section.RUNTIME_REPOSITORIES,
    "runtime_keyring": Section.RUNTIME_KEYRING,
}
_SPLIT: Final[Mapping[Section, Mapping[str, Part]]] = {
    Section.ACCOUNTS: {"run_as": Part.RUN_AS, "users": Part.USERS, "groups": Part.GROUPS},
    Section.CERTIFICATES: {"additional": Part.CERTIFICATES, "providers": Part.PROVIDERS},
}
_PART_OF: Final[Mapping[Section, Part]] = {
    section: part for part, section in SECTION_OF.items() if section not in _SPLIT
}
_NOTHING_EMPTIED: Final[frozenset[Part]] = frozenset()


def layer(
    block: schema.OverlayFile, read: Reader, *, kind: Strength, place: Place, site: Site, name: str = ""
) -> Layer:
    """What one block of sections says."""
    managed, overlay = _managed(block), _overlay(block, read)
    protect = block.protect if isinstance(block, schema.Repository) and "protect" in block.model_fields_set else None
    return Layer(
        strength=kind,
        kind=kind,
        place=place,
        overlay=overlay,
        managed=managed,
        name=name,
        emptied=_emptied(block, overlay, managed),
        protect=protect,
        site=site,
    )


def _managed(block: schema.OverlayFile) -> frozenset[Section]:
    """The sections that a block mentions, also those that it gives empty."""
    mentioned, below = block.model_fields_set, block.contents.model_fields_set
    whole = frozenset(_SECTIONS[name] for name in mentioned if name in _SECTIONS)
    return whole.union(_CONTENTS[name] for name in below) if below else whole


def _emptied(block: schema.OverlayFile, overlay: Overlay, managed: frozenset[Section]) -> frozenset[Part]:
    """The parts that a block gives empty; `accounts: {users: []}` empties the users alone."""
    found: list[Part] = []
    for section in managed:
        if section in _SPLIT:
            found += _empty_parts(block, section)
        elif not getattr(overlay, SECTION_FIELDS[section]):
            found.append(_PART_OF[section])
    return frozenset(found) if found else _NOTHING_EMPTIED


def _empty_parts(block: schema.OverlayFile, section: Section) -> Iterator[Part]:
    below = block.accounts if section is Section.ACCOUNTS else block.certificates
    mentioned = below.model_fields_set or _SPLIT[section]
    return (_SPLIT[section][name] for name in mentioned if not getattr(below, name))


def _overlay(block: schema.OverlayFile, read: Reader) -> Overlay:
    mentioned, contents = block.model_fields_set, block.contents
    packages = [*block.packages, *contents.packages] if isinstance(block, schema.Sections) else contents.packages
    return canonical.overlay(
        packages=packages,
        runtime_repositories=contents.runtime_repositories,
        runtime_keyring=_pem_files(contents.runtime_keyring, read),
        environment=block.environment,
        annotations=block.annotations,
        accounts=_accounts(block.accounts) if "accounts" in mentioned else EMPTY.accounts,
        certificates=_certificates(block.certificates, read) if "certificates" in mentioned else EMPTY.certificates,
    )


def _accounts(accounts: schema.Accounts) -> Accounts:
    return canonical.accounts(
        run_as=accounts.run_as,
        users=[_user(user) for user in accounts.users],
        groups=[
            canonical.group(groupname=group.groupname, gid=group.gid, members=group.members)
            for group in accounts.groups
        ],
    )


def _user(user: schema.User) -> User:
    return User(
        username=user.username,
        uid=user.uid,
        gid=user.gid,
        groupname=user.groupname,
        shell=user.shell,
        homedir=user.homedir,
    )


def _certificates(certificates: schema.Certificates, read: Reader) -> Certificates:
    additional = _pem_files(certificates.additional, read)
    return canonical.certificates(additional=additional, providers=certificates.providers)


def _pem_files(named: Iterable[schema.NamedText], read: Reader) -> list[PemFile]:
    return [canonical.pem_file(one.name, one.content or read(one.file)) for one in named]
