"""Overlays to JSON and back, exactly.

What is empty is left out. Nothing is masked here, as what is written must be what was planned. Where no seal covers an
overlay, as in the journal, its fingerprint stands beside it and must fit when it is read.
"""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.core.overlay import (
    Accounts,
    Certificates,
    Group,
    Overlay,
    PemFile,
    User,
    fingerprint,
    make_accounts,
    make_certificates,
    make_group,
    make_pem_file,
    make_pem_files,
    package_set,
    sorted_pairs,
)
from reconciler.planfile import fields
from reconciler.planfile.fields import Malformed

Json = dict[str, Any]

# Sections of which equal JSON says the same: where there are numbers, `true` is equal to 1.
_OF_TEXT = ("environment", "annotations")
_NO_ACCOUNTS, _NO_CERTIFICATES = Accounts(), Certificates()


def encode(overlay: Overlay) -> Json:
    """An overlay with its fingerprint."""
    return {"fingerprint": fingerprint(overlay), "overlay": _overlay(overlay)}


def encode_sealed(overlay: Overlay) -> Json:
    """An overlay for a file whose seal covers it."""
    return {"overlay": _overlay(overlay)}


def decode(item: Mapping[str, Any]) -> Overlay:
    """The overlay; raises `Malformed`, also where it is not the one of a fingerprint beside it."""
    return _checked(item, Overlay(**_sections(fields.mapping(item, "overlay"))))


def decode_both(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Overlay, Overlay]:
    """Two overlays; what the second has in common with the first is read once. Raises `Malformed`."""
    told, later = fields.mapping(before, "overlay"), fields.mapping(after, "overlay")
    found = _sections(told)
    same = {name: found[name] for name in _OF_TEXT if name in told and told[name] == later.get(name)}
    other = {name: value for name, value in later.items() if name not in same} if same else later
    first, second = Overlay(**found), Overlay(**same, **_sections(other))
    return _checked(before, first), _checked(after, second)


def _checked(item: Mapping[str, Any], overlay: Overlay) -> Overlay:
    if "fingerprint" in item and item["fingerprint"] != fingerprint(overlay):
        raise Malformed("the fingerprint of an overlay does not fit its value")
    return overlay


def _sections(told: Json) -> Json:
    return {name: _READERS[name](told, name) for name in told if name in _READERS}


def _overlay(overlay: Overlay) -> Json:
    accounts, certificates = overlay.accounts, overlay.certificates
    return _filled(
        packages=overlay.packages,
        runtime_repositories=overlay.runtime_repositories,
        runtime_keyring=overlay.runtime_keyring and _files(overlay.runtime_keyring),
        environment=dict(overlay.environment),
        annotations=dict(overlay.annotations),
        accounts=None if accounts == _NO_ACCOUNTS else _accounts(accounts),
        certificates=None if certificates == _NO_CERTIFICATES else _certificates(certificates),
        unrecognised=overlay.unrecognised and [{"path": path, "json": text} for path, text in overlay.unrecognised],
    )


def _accounts(accounts: Accounts) -> Json:
    return _filled(
        run_as=accounts.run_as,
        users=[_user(user) for user in accounts.users],
        groups=[{"name": one.groupname, "gid": one.gid, "members": one.members} for one in accounts.groups],
    )


def _certificates(certificates: Certificates) -> Json:
    return _filled(additional=_files(certificates.additional), providers=certificates.providers)


def _filled(**values: object) -> Json:
    return {name: value for name, value in values.items() if value}


def _files(files: tuple[PemFile, ...]) -> list[Json]:
    return [{"name": file.name, "text": file.text or file.pem} for file in files]


def _user(user: User) -> Json:
    optional = {"groupname": user.groupname, "shell": user.shell, "homedir": user.homedir}
    gid = {} if user.gid is None else {"gid": user.gid}
    return {"name": user.username, "uid": user.uid, **gid, **_filled(**optional)}


def _read_packages(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return package_set(fields.texts(item, name))


def _read_pairs(item: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    return sorted_pairs(fields.text_map(item, name))


def _read_files(item: Mapping[str, Any], name: str) -> tuple[PemFile, ...]:
    return make_pem_files(fields.several(item, name, _read_file))


def _read_unrecognised(item: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(fields.several(item, name, lambda one: (fields.text(one, "path"), fields.text(one, "json")))))


def _read_accounts(holding: Mapping[str, Any], name: str) -> Accounts:
    item = fields.mapping(holding, name)
    return make_accounts(
        run_as=fields.optional_text(item, "run_as") or "",
        users=fields.several(item, "users", _read_user),
        groups=fields.several(item, "groups", _read_group),
    )


def _read_user(item: Mapping[str, Any]) -> User:
    return User(
        username=fields.text(item, "name"),
        uid=fields.whole(item, "uid"),
        gid=fields.whole(item, "gid") if "gid" in item else None,
        groupname=fields.optional_text(item, "groupname") or "",
        shell=fields.optional_text(item, "shell") or "",
        homedir=fields.optional_text(item, "homedir") or "",
    )


def _read_group(item: Mapping[str, Any]) -> Group:
    return make_group(
        groupname=fields.text(item, "name"), gid=fields.whole(item, "gid"), members=fields.texts(item, "members")
    )


def _read_certificates(holding: Mapping[str, Any], name: str) -> Certificates:
    item = fields.mapping(holding, name)
    return make_certificates(
        additional=fields.several(item, "additional", _read_file), providers=fields.texts(item, "providers")
    )


def _read_file(item: Mapping[str, Any]) -> PemFile:
    return make_pem_file(fields.text(item, "name"), fields.text(item, "text"))


_READERS: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "packages": _read_packages,
    "runtime_repositories": fields.texts,
    "runtime_keyring": _read_files,
    "environment": _read_pairs,
    "annotations": _read_pairs,
    "accounts": _read_accounts,
    "certificates": _read_certificates,
    "unrecognised": _read_unrecognised,
}
