"""Inputs of the planner: the desired state of the manifest and the live state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.bindings import NOT_READ, Bindings, TagSelector, UnknownBindings
from reconciler.core.layers import Layer
from reconciler.core.overlay import EMPTY, SECTION_FIELDS, Overlay, Section
from reconciler.diagnostics import Diagnostic, Place


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Address:
    """Address of a repository: its name, and its folder where the name is ambiguous.

    `folder` None is "not given"; "" is the organization's own level; otherwise the path from the organization
    (`team-a/x`).
    """

    folder: str | None = None
    name: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Parse `name`, `folder/name` or `/name`."""
        folder, slash, name = text.rpartition("/")
        return cls(folder=folder.strip("/") if slash else None, name=name)

    def __str__(self) -> str:
        return self.name if self.folder is None else f"{self.folder}/{self.name}"


# Labels of an entry with their values, ordered by key.
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredBinding:
    """One overlay, by its name, and the tags that should get it."""

    overlay: str
    selector: TagSelector
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredScope:
    """Every binding that should hold for all repositories of the organization (`folder` "") or of a folder."""

    folder: str
    bindings: tuple[DesiredBinding, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredOverlay:
    """A named overlay of the organization.

    `overlay` speaks only for the sections in `managed`, as that of a repository; `problems` are those of its content.
    """

    name: str
    place: Place
    overlay: Overlay
    managed: frozenset[Section] = frozenset()
    layers: tuple[Layer, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRepository:
    """One entry of the manifest.

    `overlay` covers only the sections in `managed`; the others keep their live content. `reset` empties everything.
    `source` is the repository to create this one from if it does not exist. `protect` forbids removals. `layers` are
    the sources of overlay and sections, lowest precedence first; `problems` are those found while layering, and an
    error among them blocks planning the repository. `bindings` are the complete bindings of the repository itself,
    None if the manifest does not manage them; such an entry has no overlay. `allow_missing_tags` lets them name tags
    that do not exist yet. `owner` is that of its file, "" if none is named; `labels` are ordered by key.
    """

    address: Address
    place: Place
    overlay: Overlay = EMPTY
    managed: frozenset[Section] = frozenset()
    reset: bool = False
    source: Address | None = None
    protect: bool = False
    layers: tuple[Layer, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    bindings: tuple[DesiredBinding, ...] | None = None
    allow_missing_tags: bool = False
    owner: str = ""
    labels: Labels = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredGlob:
    """The manifest's block for every live repository that a pattern matches.

    A pattern with a slash is compared with `folder/name`, one without with the name alone; wildcards match slashes,
    too. `layers` include those below it, lowest precedence first; `bindings` are as those of an entry.
    """

    pattern: str
    place: Place
    layers: tuple[Layer, ...] = ()
    reset: bool = False
    bindings: tuple[DesiredBinding, ...] | None = None
    allow_missing_tags: bool = False
    owner: str = ""
    labels: Labels = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the manifest for applying it.

    `prune`: customized repositories that it does not name are reset. `max_removal`: the ratio (0 to 1) of covered
    repositories above which losses refuse an apply; None if not given. `require_resolve`: block steps whose packages
    are not known to resolve. `prune_overlays`: overlays and bindings that it does not name are removed.
    `allow_missing_tags` is as in an entry, for all of them.
    """

    prune: bool = False
    prune_overlays: bool = False
    allow_missing_tags: bool = False
    max_removal: float | None = None
    require_resolve: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """A whole manifest: the organization (a name, a path to a folder or a UIDP; None if not given) and its entries.

    `repositories` do not include the effect of `globs`; `core.globs` adds it for the planner. `digest` is that of the
    texts of the manifest.
    """

    repositories: tuple[DesiredRepository, ...]
    globs: tuple[DesiredGlob, ...] = ()
    organization: str | None = None
    settings: Settings = Settings()
    digest: str = ""
    overlays: tuple[DesiredOverlay, ...] = ()
    scopes: tuple[DesiredScope, ...] = ()

    @property
    def owners(self) -> frozenset[str]:
        """Return the owners of its entries, "" among them if there are entries without one."""
        return frozenset({one.owner for one in self.repositories} | {one.owner for one in self.globs})

    @property
    def declares_overlays(self) -> bool:
        """Return whether overlays or bindings have to be read to plan it."""
        return (
            bool(self.overlays or self.scopes or self.settings.prune_overlays)
            or any(one.bindings is not None for one in self.repositories)
            or any(one.bindings is not None for one in self.globs)
        )


def wanted(desired: DesiredRepository, live: Overlay) -> Overlay:
    """Return the overlay that a repository should have: managed sections as desired, the others as live."""
    if desired.reset:
        return EMPTY
    asked = {SECTION_FIELDS[section]: getattr(desired.overlay, SECTION_FIELDS[section]) for section in desired.managed}
    other = {name: value for name, value in asked.items() if value != getattr(live, name)}
    return replace(live, **other) if other else live


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The organization or folder of the manifest: its UIDP and its path by names."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An overlay that cannot be read: unknown, never to be treated as empty.

    `hint` says what to do about it, "" where it can only be reported.
    """

    problem: str
    hint: str = ""

    @property
    def advice(self) -> str:
        """Return what to do about it."""
        return self.hint or "report this with the output of `reconciler --version`"

    @property
    def summary(self) -> str:
        """Return the problem as a sentence."""
        return f"cannot read the live overlay: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRepository:
    """One repository: UIDP, name, path of its folder ("" for the organization's own level), overlay, active tags.

    `synced_from` is the catalog repository that it syncs from, "" where the API reports none, None where unknown.
    """

    id: str
    name: str
    folder: str = ""
    overlay: Overlay | Unreadable
    active_tags: tuple[str, ...] = ()
    synced_from: str | None = None

    @property
    def location(self) -> Address:
        """Return the folder and the name."""
        return Address(folder=self.folder, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryVersion:
    """One repository read for writing.

    `document` is the whole object as the API sent it, only to be given back; `server_time` is the server's clock at the
    time of reading, in seconds since the epoch.
    """

    repository: LiveRepository
    document: Mapping[str, object] = field(repr=False)
    server_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOverlay:
    """A named overlay: UIDP (`organization/…`), name, configuration."""

    id: str
    name: str
    overlay: Overlay | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayVersion:
    """One overlay read for writing; `document` is the whole object as the API sent it."""

    overlay: LiveOverlay
    document: Mapping[str, object] = field(repr=False)


Overlays = tuple[LiveOverlay, ...] | UnknownBindings


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The organization's repositories at the time of reading, the bindings that hold for them, and the overlays.

    `overlays` are all of the organization, bound or not, ordered by name; `folders` the path and the
    UIDP of each folder. `salt` is the key of the hashes in the place of values (`core.redaction`), "" if they are the
    values themselves.
    """

    organization: Organization
    repositories: tuple[LiveRepository, ...]
    bindings: Bindings = NOT_READ
    overlays: Overlays = NOT_READ
    folders: tuple[tuple[str, str], ...] = ()
    salt: str = ""


class Directory:
    """Index of live repositories by address; gives each its shortest unambiguous label."""

    def __init__(self, live: Live) -> None:
        self._by_name: dict[str, list[LiveRepository]] = {}
        for repository in live.repositories:
            self._by_name.setdefault(repository.name, []).append(repository)

    def find(self, address: Address) -> tuple[LiveRepository, ...]:
        """Return every repository that matches the address."""
        found = self._by_name.get(address.name, [])
        return tuple([one for one in found if address.folder is None or one.folder == address.folder])

    def label(self, repository: LiveRepository) -> str:
        """Return the shortest unambiguous address of the repository."""
        alone = len(self._by_name[repository.name]) == 1
        return repository.name if alone else f"{repository.folder}/{repository.name}"

    def label_at(self, address: Address) -> str:
        """Return the label of the repository at an address; the address itself unless exactly one matches."""
        found = self.find(address)
        return self.label(found[0]) if len(found) == 1 else str(address)

    def labels(self) -> tuple[str, ...]:
        """Return the labels of all repositories, sorted."""
        return tuple(sorted(self.label(one) for found in self._by_name.values() for one in found))
