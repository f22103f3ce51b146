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
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
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
_ENUM = BeforeValidator(lambda value: str(value or "") if type(value) is int else value)
EnumText = Annotated[str, _ENUM]
Timestamp = Annotated[float | None, PlainValidator(timestamp_from_wire)]
# Text for people only: a wrong type counts as absent.
LenientText = Annotated[str, PlainValidator(_text_of)]
LenientTexts = Annotated[tuple[str, ...], PlainValidator(_texts_of)]
Count = Annotated[int | None, PlainValidator(_count_of)]


# --- the overlay ------------------------------------------------------------------------------------------------------
class Kind(Enum):
    """Form of an overlay field on the wire."""

    TEXT = auto()
    TEXTS = auto()  # a set
    PACKAGES = auto()  # a set, whatever the white space in each
    ORDERED_TEXTS = auto()
    TEXT_MAP = auto()
    ITEMS = auto()  # objects with names
    ORDERED_ITEMS = auto()
    FLAG = auto()
    ENUM = auto()
    OBJECT = auto()
    PASSED_THROUGH = auto()


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
    packages: Annotated[tuple[str, ...], Field.PACKAGES, Kind.PACKAGES] = ()
    runtime_repositories: Annotated[tuple[str, ...], Field.RUNTIME_REPOSITORIES, Kind.ORDERED_TEXTS] = WireName(
        (), validation_alias=AliasChoices("runtimeRepositories", "runtime_repositories")
    )
    runtime_keyring: Annotated[tuple[_Pem, ...], Field.RUNTIME_KEYRING, Kind.ITEMS] = WireName(
        (), validation_alias=AliasChoices("runtimeKeyring", "runtime_keyring")
    )


class _Accounts(_Message):
    # A UID is allowed here, possibly written as a number.
    run_as: Annotated[RunAs, Field.RUN_AS, Kind.TEXT] = WireName(
        "", validation_alias=AliasChoices("runAs", "run-as", "run_as")
    )
    users: Annotated[tuple[_User, ...], Field.USERS, Kind.ITEMS] = ()
    groups: Annotated[tuple[_Group, ...], Field.GROUPS, Kind.ITEMS] = ()


class _Certificates(_Message):
    additional: Annotated[tuple[_Pem, ...], Field.CERTIFICATES, Kind.ITEMS] = ()
    providers: Annotated[tuple[str, ...], Field.PROVIDERS, Kind.TEXTS] = ()


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
    command: tuple[str, ...] = ()

    def to_core(self) -> CommandOverride:
        return make_command_override(mode=self.mode, command=self.command)


class _Overlay(_Message):
    contents: _Contents | None = None
    environment: Annotated[dict[str, str], Field.ENVIRONMENT, Kind.TEXT_MAP] = WireName(default_factory=dict)
    annotations: Annotated[dict[str, str], Field.ANNOTATIONS, Kind.TEXT_MAP] = WireName(default_factory=dict)
    accounts: _Accounts | None = None
    certificates: _Certificates | None = None
    guarded_entrypoint: Annotated[StrictBool, Field.GUARDED_ENTRYPOINT, Kind.FLAG] = WireName(
        default=False, validation_alias=AliasChoices("guardedEntrypoint", "guarded_entrypoint")
    )
    fail_mode: Annotated[EnumText, Field.FAIL_MODE, Kind.ENUM] = WireName(
        "", validation_alias=AliasChoices("failMode", "fail_mode")
    )
    preflight: Annotated[tuple[_Preflight, ...], Field.PREFLIGHT, Kind.ORDERED_ITEMS] = ()
    command_override: Annotated[_CommandOverride | None, Field.COMMAND_OVERRIDE, Kind.OBJECT] = WireName(
        None, validation_alias=AliasChoices("commandOverride", "command_override")
    )
    truststore: Annotated[Any, AfterValidator(passed_through), Field.TRUSTSTORE, Kind.PASSED_THROUGH] = ""

    def to_core(self) -> Overlay:
        contents, accounts, certificates = self.contents, self.accounts, self.certificates
        return make_overlay(
            packages=contents.packages if contents else (),
            runtime_repositories=contents.runtime_repositories if contents else (),
            runtime_keyring=[one.to_core() for one in contents.runtime_keyring] if contents else (),
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
            unrecognized=tuple(self._unknown()),
            **{name: _to_core(getattr(self, name)) for name in self.model_fields_set & _SECTIONS},
        )

    def _unknown(self) -> Iterator[tuple[str, str]]:
        sections = (
            ("", self),
            ("contents.", self.contents),
            ("accounts.", self.accounts),
            ("certificates.", self.certificates),
        )
        for prefix, section in sections:
            if section is not None and section.model_extra:
                for key, value in section.model_extra.items():
                    kept = without_absent(value)
                    if kept is not None:
                        yield f"{prefix}{key}", json_text.canonical(kept)


def _to_core(value: Any) -> Any:
    match value:
        case [BaseModel(), *_]:
            return [one.to_core() for one in value]
        case BaseModel():
            return value.to_core()  # type: ignore[attr-defined]
        case _:
            return value


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


@dataclass(frozen=True, slots=True)
class OverlayField:
    """One field of the overlay: in the core, and on the wire by one of `names` in section `holder` ("" for none)."""

    field: Field
    attribute: str
    holder: str
    names: tuple[str, ...]
    kind: Kind
    model: type[Any] | None

    def of(self, overlay: Overlay) -> Any:
        """Return the field's value."""
        return attrgetter(self.attribute)(overlay)

    def name_in(self, section: Mapping[str, object]) -> str | None:
        """Return the name of the field in a section; None if it is absent."""
        return next((name for name in self.names if name in section), None)


def _names(model: type[BaseModel], attribute: str) -> tuple[str, ...]:
    alias = model.model_fields[attribute].validation_alias
    return tuple(map(str, alias.choices)) if isinstance(alias, AliasChoices) else (attribute,)


def _overlay_fields(model: type[BaseModel], holder: str = "") -> Iterator[OverlayField]:
    """Yield the fields that the attributes of a model are marked with, and those of its sections."""
    for name, info in model.model_fields.items():
        marks = [mark for mark in info.metadata if isinstance(mark, Field | Kind)]
        models = [one for one in get_args(info.annotation) if isinstance(one, type) and issubclass(one, _Message)]
        match marks:
            case [Field() as field, Kind() as kind]:
                attribute = f"{holder}.{name}" if holder in ("accounts", "certificates") else name
                yield OverlayField(field, attribute, holder, _names(model, name), kind, next(iter(models), None))
            case _:
                yield from _overlay_fields(models[0], name)


OVERLAY_FIELDS = tuple(_overlay_fields(_Overlay))
# Attributes of the overlay that are sections by themselves, and not messages of several.
_SECTIONS = frozenset(field.attribute for field in OVERLAY_FIELDS if not field.holder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """Spelling of `accounts.users` and `accounts.groups` in one version of the API, for writing.

    A user's own group is `groupName` in both, a group's name is not: the published documents say so.
    """

    username: str
    groupname: str


V1_SPELLING = Spelling(username="userName", groupname="groupName")
V2_SPELLING = Spelling(username="username", groupname="groupname")


def enum_to_wire(attribute: str, name: str) -> str | int:
    """Return the API's name of an enum: `open` of `fail_mode` is `FAIL_MODE_OPEN`; other forms are unchanged."""
    if name.isascii() and name.isdigit():
        return int(name)
    return f"{attribute}_{name}".upper() if _ENUM_NAME.fullmatch(name) else name


def object_to_wire(value: Any, model: type[BaseModel]) -> Json:
    """Return an object of the core for the API, without absent fields."""
    given = {name: getattr(value, name) for name in model.model_fields}
    return {
        _names(model, name)[0]: enum_to_wire(name, one)
        if _ENUM in model.model_fields[name].metadata
        else list(one)
        if isinstance(one, tuple)
        else one
        for name, one in given.items()
        if one not in ("", (), None)
    }


def object_names(model: type[BaseModel]) -> frozenset[str]:
    """Return every name that a field of an object may have on the wire."""
    return frozenset(one for name in model.model_fields for one in _names(model, name))


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
                "onFailure": enum_to_wire("on_failure", value.on_failure),
            }
