"""The JSON of the API as models, and what the core makes of it. No other module knows the fields of an answer.

The models are tolerant where the API may grow: null is the same as absent (proto3), an unknown field of an overlay is
kept, a wrong shape is an error and never empty. One model of the overlay reads all three spellings: v1's, v2's, and
that of apko, which the configurations in build reports have. What is sent back is not made from the models but from the
object that was read (`overlay_update`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from operator import attrgetter
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic import Field as WireName
from pydantic_core import PydanticCustomError

from reconciler.api import json_text
from reconciler.api.errors import clean
from reconciler.core.bindings import Binding, SelectorKind, TagSelector
from reconciler.core.builds import Sync
from reconciler.core.diff import Field
from reconciler.core.doctor import Grant, Identity
from reconciler.core.overlay import (
    EMPTY,
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
from reconciler.core.packages import PackageVersion
from reconciler.core.state import LiveRepository, Unreadable

Json = dict[str, object]
T = TypeVar("T")

_MAX_UINT32 = 2**32 - 1
_UINT32_DIGITS = 10


# --- values -----------------------------------------------------------------------------------------------------------
def _blank_for_null(value: object) -> object:
    return "" if value is None else value


def _name(value: object) -> str:
    """Read a text that must be there, because the rest is found by it."""
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
    """Read an RFC 3339 time as seconds since the epoch; None where none is set or it cannot be read."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    # The zero times of the protocol (1970) and of the server's language (year 1) mean that nothing is set.
    return seconds if seconds > 0 else None


def _texts_of(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count_of(value: object) -> int | None:
    """Read how many there are, for which 64-bit numbers come as text; 0 is how "not counted" is written."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:18]) or None
    return value if type(value) is int and value > 0 else None


Name = Annotated[str, PlainValidator(_name)]
Text = Annotated[str, BeforeValidator(_blank_for_null)]
Id = Annotated[int, PlainValidator(_uint32)]
RunAs = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
Timestamp = Annotated[float | None, PlainValidator(timestamp_from_wire)]
# What only people read: of another shape, it is as good as absent.
LenientText = Annotated[str, PlainValidator(_text_of)]
LenientTexts = Annotated[tuple[str, ...], PlainValidator(_texts_of)]
Count = Annotated[int | None, PlainValidator(_count_of)]


# --- errors -----------------------------------------------------------------------------------------------------------
_EXPECTED = {
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "missing": "a name",
}
_SHAPES: dict[type, str] = {bool: "true or false", str: "text", list: "a list", type(None): "null"}


def problem(error: ValidationError, root: str = "the answer") -> str:
    """Say what is wrong first, as `items[3]: name is a number, not text`; `root` names the whole."""
    first = error.errors(include_url=False, include_context=False)[0]
    absent = first["type"] in ("missing", "missing_name")
    expected = _EXPECTED.get(first["type"]) or first["msg"]
    return f"{_path(first['loc']) or root} is {shape(None if absent else first['input'])}, not {expected}"


def is_no_object(error: ValidationError) -> bool:
    """Whether a body was no JSON at all, or another value than an object."""
    return any(
        one["type"] == "json_invalid" or (one["type"] == "model_type" and not one["loc"]) for one in error.errors()
    )


def shape(value: object) -> str:
    """Return the JSON name of a value's kind, for messages."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return _SHAPES.get(type(value), "an object")


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for number, step in enumerate(location):
        if isinstance(step, int):
            text += f"[{step}]" + (": " if number == 1 and len(location) > 2 else "")  # noqa: PLR2004 - `items[3]: name`
        else:
            text += step if not text or text.endswith(": ") else f".{step}"
    return text


# --- the overlay ------------------------------------------------------------------------------------------------------
class _Message(BaseModel):
    """A message in which null is the same as absent, and which keeps what is not known of it."""

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
    members: list[str] = []

    def to_core(self) -> Group:
        return make_group(groupname=self.groupname, gid=self.gid, members=self.members)


class _Contents(_Message):
    packages: list[str] = []
    runtime_repositories: list[str] = WireName(
        [], validation_alias=AliasChoices("runtimeRepositories", "runtime_repositories")
    )
    runtime_keyring: list[_Pem] = WireName([], validation_alias=AliasChoices("runtimeKeyring", "runtime_keyring"))


class _Accounts(_Message):
    # A UID may stand here as well, and somebody may write it as a number.
    run_as: RunAs = WireName("", validation_alias=AliasChoices("runAs", "run-as", "run_as"))
    users: list[_User] = []
    groups: list[_Group] = []


class _Certificates(_Message):
    additional: list[_Pem] = []
    providers: list[str] = []


class _Overlay(_Message):
    contents: _Contents | None = None
    environment: dict[str, str] = {}
    annotations: dict[str, str] = {}
    accounts: _Accounts | None = None
    certificates: _Certificates | None = None

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
            unrecognised=tuple(self._unknown()),
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
                said = without_absent(value)
                if said is not None:
                    yield f"{prefix}{key}", json_text.canonical(said)


def overlay_from_wire(value: object) -> Overlay | Unreadable:
    """Read the overlay that a `customOverlay` stands for; never raises, and never empty for what was not understood.

    What this version does not know goes to `unrecognised`, unless it is a zero value, which says nothing on this wire.
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
    """The form of a field of the overlay on the wire."""

    TEXT = auto()
    TEXTS = auto()  # a set
    PACKAGES = auto()  # a set, whatever the white space in each
    ORDERED_TEXTS = auto()
    TEXT_MAP = auto()
    USERS = auto()
    GROUPS = auto()
    PEM_FILES = auto()


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
        """Return the name that the field goes by in a section; None where it is not there."""
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
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How one version of the API spells the names in `accounts.users` and `accounts.groups` when they are written.

    A user's own group is `groupName` in both, a group's name is not: the published documents say so.
    """

    username: str
    groupname: str


V1_SPELLING = Spelling(username="userName", groupname="groupName")
V2_SPELLING = Spelling(username="username", groupname="groupname")

ITEM_MODELS: dict[Kind, type[_User | _Group | _Pem]] = {Kind.USERS: _User, Kind.GROUPS: _Group, Kind.PEM_FILES: _Pem}


def item_to_wire(value: User | Group | PemFile, spelling: Spelling) -> Json:
    """Return an account or a named file as it is written, with every field."""
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


# --- answers ----------------------------------------------------------------------------------------------------------
class Item(BaseModel):
    """Something in a list; what is not known of it is not kept."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class Repository(Item):
    """A repository, without what only a write needs."""

    id: Name
    name: Name
    overlay: Annotated[Overlay | Unreadable, PlainValidator(overlay_from_wire)] = WireName(
        EMPTY, validation_alias="customOverlay"
    )
    active_tags: LenientTexts = WireName((), validation_alias="activeTags")

    def to_core(self, folder: str = "") -> LiveRepository:
        """Return it as the core's value."""
        return LiveRepository(
            id=self.id, name=self.name, folder=folder, overlay=self.overlay, active_tags=self.active_tags
        )


class RepositoryV2(Repository):
    """A repository as v2 names its id."""

    id: Name = WireName(validation_alias="uid")


class _SyncConfig(Item):
    source: LenientText = ""


class Written(Item):
    """What a write is answered with: any field may be absent, which proves nothing; `overlay` is None then."""

    id: Text = WireName("", validation_alias=AliasChoices("id", "uid"))
    name: Text = ""
    overlay: Annotated[Overlay | Unreadable | None, PlainValidator(overlay_from_wire)] = WireName(
        None, validation_alias="customOverlay"
    )
    active_tags: LenientTexts = WireName((), validation_alias="activeTags")
    sync_config: _SyncConfig | None = None


class NamedGroup(Item):
    """An organization or folder; `name` "" where the API did not tell."""

    id: Name
    name: Text = ""


class Report(Item):
    """A build report; its configurations are texts that hold JSON."""

    id: Name
    started: Timestamp = WireName(None, validation_alias="startedAt")
    ended: Timestamp = WireName(None, validation_alias="completedAt")
    result: Any = None
    config: LenientText = ""
    locked: LenientText = WireName("", validation_alias="lockedConfig")
    digest: LenientText = ""
    warnings: LenientTexts = ()
    log: LenientText = ""


_SYNC = {"QUEUED": Sync.QUEUED, "IN_PROGRESS": Sync.IN_PROGRESS, "FAILED": Sync.FAILED}


class _RepositoryStatus(Item):
    status: Any = None


class QueueItem(Item):
    """A repository and its place in the work queue; one that the API names without a state is not in it."""

    repository_id: Name = WireName(validation_alias="repoId")
    repository_status: _RepositoryStatus | None = WireName(None, validation_alias="repoStatus")

    @property
    def state(self) -> Sync:
        """The state; one that this version does not know is work in progress: what may not be over is not over."""
        status = self.repository_status and self.repository_status.status
        if not isinstance(status, str | int | None) or status in (None, "", 0, "UNKNOWN"):
            return Sync.IDLE
        return _SYNC.get(str(status), Sync.IN_PROGRESS)


class Tag(Item):
    """A digest and the name of a tag that points to it."""

    digest: Text = ""
    name: Text = ""


class Package(Item):
    """One version of a package on one architecture."""

    name: Name = WireName(validation_alias="packageName")
    version: Text = ""
    architecture: Text = ""
    provides: list[str] | None = None

    def to_core(self) -> PackageVersion:
        """Return it as the core's value."""
        return PackageVersion(
            name=self.name,
            version=self.version,
            architectures=(self.architecture,) if self.architecture else (),
            provides=tuple(self.provides or ()),
        )


class PackageSummary(Item):
    """A package with its latest version; `architectures` are names with commas between."""

    name: Name = WireName(validation_alias="packageName")
    version: Text = WireName("", validation_alias="latestVersion")
    architectures: Text = ""

    def to_core(self) -> PackageVersion:
        """Return it as the core's value."""
        names = sorted(one.strip() for one in self.architectures.split(",") if one.strip())
        return PackageVersion(name=self.name, version=self.version, architectures=tuple(names))


_SELECTOR_KINDS = {
    "KIND_ALL": SelectorKind.ALL,
    "KIND_VARIANT": SelectorKind.VARIANT,
    "KIND_EXACT": SelectorKind.EXACT,
}


class _TagSelector(Item):
    kind: Text = ""
    tags: LenientTexts = ()
    variant_type: Text = WireName("", validation_alias="variantType")

    def to_core(self) -> TagSelector:
        kind = _SELECTOR_KINDS.get(self.kind, SelectorKind.UNKNOWN)
        variant = self.variant_type.removeprefix("VARIANT_TYPE_").lower() if kind is SelectorKind.VARIANT else ""
        return TagSelector(kind=kind, tags=self.tags, variant=variant)


class _BoundOverlay(Item):
    id: Name = WireName(validation_alias="uid")
    name: Text = ""


class OverlayBinding(Item):
    """A binding with its overlay inline; its configuration is not kept."""

    id: Name = WireName(validation_alias="uid")
    repository: Text = WireName("", validation_alias="repo")
    overlay: _BoundOverlay
    selector: _TagSelector = WireName(_TagSelector(), validation_alias="tagSelector")

    def to_core(self) -> Binding:
        """Return it as the core's value; an overlay without a name goes by its id."""
        return Binding(
            id=self.id,
            overlay_id=self.overlay.id,
            overlay=clean(self.overlay.name or self.overlay.id),
            selector=self.selector.to_core(),
            repository=self.repository,
        )


class _ResolvedContents(Item):
    packages: list[str] | None = None


class Resolved(Item):
    """The answer to a question of resolution; one without packages is none."""

    contents: _ResolvedContents | None = None

    @model_validator(mode="after")
    def _has_packages(self) -> Self:
        if not self.packages:
            raise PydanticCustomError("packages", "one with contents.packages")
        return self

    @property
    def packages(self) -> tuple[str, ...]:
        """The exact packages."""
        return tuple(self.contents.packages or ()) if self.contents else ()


class _Role(Item):
    name: Text = ""
    capabilities: list[str] | None = None


class _Capability(Item):
    group: NamedGroup
    role: _Role | None = None
    # They stand in the role, or beside it where they match no known role.
    capabilities: list[str] | None = None

    def to_core(self) -> Grant:
        role = self.role or _Role()
        return Grant(
            group_id=self.group.id,
            group_name=self.group.name,
            roles=(role.name,) if role.name else (),
            capabilities=frozenset([*(role.capabilities or ()), *(self.capabilities or ())]),
        )


class TokenIdentity(Item):
    """The answer to "whose token is it"."""

    subject: Name
    email: Text = ""
    issuer: Text = ""
    expiry: Timestamp = None
    capabilities: list[_Capability] | None = None

    def to_core(self) -> Identity:
        """Return it as the core's value: a group that comes several times, once for each role, is one grant."""
        found: dict[str, Grant] = {}
        for grant in (one.to_core() for one in self.capabilities or ()):
            known = found.get(grant.group_id)
            found[grant.group_id] = grant if known is None else _joined(known, grant)
        return Identity(
            subject=self.subject,
            email=self.email,
            issuer=self.issuer,
            expires=self.expiry,
            grants=tuple(found[id_] for id_ in sorted(found)),
        )


def _joined(one: Grant, other: Grant) -> Grant:
    return Grant(
        group_id=one.group_id,
        group_name=one.group_name or other.group_name,
        roles=(*one.roles, *(role for role in other.roles if role not in one.roles)),
        capabilities=one.capabilities | other.capabilities,
    )


# --- lists ------------------------------------------------------------------------------------------------------------
class Listing(BaseModel, Generic[T]):
    """A list, or a page of one; `total` None where the server did not count.

    An empty object is how proto3 may write an empty list; any other object without the list is some other answer.
    """

    model_config = ConfigDict(extra="allow", defer_build=True)

    items: list[T] | None = None
    next_page_token: Text = WireName("", validation_alias="nextPageToken")
    total: Count = WireName(None, validation_alias="totalCount")

    @model_validator(mode="after")
    def _has_its_list(self) -> Self:
        if self.model_fields_set and "items" not in self.model_fields_set:
            name = type(self).model_fields["items"].validation_alias or "items"
            raise PydanticCustomError("listing", 'one with "{name}"', {"name": name})
        return self


class RepositoryPage(Listing[RepositoryV2]):
    """A page of v2's list."""

    items: list[RepositoryV2] | None = WireName(None, validation_alias="repos")


class BindingPage(Listing[OverlayBinding]):
    """A page of bindings."""

    items: list[OverlayBinding] | None = WireName(None, validation_alias="overlayBindings")


class OverlayPage(Listing[_BoundOverlay]):
    """A page of overlays, of which only ids and names are read."""

    items: list[_BoundOverlay] | None = WireName(None, validation_alias="overlays")


class ReportListing(Listing[Report]):
    """The list of build reports, which has no pages."""

    items: list[Report] | None = WireName(None, validation_alias="reports")
