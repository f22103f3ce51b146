"""API responses as pydantic models: repositories, build reports, the queue, tags, packages, identities, lists.

Null is the same as absent, unknown fields are dropped, and a wrong shape is an error.
"""

from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, PlainValidator, model_validator
from pydantic import Field as WireName
from pydantic_core import PydanticCustomError

from reconciler.api.errors import clean
from reconciler.api.schema import Count, LenientText, LenientTexts, Name, Text, Timestamp, overlay_from_wire
from reconciler.core.bindings import Binding, SelectorKind, TagSelector
from reconciler.core.builds import Sync
from reconciler.core.doctor import Grant, Identity
from reconciler.core.overlay import EMPTY, Overlay, without_zero_gids
from reconciler.core.packages import PackageVersion
from reconciler.core.state import LiveOverlay, LiveRepository, Unreadable

T = TypeVar("T")


class AnswerItem(BaseModel):
    """An item of a list; unknown fields are dropped."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


def _source(value: Any) -> str:
    source = value.get("source") if isinstance(value, dict) else None
    return source if isinstance(source, str) else ""


class RepositoryAnswer(AnswerItem):
    """A repository, without fields that only a write needs."""

    id: Name
    name: Name
    overlay: Annotated[Overlay | Unreadable, PlainValidator(overlay_from_wire)] = WireName(
        EMPTY, validation_alias="customOverlay"
    )
    active_tags: LenientTexts = WireName((), validation_alias="activeTags")
    synced_from: Annotated[str, PlainValidator(_source)] = WireName("", validation_alias="sync_config")

    def to_core(self, folder: str = "") -> LiveRepository:
        """Return the core value."""
        return LiveRepository(
            id=self.id,
            name=self.name,
            folder=folder,
            overlay=self.overlay,
            active_tags=self.active_tags,
            synced_from=self.synced_from,
        )


class RepositoryAnswerV2(RepositoryAnswer):
    """A repository of v2, which spells the id differently."""

    id: Name = WireName(validation_alias="uid")


class _SyncConfig(AnswerItem):
    source: LenientText = ""


class WriteAnswer(AnswerItem):
    """The response to a write: any field may be absent, which proves nothing; `overlay` is None then."""

    id: Text = WireName("", validation_alias=AliasChoices("id", "uid"))
    name: Text = ""
    overlay: Annotated[Overlay | Unreadable | None, PlainValidator(overlay_from_wire)] = WireName(
        None, validation_alias="customOverlay"
    )
    active_tags: LenientTexts = WireName((), validation_alias="activeTags")
    sync_config: _SyncConfig | None = None


class NamedGroup(AnswerItem):
    """An organization or folder; `name` is "" if the API left it out."""

    id: Name
    name: Text = ""


class ReportAnswer(AnswerItem):
    """A build report; its configurations are JSON in strings."""

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


class _RepositoryStatus(AnswerItem):
    status: Any = None


class QueueItem(AnswerItem):
    """A repository and its place in the work queue; one without a state is not queued."""

    repository_id: Name = WireName(validation_alias="repoId")
    repository_status: _RepositoryStatus | None = WireName(None, validation_alias="repoStatus")

    @property
    def state(self) -> Sync:
        """Return the state; an unknown one counts as in progress."""
        status = self.repository_status and self.repository_status.status
        if not isinstance(status, str | int | None) or status in (None, "", 0, "UNKNOWN"):
            return Sync.IDLE
        return _SYNC.get(str(status), Sync.IN_PROGRESS)


class TagAnswer(AnswerItem):
    """A digest and the name of a tag that points to it."""

    digest: Text = ""
    name: Text = ""


class PackageAnswer(AnswerItem):
    """One version of a package on one architecture."""

    name: Name = WireName(validation_alias="packageName")
    version: Text = ""
    architecture: Text = ""
    provides: list[str] | None = None

    def to_core(self) -> PackageVersion:
        """Return the core value."""
        return PackageVersion(
            name=self.name,
            version=self.version,
            architectures=(self.architecture,) if self.architecture else (),
            provides=tuple(self.provides or ()),
        )


class PackageSummary(AnswerItem):
    """A package with its latest version; `architectures` are comma-separated names."""

    name: Name = WireName(validation_alias="packageName")
    version: Text = WireName("", validation_alias="latestVersion")
    architectures: Text = ""

    def to_core(self) -> PackageVersion:
        """Return the core value."""
        names = sorted(one.strip() for one in self.architectures.split(",") if one.strip())
        return PackageVersion(name=self.name, version=self.version, architectures=tuple(names))


_SELECTOR_KINDS = {
    "KIND_ALL": SelectorKind.ALL,
    "KIND_VARIANT": SelectorKind.VARIANT,
    "KIND_EXACT": SelectorKind.EXACT,
}


class _TagSelectorAnswer(AnswerItem):
    kind: Text = ""
    tags: LenientTexts = ()
    variant_type: Text = WireName("", validation_alias="variantType")

    def to_core(self) -> TagSelector:
        kind = _SELECTOR_KINDS.get(self.kind, SelectorKind.UNKNOWN)
        variant = self.variant_type.removeprefix("VARIANT_TYPE_").lower() if kind is SelectorKind.VARIANT else ""
        return TagSelector(kind=kind, tags=self.tags, variant=variant)


_WIRE_KINDS = {kind: name for name, kind in _SELECTOR_KINDS.items()}


def selector_to_wire(selector: TagSelector) -> dict[str, object]:
    """Return a selector as it is written, without what its kind does not take."""
    tags = {"tags": list(selector.tags)} if selector.tags else {}
    variant = {"variantType": f"VARIANT_TYPE_{selector.variant.upper()}"} if selector.variant else {}
    return {"kind": _WIRE_KINDS[selector.kind], **tags, **variant}


class BoundOverlayAnswer(AnswerItem):
    """The overlay of a binding by id and name; its configuration, which each of its bindings repeats, is not kept."""

    id: Name = WireName(validation_alias="uid")
    name: Text = ""


class OverlayAnswer(BoundOverlayAnswer):
    """An overlay with its configuration."""

    config: Annotated[Overlay | Unreadable, PlainValidator(overlay_from_wire)] = EMPTY

    def to_core(self) -> LiveOverlay:
        """Return it as the core's value: its ids are signed, so a gid of 0 means none."""
        config = self.config
        overlay = config if isinstance(config, Unreadable) else without_zero_gids(config)
        return LiveOverlay(id=self.id, name=clean(self.name or self.id), overlay=overlay)


class BindingAnswer(AnswerItem):
    """A binding with its overlay inline."""

    id: Name = WireName(validation_alias="uid")
    repository: Text = WireName("", validation_alias="repo")
    overlay: BoundOverlayAnswer
    selector: _TagSelectorAnswer | None = WireName(None, validation_alias="tagSelector")

    def to_core(self) -> Binding:
        """Return the core value; an overlay without a name uses its id."""
        return Binding(
            id=self.id,
            overlay_id=self.overlay.id,
            overlay=clean(self.overlay.name or self.overlay.id),
            selector=(self.selector or _TagSelectorAnswer()).to_core(),
            repository=self.repository,
        )


class _ResolvedContents(AnswerItem):
    packages: list[str] | None = None


class ResolvedAnswer(AnswerItem):
    """The response to a resolution request."""

    contents: _ResolvedContents | None = None

    @model_validator(mode="after")
    def _has_packages(self) -> Self:
        if not self.packages:
            raise PydanticCustomError("packages", "one with contents.packages")
        return self

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the exact packages, as `name=version`."""
        return tuple(self.contents.packages or ()) if self.contents else ()


class _Role(AnswerItem):
    name: Text = ""
    capabilities: list[str] | None = None


class _Capability(AnswerItem):
    group: NamedGroup
    role: _Role | None = None
    # Capabilities are in the role, or next to it if they match no known role.
    capabilities: list[str] | None = None

    def to_core(self) -> Grant:
        role = self.role or _Role()
        return Grant(
            group_id=self.group.id,
            group_name=self.group.name,
            roles=(role.name,) if role.name else (),
            capabilities=frozenset([*(role.capabilities or ()), *(self.capabilities or ())]),
        )


class TokenIdentity(AnswerItem):
    """The identity of the token."""

    subject: Name
    email: Text = ""
    issuer: Text = ""
    expiry: Timestamp = None
    capabilities: list[_Capability] | None = None

    def to_core(self) -> Identity:
        """Return the core value; repeated groups, one for each role, become one grant."""
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


class Listing(BaseModel, Generic[T]):
    """A list, or a page of one; `total` is None if the server did not count.

    proto3 may write an empty list as an empty object; any other object without the list is a different response.
    """

    model_config = ConfigDict(extra="allow", defer_build=True)

    items: list[T] | None = None
    next_page_token: Text = WireName("", validation_alias="nextPageToken")
    total: Count = WireName(None, validation_alias="totalCount")

    @model_validator(mode="after")
    def _has_its_list(self) -> Self:
        # A response with the list under another name has its `items` in the fields as well.
        if self.model_fields_set and "items" not in self.model_fields_set - (self.model_extra or {}).keys():
            name = type(self).model_fields["items"].validation_alias or "items"
            raise PydanticCustomError("listing", 'one with "{name}"', {"name": name})
        return self


class RepositoryPage(Listing[RepositoryAnswerV2]):
    """A page of v2's list."""

    items: list[RepositoryAnswerV2] | None = WireName(None, validation_alias="repos")


class BindingPage(Listing[BindingAnswer]):
    """A page of bindings."""

    items: list[BindingAnswer] | None = WireName(None, validation_alias="overlayBindings")


class OverlayPage(Listing[OverlayAnswer]):
    """A page of overlays."""

    items: list[OverlayAnswer] | None = WireName(None, validation_alias="overlays")


class ReportListing(Listing[ReportAnswer]):
    """The list of build reports, which has no pages."""

    items: list[ReportAnswer] | None = WireName(None, validation_alias="reports")


# Named once: pydantic would build a new model for each parametrization.
RepositoryListing = Listing[RepositoryAnswer]
GroupListing = Listing[NamedGroup]
QueueListing = Listing[QueueItem]
TagListing = Listing[TagAnswer]
PackageListing = Listing[PackageAnswer]
PackageSummaryListing = Listing[PackageSummary]
