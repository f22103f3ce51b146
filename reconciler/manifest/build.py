"""From what the schema accepted to core values in canonical form. Nothing is checked or worded here."""

from collections.abc import Iterable, Mapping
from typing import Final

from reconciler.core import canonical
from reconciler.core.desired import Address, DesiredRepository
from reconciler.core.model import EMPTY, Accounts, Certificates, Overlay, PemFile, Section, User
from reconciler.diagnostics import Place
from reconciler.manifest import schema

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


def repository(name: str, entry: schema.Repository, place: Place) -> DesiredRepository:
    """One entry of the manifest."""
    return DesiredRepository(
        address=Address.parse(name),
        place=place,
        overlay=EMPTY if entry.reset else _overlay(entry),
        managed=frozenset() if entry.reset else _managed(entry),
        reset=entry.reset,
        source=Address.parse(entry.source) if entry.source else None,
    )


def _managed(entry: schema.Repository) -> frozenset[Section]:
    """The sections that an entry mentions, also those that it gives empty."""
    mentioned, below = entry.model_fields_set, entry.contents.model_fields_set
    whole = frozenset(_SECTIONS[name] for name in mentioned if name in _SECTIONS)
    return whole.union(_CONTENTS[name] for name in below) if below else whole


def _overlay(entry: schema.Repository) -> Overlay:
    mentioned, contents = entry.model_fields_set, entry.contents
    return canonical.overlay(
        packages=[*entry.packages, *contents.packages],
        runtime_repositories=contents.runtime_repositories,
        runtime_keyring=_pem_files(contents.runtime_keyring),
        environment=entry.environment,
        annotations=entry.annotations,
        accounts=_accounts(entry.accounts) if "accounts" in mentioned else EMPTY.accounts,
        certificates=_certificates(entry.certificates) if "certificates" in mentioned else EMPTY.certificates,
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


def _certificates(certificates: schema.Certificates) -> Certificates:
    return canonical.certificates(additional=_pem_files(certificates.additional), providers=certificates.providers)


def _pem_files(named: Iterable[schema.NamedText]) -> list[PemFile]:
    return [canonical.pem_file(one.name, one.content) for one in named]
