"""Overlays to JSON and back, exactly: the whole value with its fingerprint, which must fit when it is read.

What is empty is left out. Nothing is masked here, as what is written must be what was planned.
"""

from collections.abc import Mapping
from typing import Any

from reconciler.core import canonical
from reconciler.core.fingerprint import fingerprint
from reconciler.core.model import Accounts, Certificates, Group, Overlay, PemFile, User
from reconciler.planfile import fields
from reconciler.planfile.fields import Malformed

Json = dict[str, Any]


def encode(overlay: Overlay) -> Json:
    """An overlay with its fingerprint."""
    return {"fingerprint": fingerprint(overlay), "overlay": _overlay(overlay)}


def decode(item: Mapping[str, Any]) -> Overlay:
    """The overlay; raises `Malformed` where it is not the one of the fingerprint."""
    overlay = _read(fields.mapping(item, "overlay"))
    if fields.text(item, "fingerprint") != fingerprint(overlay):
        raise Malformed("the fingerprint of an overlay does not fit its value")
    return overlay


def _overlay(overlay: Overlay) -> Json:
    accounts, certificates = overlay.accounts, overlay.certificates
    return _filled(
        packages=overlay.packages,
        runtime_repositories=overlay.runtime_repositories,
        runtime_keyring=_files(overlay.runtime_keyring),
        environment=dict(overlay.environment),
        annotations=dict(overlay.annotations),
        accounts=_filled(
            run_as=accounts.run_as,
            users=[_user(user) for user in accounts.users],
            groups=[{"name": one.groupname, "gid": one.gid, "members": one.members} for one in accounts.groups],
        ),
        certificates=_filled(additional=_files(certificates.additional), providers=certificates.providers),
        unrecognised=[{"path": path, "json": text} for path, text in overlay.unrecognised],
    )


def _filled(**values: object) -> Json:
    return {name: value for name, value in values.items() if value}


def _files(files: tuple[PemFile, ...]) -> list[Json]:
    return [{"name": file.name, "text": file.text or file.pem} for file in files]


def _user(user: User) -> Json:
    optional = {"groupname": user.groupname, "shell": user.shell, "homedir": user.homedir}
    gid = {} if user.gid is None else {"gid": user.gid}
    return {"name": user.username, "uid": user.uid, **gid, **_filled(**optional)}


def _read(item: Mapping[str, Any]) -> Overlay:
    return canonical.overlay(
        packages=fields.texts(item, "packages"),
        runtime_repositories=fields.texts(item, "runtime_repositories"),
        runtime_keyring=fields.several(item, "runtime_keyring", _read_file),
        environment=fields.text_map(item, "environment"),
        annotations=fields.text_map(item, "annotations"),
        accounts=_read_accounts(fields.mapping(item, "accounts")),
        certificates=_read_certificates(fields.mapping(item, "certificates")),
        unrecognised=fields.several(
            item, "unrecognised", lambda one: (fields.text(one, "path"), fields.text(one, "json"))
        ),
    )


def _read_accounts(item: Mapping[str, Any]) -> Accounts:
    return canonical.accounts(
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
    return canonical.group(
        groupname=fields.text(item, "name"), gid=fields.whole(item, "gid"), members=fields.texts(item, "members")
    )


def _read_certificates(item: Mapping[str, Any]) -> Certificates:
    return canonical.certificates(
        additional=fields.several(item, "additional", _read_file), providers=fields.texts(item, "providers")
    )


def _read_file(item: Mapping[str, Any]) -> PemFile:
    return canonical.pem_file(fields.text(item, "name"), fields.text(item, "text"))
