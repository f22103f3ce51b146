"""The overlay, the content that Custom Assembly adds to an image: its one canonical form and its fingerprint.

Every `Overlay`, from a manifest or from the API, is made by `make_overlay`, which sorts, removes duplicates and
normalizes text. The diff, the fingerprint and equality rely on it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

Json = dict[str, Any]  # a decoded JSON object


class Section(StrEnum):
    """Section of an overlay that a manifest manages or leaves alone; spelled as in apko.

    A section is added here, as an attribute of `Overlay`, and as its `Field`.
    """

    PACKAGES = "contents.packages"
    RUNTIME_REPOSITORIES = "contents.runtime_repositories"
    RUNTIME_KEYRING = "contents.runtime_keyring"
    ENVIRONMENT = "environment"
    ANNOTATIONS = "annotations"
    ACCOUNTS = "accounts"
    CERTIFICATES = "certificates"
    GUARDED_ENTRYPOINT = "guarded_entrypoint"
    FAIL_MODE = "fail_mode"
    PREFLIGHT = "preflight"
    COMMAND_OVERRIDE = "command_override"
    TRUSTSTORE = "truststore"


@dataclass(frozen=True, slots=True, kw_only=True)
class PemFile:
    """A named certificate or public key.

    `pem` is the canonical text and decides equality; `text` is the original, to be sent unchanged.
    """

    name: str
    pem: str
    text: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user account; `gid` None is "not given", which differs from 0; empty text is "not given"."""

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

    def __bool__(self) -> bool:
        return bool(self.run_as or self.users or self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """The certificates section: certificates by name, and packages that provide more."""

    additional: tuple[PemFile, ...] = ()
    providers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.additional or self.providers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """A check before the program starts: `tcp` or `path`, Go durations, effect of a failure; "" is "not given"."""

    tcp: str = ""
    path: str = ""
    timeout: str = ""
    interval: str = ""
    on_failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOverride:
    """The command of the Guarded Entrypoint; set even without mode and command."""

    mode: str = ""
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A whole overlay in canonical form; an empty field means that nothing is there.

    `truststore` is JSON text in the form of `passed_through`, as its fields are not published.

    `unrecognized` holds what the API sent inside the overlay that this version does not know, as (path, JSON text): it
    takes part in comparison, so that a change to it is noticed, and only a reset removes it.
    """

    packages: tuple[str, ...] = ()
    runtime_repositories: tuple[str, ...] = ()
    runtime_keyring: tuple[PemFile, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    accounts: Accounts = Accounts()
    certificates: Certificates = Certificates()
    guarded_entrypoint: bool = False
    fail_mode: str = ""
    preflight: tuple[Preflight, ...] = ()
    command_override: CommandOverride | None = None
    truststore: str = ""
    unrecognized: tuple[tuple[str, str], ...] = ()


EMPTY = Overlay()

# The attribute of each section: the last part of its name.
SECTION_FIELDS: dict[Section, str] = {section: section.rpartition(".")[2] for section in Section}


def sections_held(overlay: Overlay) -> tuple[Section, ...]:
    """Return the sections that hold something, in the order of `Section`."""
    return tuple([section for section, name in SECTION_FIELDS.items() if getattr(overlay, name)])


# The prefixes of the names of the API's enums.
FAIL_MODE, ON_FAILURE, MODE = "FAIL_MODE_", "ON_FAILURE_", "MODE_"
_ENUM_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_PACKAGE_NAME = re.compile(r"[^=<>~@\s]+")
_PEM_START = "-----BEGIN "


@lru_cache(maxsize=1 << 14)  # thousands of repositories share the same hundreds of packages
def package_name(spec: str) -> str:
    """Return the name in a package specification such as `name=1.2.3-r0`, `name~1.2`, `name>1` or `name@tag`."""
    match = _PACKAGE_NAME.match(spec)
    return match[0] if match else spec


@lru_cache(maxsize=1 << 14)
def package_spec(spec: str) -> str:
    """Return a package specification without the optional white space of apk around it and its operator.

    Raises `TypeError` for anything but text. Equal specifications are one object, which saves memory in long lists.
    """
    return "".join(str.split(spec))


def pem_text(text: str) -> str:
    """Return PEM text without differences of line ends, outer white space, and explanation before the block.

    In text without a PEM block only line ends are normalized, so that nothing is lost.
    """
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    start = next((number for number, line in enumerate(lines) if line.startswith(_PEM_START)), 0)
    return "\n".join(lines[start:]).strip("\n") + "\n"


def make_pem_file(name: str, text: str) -> PemFile:
    """Return a certificate or key as written, with the canonical text that decides equality."""
    return PemFile(name=name, pem=pem_text(text), text=text)


def make_group(*, groupname: str, gid: int, members: Iterable[str] = ()) -> Group:
    """Return a group; its members are a set."""
    return Group(groupname=groupname, gid=gid, members=_texts(members))


def make_accounts(*, run_as: str = "", users: Iterable[User] = (), groups: Iterable[Group] = ()) -> Accounts:
    """Return accounts ordered by name, without duplicates."""
    return Accounts(
        run_as=run_as, users=tuple(sorted(set(users), key=_user_key)), groups=tuple(sorted(set(groups), key=_group_key))
    )


def make_certificates(*, additional: Iterable[PemFile] = (), providers: Iterable[str] = ()) -> Certificates:
    """Return certificates ordered by name; providers are a set."""
    return Certificates(additional=make_pem_files(additional), providers=_texts(providers))


def without_zero_gids(overlay: Overlay) -> Overlay:
    """Return a named overlay as the API stores it: a user's gid of 0 becomes none.

    Its ids are signed and not optional; a standard customization distinguishes the two.
    """
    users = overlay.accounts.users
    if all(user.gid != 0 for user in users):
        return overlay
    without_zero = tuple(replace(user, gid=None) if user.gid == 0 else user for user in users)
    return replace(overlay, accounts=replace(overlay.accounts, users=without_zero))


def package_set(specs: Iterable[str]) -> tuple[str, ...]:
    """Return a set of package specifications; raises `TypeError` for anything but text."""
    return _texts(map(package_spec, specs))


def sorted_pairs(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return keys and their values, ordered by key."""
    return _shared(tuple(sorted(values.items())))


# Repositories of a team have the same variables, in the manifest and in the live state: equal ones share one object.
@lru_cache(maxsize=1 << 16)
def _shared(found: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return found


def make_pem_files(files: Iterable[PemFile]) -> tuple[PemFile, ...]:
    """Return certificates or keys ordered by name, without duplicates."""
    # A dict and not a set: of two equal files the first one's own text is kept, whatever the hash seed.
    unique = {(file.name, file.pem): file for file in reversed(tuple(files))}
    return tuple(unique[key] for key in sorted(unique))


def enum_name(prefix: str, text: str) -> str:
    """Return the manifest spelling of an enum name: `FAIL_MODE_OPEN` is `open`; other forms are unchanged."""
    name = text.removeprefix(prefix)
    if name != text and _ENUM_NAME.fullmatch(name):
        return "" if name == "UNSPECIFIED" else name.lower()
    return text


def make_preflight(
    *, tcp: str = "", path: str = "", timeout: str = "", interval: str = "", on_failure: str = ""
) -> Preflight:
    """Return a check with its enum in manifest spelling."""
    on_failure = enum_name(ON_FAILURE, on_failure)
    return Preflight(tcp=tcp, path=path, timeout=timeout, interval=interval, on_failure=on_failure)


def make_command_override(*, mode: str = "", command: Iterable[str] = ()) -> CommandOverride:
    """Return a command with its enum in manifest spelling."""
    return CommandOverride(mode=enum_name(MODE, mode), command=tuple(command))


def passed_through(value: object) -> str:
    """Return canonical JSON text of a value with unpublished fields, "" if it is empty.

    Numbers and flags become text, because a manifest holds only text; zero values are left out at every level.
    """
    kept = without_absent(_as_texts(value))
    return "" if kept is None else json.dumps(kept, sort_keys=True, separators=(",", ":"))


def _as_texts(value: object) -> object:
    match value:
        case dict():
            return {str(key): _as_texts(one) for key, one in value.items()}
        case list() | tuple():
            return [_as_texts(one) for one in value]
        case None | False | "false" | 0 | "0":
            return None
        case True:
            return "true"
        case _:
            return str(value)


def make_overlay(
    *,
    packages: Iterable[str] = (),
    runtime_repositories: Iterable[str] = (),
    runtime_keyring: Iterable[PemFile] = (),
    environment: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    accounts: Accounts = Accounts(),
    certificates: Certificates = Certificates(),
    fail_mode: str = "",
    unrecognized: Iterable[tuple[str, str]] = (),
    **sections: Any,
) -> Overlay:
    """Return an overlay in canonical form; runtime repositories and checks keep their order, which is significant.

    `sections` are those without a rule of their own, by their attributes: a list becomes a tuple.
    """
    others: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in sections.items()}
    return Overlay(
        packages=package_set(packages),
        runtime_repositories=tuple(runtime_repositories),
        runtime_keyring=make_pem_files(runtime_keyring) if runtime_keyring else (),
        environment=sorted_pairs(environment) if environment else (),
        annotations=sorted_pairs(annotations) if annotations else (),
        accounts=accounts,
        certificates=certificates,
        fail_mode=enum_name(FAIL_MODE, fail_mode),
        unrecognized=tuple(sorted(unrecognized)) if unrecognized else (),
        **others,
    )


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _user_key(user: User) -> tuple[object, ...]:
    gid = -1 if user.gid is None else user.gid
    return (user.username, user.uid, gid, user.groupname, user.shell, user.homedir)


def _group_key(group: Group) -> tuple[object, ...]:
    return (group.groupname, group.gid, group.members)


_NOT_MEANING = frozenset({"text"})
# Attributes with another spelling in fingerprints.
_JSON_NAMES = {"unrecognized": "unrecognised"}
# Attributes of an overlay that are in every fingerprint; later ones are omitted if empty, so that old ones stay valid.
_ALWAYS = frozenset(
    {"packages", "runtime_repositories", "runtime_keyring", "environment", "annotations", "accounts", "certificates"}
    | {"unrecognized"}
)


def without_absent(value: object) -> object:
    """Return decoded JSON of an unrecognized field without unset values; None if nothing is left.

    An API that emits unset fields writes false, 0, "", [], {}, null, and the zero name of an enum, at every level.
    Elements of a list keep their places.
    """
    match value:
        case dict():
            kept = {key: without_absent(one) for key, one in value.items()}
            return {key: one for key, one in kept.items() if one is not None} or None
        case list():
            return [without_absent(one) for one in value] or None
        case str():
            zero = value in ("", "UNKNOWN", "Unknown") or value.endswith("_UNSPECIFIED")
            return None if zero else value
        case _:
            return value or None


def fingerprint(overlay: Overlay) -> str:
    """Return `sha256:` and the digest of the overlay's canonical JSON."""
    return "sha256:" + hashlib.sha256(_ENCODER.encode(overlay).encode("ascii")).hexdigest()


def _plain(value: Any) -> dict[str, Any]:
    values = {name: getattr(value, name) for name in value.__slots__ if name not in _NOT_MEANING}
    if isinstance(value, Overlay):
        values = {name: one for name, one in values.items() if name in _ALWAYS or one != getattr(EMPTY, name)}
    return {_JSON_NAMES.get(name, name): one for name, one in values.items()}


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_plain)
