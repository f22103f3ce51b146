"""From JSON to core values: overlays and repositories. The way back is in `merging`; builds are in `reports`."""

from collections.abc import Sequence
from functools import lru_cache

from reconciler.api import json_text, wire
from reconciler.api.errors import clean
from reconciler.api.spelling import V1, Spelling
from reconciler.core.overlay import (
    EMPTY,
    Accounts,
    Certificates,
    Group,
    Overlay,
    PemFile,
    User,
    make_accounts,
    make_certificates,
    make_group,
    make_overlay,
    make_pem_file,
    without_absent,
)
from reconciler.core.state import LiveRepository, Unreadable

_OVERLAY = frozenset({"contents", "environment", "annotations", "accounts", "certificates"})
_CONTENTS = frozenset({"packages", "runtimeRepositories", "runtimeKeyring"})
_ACCOUNTS = frozenset({"runAs", "users", "groups"})
_CERTIFICATES = frozenset({"additional", "providers"})

Json = dict[str, object]

_repository = LiveRepository


def overlay_from_wire(value: object, spelling: Spelling = V1) -> Overlay | Unreadable:
    """The overlay that a `customOverlay` stands for; never an exception, and never empty for what was not understood.

    What this version does not know goes to `unrecognised`, unless it is a zero value, which says nothing on this wire.
    """
    try:
        return _overlay(wire.mapping(value, "customOverlay"), spelling)
    except wire.Malformed as problem:
        return Unreadable(problem=clean(str(problem)))
    except RecursionError:
        return Unreadable(problem="customOverlay is nested too deeply")


def repository_from_wire(item: Json, *, folder: str = "", spelling: Spelling = V1) -> LiveRepository:
    """A repository; raises `Malformed` where even its id or its name cannot be read."""
    return _repository(
        id=wire.name(item.get(spelling.repository_id), spelling.repository_id),
        name=wire.name(item.get("name"), "name"),
        folder=folder,
        overlay=overlay_from_wire(item.get("customOverlay"), spelling),
        active_tags=_tags(item.get("activeTags")),
    )


def _tags(value: object) -> tuple[str, ...]:
    return _shared(tuple(tag for tag in value if isinstance(tag, str))) if isinstance(value, list) else ()


# Most repositories of an organisation have one of a few sets of tags: one of each is kept.
@lru_cache(maxsize=1024)
def _shared(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tags


def _overlay(raw: Json, spelling: Spelling) -> Overlay:
    if not raw:
        return EMPTY
    contents = wire.mapping(raw.get("contents"), "contents")
    accounts = wire.mapping(raw.get("accounts"), "accounts")
    certificates = wire.mapping(raw.get("certificates"), "certificates")
    known = raw.keys() <= _OVERLAY and contents.keys() <= _CONTENTS and not accounts and not certificates
    return make_overlay(
        packages=wire.texts(contents.get("packages"), "contents.packages"),
        runtime_repositories=wire.texts(contents.get("runtimeRepositories"), "contents.runtimeRepositories"),
        runtime_keyring=_pem_files(contents.get("runtimeKeyring"), "contents.runtimeKeyring"),
        environment=wire.text_map(raw.get("environment"), "environment"),
        annotations=wire.text_map(raw.get("annotations"), "annotations"),
        accounts=_accounts(accounts, spelling) if accounts else EMPTY.accounts,
        certificates=_certificates(certificates) if certificates else EMPTY.certificates,
        unrecognised=() if known else _unrecognised(raw, contents, accounts, certificates),
    )


def _unrecognised(raw: Json, contents: Json, accounts: Json, certificates: Json) -> list[tuple[str, str]]:
    return [
        *_unknown(raw, _OVERLAY, ""),
        *_unknown(contents, _CONTENTS, "contents."),
        *_unknown(accounts, _ACCOUNTS, "accounts."),
        *_unknown(certificates, _CERTIFICATES, "certificates."),
    ]


def _accounts(raw: Json, spelling: Spelling) -> Accounts:
    run_as = raw.get("runAs")
    users = wire.objects(raw.get("users"), "accounts.users")
    groups = wire.objects(raw.get("groups"), "accounts.groups")
    return make_accounts(
        # A UID may stand here as well, and somebody may write it as a number.
        run_as=str(run_as) if type(run_as) is int else wire.text(run_as, "accounts.runAs"),
        users=[user_from_wire(item, f"accounts.users[{number}]", spelling) for number, item in enumerate(users)],
        groups=[group_from_wire(item, f"accounts.groups[{number}]", spelling) for number, item in enumerate(groups)],
    )


def _certificates(raw: Json) -> Certificates:
    return make_certificates(
        additional=_pem_files(raw.get("additional"), "certificates.additional"),
        providers=wire.texts(raw.get("providers"), "certificates.providers"),
    )


def _pem_files(value: object, path: str) -> Sequence[PemFile]:
    if not value and isinstance(value, list | None):
        return ()
    items = wire.objects(value, path)
    return [pem_file_from_wire(item, f"{path}[{number}]") for number, item in enumerate(items)]


def user_from_wire(item: Json, path: str, spelling: Spelling = V1) -> User:
    """One of `accounts.users`."""
    return User(
        username=wire.name(item.get(spelling.username), f"{path}.{spelling.username}"),
        uid=wire.uint32(item.get("uid"), f"{path}.uid"),
        gid=wire.optional_uint32(item.get("gid"), f"{path}.gid"),
        groupname=wire.text(item.get("groupName"), f"{path}.groupName"),
        shell=wire.text(item.get("shell"), f"{path}.shell"),
        homedir=wire.text(item.get("homeDir"), f"{path}.homeDir"),
    )


def group_from_wire(item: Json, path: str, spelling: Spelling = V1) -> Group:
    """One of `accounts.groups`."""
    return make_group(
        groupname=wire.name(item.get(spelling.groupname), f"{path}.{spelling.groupname}"),
        gid=wire.uint32(item.get("gid"), f"{path}.gid"),
        members=wire.texts(item.get("members"), f"{path}.members"),
    )


def pem_file_from_wire(item: Json, path: str) -> PemFile:
    """One of `contents.runtimeKeyring` or `certificates.additional`."""
    return make_pem_file(wire.name(item.get("name"), f"{path}.name"), wire.text(item.get("content"), f"{path}.content"))


def _unknown(raw: Json, known: frozenset[str], prefix: str) -> list[tuple[str, str]]:
    found = [(key, value) for key, value in raw.items() if key not in known and not wire.is_absent(value)]
    return [(f"{prefix}{key}", json_text.canonical(without_absent(value))) for key, value in found]
