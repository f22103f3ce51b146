"""What the manifest asks for, in canonical form: the input of the planner that comes from the user."""

from dataclasses import dataclass, replace

from reconciler.core.layers import Layer
from reconciler.core.model import EMPTY, SECTION_FIELDS, Overlay, Section
from reconciler.diagnostics import Diagnostic, Place


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Address:
    """A repository as people write it: a name, with its folder where several folders hold that name.

    `folder` None is "not said"; "" is the organisation's own level; otherwise the path from the organisation
    (`team-a/x`).
    """

    folder: str | None = None
    name: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`name`, `folder/name` or `/name`."""
        folder, slash, name = text.rpartition("/")
        return cls(folder=folder.strip("/") if slash else None, name=name)

    def __str__(self) -> str:
        return self.name if self.folder is None else f"{self.folder}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRepository:
    """One entry of the manifest.

    `overlay` speaks only for the sections in `managed`; the others stay as they are live. `reset` empties everything.
    `source` is the repository to create this one from where it does not exist. `protect` refuses to take anything away.
    `layers` are what overlay and sections come from, weakest first; `problems` are those that layering found, and an
    error among them keeps the repository from being planned.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredGlob:
    """What the manifest asks of every live repository that a pattern matches.

    A pattern with a slash is compared with `folder/name`, one without with the name alone; wildcards match slashes,
    too. `layers` hold what weaker blocks give it as well, weakest first.
    """

    pattern: str
    place: Place
    layers: tuple[Layer, ...] = ()
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the manifest says about applying it.

    `prune`: customised repositories that it does not name are reset. `max_removal`: the share (0 to 1) of the
    repositories that it covers from which one apply may take something away; None when not said. `require_resolve`:
    nothing is applied of which it is not known that its packages go together.
    """

    prune: bool = False
    max_removal: float | None = None
    require_resolve: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """A whole manifest: the organisation (a name, a path to a folder or a UIDP; None when not said) and its entries.

    The overlays of `repositories` are without what `globs` add to them: `core.globs` does that for the planner.
    `digest` is that of the texts that the manifest was read from.
    """

    repositories: tuple[DesiredRepository, ...]
    globs: tuple[DesiredGlob, ...] = ()
    organization: str | None = None
    settings: Settings = Settings()
    digest: str = ""


def wanted(desired: DesiredRepository, live: Overlay) -> Overlay:
    """The overlay that a repository should have: the managed sections as asked, everything else as it is live."""
    if desired.reset:
        return EMPTY
    asked = {SECTION_FIELDS[section]: getattr(desired.overlay, SECTION_FIELDS[section]) for section in desired.managed}
    other = {name: value for name, value in asked.items() if value != getattr(live, name)}
    return replace(live, **other) if other else live
