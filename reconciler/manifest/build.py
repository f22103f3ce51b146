"""From the tree of a block of the right form to core values in canonical form. Nothing is checked or worded here."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from reconciler.core.diff import SECTION_OF, Field
from reconciler.core.layers import Layer, Locator, Precedence
from reconciler.core.overlay import (
    EMPTY,
    SECTION_FIELDS,
    Accounts,
    Certificates,
    Overlay,
    PemFile,
    Section,
    User,
    make_accounts,
    make_certificates,
    make_group,
    make_overlay,
    make_pem_file,
)
from reconciler.diagnostics import Place
from reconciler.manifest import patterns

# From a path to the text of that file; empty where it could not be read, which is reported elsewhere.
Reader = Callable[[str], str]
# A mapping of the tree of a file, of a form that `schema` accepts.
Tree = Mapping[str, Any]

_layer = Layer
_NOTHING: Final[Tree] = {}
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
_SPLIT: Final[Mapping[Section, tuple[str, Mapping[str, Field]]]] = {
    Section.ACCOUNTS: ("accounts", {"run-as": Field.RUN_AS, "users": Field.USERS, "groups": Field.GROUPS}),
    Section.CERTIFICATES: ("certificates", {"additional": Field.CERTIFICATES, "providers": Field.PROVIDERS}),
}
_PART_OF: Final[Mapping[Section, Field]] = {
    section: part for part, section in SECTION_OF.items() if section not in _SPLIT
}
_NOTHING_EMPTIED: Final[frozenset[Field]] = frozenset()


def layer(block: Tree, read: Reader, *, kind: Precedence, place: Place, site: Locator, name: str = "") -> Layer:
    """What one block of sections says."""
    managed = _sections(tuple(block), tuple(block.get("contents", ())))
    overlay = _overlay(block, read)
    return _layer(
        precedence=kind,
        kind=kind,
        place=place,
        overlay=overlay,
        managed=managed,
        name=name,
        emptied=_emptied(block, overlay, managed),
        protect=patterns.flag(block["protect"]) if "protect" in block else None,
        site=site,
    )


def is_true(block: Tree, key: str) -> bool:
    """Whether a flag is given and true."""
    return patterns.flag(block.get(key, "")) is True


# Thousands of blocks mention the same few sections.
@lru_cache(maxsize=1024)
def _sections(mentioned: tuple[str, ...], below: tuple[str, ...]) -> frozenset[Section]:
    """The sections that a block mentions, also those that it gives empty."""
    whole = frozenset(_SECTIONS[name] for name in mentioned if name in _SECTIONS)
    return whole.union(_CONTENTS[name] for name in below)


def _emptied(block: Tree, overlay: Overlay, managed: frozenset[Section]) -> frozenset[Field]:
    """The parts that a block gives empty; `accounts: {users: []}` empties the users alone."""
    found: list[Field] = []
    for section in managed:
        if section in _SPLIT:
            found += _empty_parts(block, *_SPLIT[section])
        elif not getattr(overlay, SECTION_FIELDS[section]):
            found.append(_PART_OF[section])
    return frozenset(found) if found else _NOTHING_EMPTIED


def _empty_parts(block: Tree, key: str, parts: Mapping[str, Field]) -> Iterator[Field]:
    below: Tree = block[key]
    return (parts[name] for name in below or parts if not below.get(name))


def _overlay(block: Tree, read: Reader) -> Overlay:
    contents: Tree = block.get("contents", _NOTHING)
    return make_overlay(
        packages=[*block.get("packages", ()), *contents.get("packages", ())],
        runtime_repositories=contents.get("runtime_repositories", ()),
        runtime_keyring=_pem_files(contents.get("runtime_keyring", ()), read),
        environment=block.get("environment"),
        annotations=block.get("annotations"),
        accounts=_accounts(block["accounts"]) if "accounts" in block else EMPTY.accounts,
        certificates=_certificates(block["certificates"], read) if "certificates" in block else EMPTY.certificates,
    )


def _accounts(accounts: Tree) -> Accounts:
    return make_accounts(
        run_as=accounts.get("run-as", ""),
        users=map(_user, accounts.get("users", ())),
        groups=[
            make_group(groupname=group["groupname"], gid=int(group["gid"]), members=group.get("members", ()))
            for group in accounts.get("groups", ())
        ],
    )


def _user(user: Tree) -> User:
    return User(
        username=user["username"],
        uid=int(user["uid"]),
        gid=int(user["gid"]) if "gid" in user else None,
        groupname=user.get("groupname", ""),
        shell=user.get("shell", ""),
        homedir=user.get("homedir", ""),
    )


def _certificates(certificates: Tree, read: Reader) -> Certificates:
    additional = _pem_files(certificates.get("additional", ()), read)
    return make_certificates(additional=additional, providers=certificates.get("providers", ()))


def _pem_files(named: Iterable[Tree], read: Reader) -> list[PemFile]:
    return [make_pem_file(one["name"], one.get("content") or read(one.get("file", ""))) for one in named]
