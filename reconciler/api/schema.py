"""The overlay's JSON in the API, and its mapping to the core. Other modules do not know its fields.

The models are tolerant where the API may grow: null is the same as absent (proto3), an unknown field of an overlay is
kept, a wrong shape is an error and never empty. One model of the overlay reads all three spellings: v1's, v2's, and
apko's, which build reports use. Updates are not made from the models but from the object that was read
(`overlay_update`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from operator import attrgetter
from typing import Annotated, Any, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    StrictBool,
    ValidationError,
    model_validator,
)
from pydantic import Field as WireName
from pydantic_core import PydanticCustomError

from reconciler.api import json_text
from reconciler.api.errors import clean
from reconciler.api.schema_errors import problem
from reconciler.core.diff import Field
from reconciler.core.overlay import (
    EMPTY,
    MODE,
    ON_FAILURE,
    CommandOverride,
    Group,
    Json,
    Overlay,
    PemFile,
    Preflight,
    User,
    make_accounts,
    make_certificates,
    make_command_override,
    make_group,
    make_overlay,
    make_pem_file,
    make_preflight,
    passed_through,
    without_absent,
)
from reconciler.core.state import Unreadable

T = TypeVar("T")

_MAX_UINT32 = 2**32 - 1
_UINT32_DIGITS = 10
_ENUM_NAME = re.compile(r"[a-z][a-z0-9_]*")


# --- values -----------------------------------------------------------------------------------------------------------
def _blank_for_null(value: object) -> object:
    return "" if value is None else value


def _name(value: object) -> str:
    """Read a required text, the key of its item."""
    if value is None or value == "":
        raise PydanticCustomError("missing_name", "a name")
    if not isinstance(value, str):
        raise PydanticCustomError("name", "text")
    return value


def _uint32(value: object) -> int:
    """Read an unsigned 32-bit number, also one written as text or with a fraction of zero."""
    match value:
        case str() if value.isascii() and value.isdigit() and len(value) <= _UINT32_DIGITS:
            number = int(value)
        case float() if value.is_integer():
            number = int(value)
        case int() if not isinstance(value, bool):
            number = value
        case _:
            raise PydanticCustomError("id", "an id")
    if 0 <= number <= _MAX_UINT32:
        return number
    raise PydanticCustomError("id", "an id of 32 bits")


def timestamp_from_wire(value: object) -> float | None:
    """Read an RFC 3339 time as seconds since the epoch; None if absent or malformed."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    # The zero times of the protocol (1970) and of the server's language (year 1) are unset.
    return seconds if seconds > 0 else None


def _texts_of(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count_of(value: object) -> int | None:
    """Read a count: 64-bit numbers are text, and 0 is "not counted"."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:18]) or None
    return value if type(value) is int and value > 0 else None


Name = Annotated[str, PlainValidator(_name)]
Text = Annotated[str, BeforeValidator(_blank_for_null)]
Id = Annotated[int, PlainValidator(_uint32)]
RunAs = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
# The name of an enum; a value without a name arrives as its number.
EnumText = Annotated[str, BeforeValidator(lambda value: str(value or "") if type(value) is int else value)]
Timestamp = Annotated[float | None, PlainValidator(timestamp_from_wire)]
# Text for people only: a wrong type counts as absent.
LenientText = Annotated[str, PlainValidator(_text_of)]
LenientTexts = Annotated[tuple[str, ...], PlainValidator(_texts_of)]
Count = Annotated[int | None, PlainValidator(_count_of)]


# --- the overlay ------------------------------------------------------------------------------------------------------
class _Message(BaseModel):
    """A message in which null is the same as absent; unknown fields are kept."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: object) -> object:
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


class _Pem(_Message):
    name: Name
    content: str = ""

    def to_core(self) -> PemFile:
        return make_pem_file(self.name, self.content)


class _User(_Message):
    username: Name = WireName(validation_alias=AliasChoices("userName", "username"))
    uid: Id = 0
    gid: Id | None = None
    groupname: str = WireName("", validation_alias=AliasChoices("groupName", "groupname"))
    shell: str = ""
    homedir: str = WireName("", validation_alias=AliasChoices("homeDir", "homedir"))

    def to_core(self) -> User:
        return User(
            username=self.username,
            uid=self.uid,
            gid=self.gid,
            groupname=self.groupname,
            shell=self.shell,
            homedir=self.homedir,
        )


class _Group(_Message):
    groupname: Name = WireName(validation_alias=AliasChoices("groupName", "groupname"))
    gid: Id = 0
    members: tuple[str, ...] = ()

    def to_core(self) -> Group:
        return make_group(groupname=self.groupname, gid=self.gid, members=self.members)


class _Contents(_Message):
    packages: tuple[str, ...] = ()
    runtime_repositories: tuple[str, ...] = WireName(
        (), validation_alias=AliasChoices("runtimeRepositories", "runtime_repositories")
    )
    runtime_keyring: tuple[_Pem, ...] = WireName((), validation_alias=AliasChoices("runtimeKeyring", "runtime_keyring"))


class _Accounts(_Message):
    # A UID is allowed here, possibly written as a number.
    run_as: RunAs = WireName("", validation_alias=AliasChoices("runAs", "run-as", "run_as"))
    users: tuple[_User, ...] = ()
    groups: tuple[_Group, ...] = ()


class _Certificates(_Message):
    additional: tuple[_Pem, ...] = ()
    providers: tuple[str, ...] = ()


class _Preflight(_Message):
    tcp: str = ""
    path: str = ""
    timeout: str = ""
    interval: str = ""
    on_failure: EnumText = WireName("", validation_alias=AliasChoices("onFailure", "on_failure"))

    def to_core(self) -> Preflight:
        return make_preflight(
            tcp=self.tcp, path=self.path, timeout=self.timeout, interval=self.interval, on_failure=self.on_failure
        )


class _CommandOverride(_Message):
    mode: EnumText = ""
    command: list[str] = []

    def to_core(self) -> CommandOverride:
        return make_command_override(mode=self.mode, command=self.command)


class _Overlay(_Message):
    contents: _Contents | None = None
    environment: dict[str, str] = WireName(default_factory=dict)
    annotations: dict[str, str] = WireName(default_factory=dict)
    accounts: _Accounts | None = None
    certificates: _Certificates | None = None
    guarded_entrypoint: StrictBool = WireName(
        default=False, validation_alias=AliasChoices("guardedEntrypoint", "guarded_entrypoint")
    )
    fail_mode: EnumText = WireName("", validation_alias=AliasChoices("failMode", "fail_mode"))
    preflight: list[_Preflight] = []
    command_override: _CommandOverride | None = WireName(
        None, validation_alias=AliasChoices("commandOverride", "command_override")
    )
    truststore: Any = None

    def to_core(self) -> Overlay:
        contents, accounts, certificates = self.contents, self.accounts, self.certificates
        return make_overlay(
            packages=contents.packages if contents else (),
            runtime_repositories=contents.runtime_repositories if contents else (),
            runtime_keyring=[one.to_core() for one in contents.runtime_keyring] if contents else (),
            environment=self.environment,
            annotations=self.annotations,
            accounts=make_accounts(
                run_as=accounts.run_as,
                users=[one.to_core() for one in accounts.users],
                groups=[one.to_core() for one in accounts.groups],
            )
            if accounts
            else EMPTY.accounts,
            certificates=make_certificates(
                additional=[one.to_core() for one in certificates.additional], providers=certificates.providers
            )
            if certificates
            else EMPTY.certificates,
            guarded_entrypoint=self.guarded_entrypoint,
            fail_mode=self.fail_mode,
            preflight=[one.to_core() for one in self.preflight],
            command_override=self.command_override.to_core() if self.command_override else None,
            truststore=passed_through(self.truststore),
            unrecognized=tuple(self._unknown()),
        )

    def _unknown(self) -> Iterator[tuple[str, str]]:
        sections = {
            "": self,
            "contents.": self.contents,
            "accounts.": self.accounts,
            "certificates.": self.certificates,
        }
        for prefix, section in sections.items():
            for key, value in ((section and section.model_extra) or {}).items():
                kept = without_absent(value)
                if kept is not None:
                    yield f"{prefix}{key}", json_text.canonical(kept)


def overlay_from_wire(value: object) -> Overlay | Unreadable:
    """Read the overlay of a `customOverlay`; never raises, and is never empty for malformed input.

    Unknown fields go to `unrecognized`, unless they are zero, which is the same as absent in proto3.
    """
    if value is None or value == {}:
        return EMPTY
    try:
        return _Overlay.model_validate(value).to_core()
    except ValidationError as error:
        return Unreadable(problem=clean(problem(error, "customOverlay")))
    except RecursionError:
        return Unreadable(problem="customOverlay is nested too deeply")


class Kind(Enum):
    """Form of an overlay field on the wire."""

    TEXT = auto()
    TEXTS = auto()  # a set
    PACKAGES = auto()  # a set, whatever the white space in each
    ORDERED_TEXTS = auto()
    TEXT_MAP = auto()
    USERS = auto()
    GROUPS = auto()
    PEM_FILES = auto()
    FLAG = auto()
    ENUM = auto()
    PREFLIGHT = auto()
    COMMAND = auto()
    PASSED_THROUGH = auto()


@dataclass(frozen=True, slots=True)
class OverlayField:
    """One field of the overlay: in the core, and on the wire by one of `names` in section `holder` ("" for none)."""

    field: Field
    attribute: str
    holder: str
    names: tuple[str, ...]
    kind: Kind

    def of(self, overlay: Overlay) -> Any:
        """Return the field's value."""
        return attrgetter(self.attribute)(overlay)

    def name_in(self, section: Mapping[str, object]) -> str | None:
        """Return the name of the field in a section; None if it is absent."""
        return next((name for name in self.names if name in section), None)


def _names(model: type[BaseModel], attribute: str) -> tuple[str, ...]:
    alias = model.model_fields[attribute].validation_alias
    return tuple(map(str, alias.choices)) if isinstance(alias, AliasChoices) else (attribute,)


def _overlay_field(field: Field, holder: str, model: type[BaseModel], name: str, kind: Kind) -> OverlayField:
    attribute = f"{holder}.{name}" if holder in ("accounts", "certificates") else name
    return OverlayField(field, attribute, holder, _names(model, name), kind)


OVERLAY_FIELDS = (
    _overlay_field(Field.PACKAGES, "contents", _Contents, "packages", Kind.PACKAGES),
    _overlay_field(Field.RUNTIME_REPOSITORIES, "contents", _Contents, "runtime_repositories", Kind.ORDERED_TEXTS),
    _overlay_field(Field.RUNTIME_KEYRING, "contents", _Contents, "runtime_keyring", Kind.PEM_FILES),
    _overlay_field(Field.ENVIRONMENT, "", _Overlay, "environment", Kind.TEXT_MAP),
    _overlay_field(Field.ANNOTATIONS, "", _Overlay, "annotations", Kind.TEXT_MAP),
    _overlay_field(Field.RUN_AS, "accounts", _Accounts, "run_as", Kind.TEXT),
    _overlay_field(Field.USERS, "accounts", _Accounts, "users", Kind.USERS),
    _overlay_field(Field.GROUPS, "accounts", _Accounts, "groups", Kind.GROUPS),
    _overlay_field(Field.CERTIFICATES, "certificates", _Certificates, "additional", Kind.PEM_FILES),
    _overlay_field(Field.PROVIDERS, "certificates", _Certificates, "providers", Kind.TEXTS),
    _overlay_field(Field.GUARDED_ENTRYPOINT, "", _Overlay, "guarded_entrypoint", Kind.FLAG),
    _overlay_field(Field.FAIL_MODE, "", _Overlay, "fail_mode", Kind.ENUM),
    _overlay_field(Field.PREFLIGHT, "", _Overlay, "preflight", Kind.PREFLIGHT),
    _overlay_field(Field.COMMAND_OVERRIDE, "", _Overlay, "command_override", Kind.COMMAND),
    _overlay_field(Field.TRUSTSTORE, "", _Overlay, "truststore", Kind.PASSED_THROUGH),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """Spelling of `accounts.users` and `accounts.groups` in one version of the API, for writing.

    A user's own group is `groupName` in both, a group's name is not: the published documents say so.
    """

    username: str
    groupname: str


V1_SPELLING = Spelling(username="userName", groupname="groupName")
V2_SPELLING = Spelling(username="username", groupname="groupname")

ITEM_MODELS: dict[Kind, type[_User | _Group | _Pem | _Preflight]] = {
    Kind.USERS: _User,
    Kind.GROUPS: _Group,
    Kind.PEM_FILES: _Pem,
    Kind.PREFLIGHT: _Preflight,
}


def enum_to_wire(prefix: str, name: str) -> str | int:
    """Return the API's name of an enum: `open` is `FAIL_MODE_OPEN`; other forms are unchanged."""
    if name.isascii() and name.isdigit():
        return int(name)
    return prefix + name.upper() if _ENUM_NAME.fullmatch(name) else name


def command_to_wire(value: CommandOverride) -> Json:
    """Return a command for the API, without absent fields."""
    mode: Json = {"mode": enum_to_wire(MODE, value.mode)} if value.mode else {}
    return {**mode, **({"command": list(value.command)} if value.command else {})}


def item_to_wire(value: User | Group | PemFile | Preflight, spelling: Spelling) -> Json:
    """Return an account, a named file or a check for the API, with every field."""
    match value:
        case User():
            return {
                spelling.username: value.username,
                "uid": value.uid,
                "gid": value.gid,
                "groupName": value.groupname,
                "shell": value.shell,
                "homeDir": value.homedir,
            }
        case Group():
            return {spelling.groupname: value.groupname, "gid": value.gid, "members": list(value.members)}
        case PemFile():
            return {"name": value.name, "content": value.text or value.pem}
        case Preflight():
            return {
                "tcp": value.tcp,
                "path": value.path,
                "timeout": value.timeout,
                "interval": value.interval,
                "onFailure": enum_to_wire(ON_FAILURE, value.on_failure),
            }
