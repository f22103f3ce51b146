"""What an entry has to say so that a repository is wanted as it is live, on top of what weaker layers give it.

Decides values; where they are written is the business of `editing`. A layer is never changed: the entry overrides it,
and what cannot be overridden is told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.core.diff import SECTION_OF, Field, Item, assemble, items_of
from reconciler.core.layers import Layer, Merged, Precedence, merge
from reconciler.core.overlay import Overlay, PemFile, Section, package_name, sections_held
from reconciler.manifest.writing import shapes
from reconciler.manifest.writing.editing import Edit
from reconciler.manifest.writing.shapes import PATHS, Shape

BY_ENTRY: Final = frozenset({Precedence.PROFILE, Precedence.OVERLAY_FILE})
_TOP: Final = frozenset(path[0] for path in PATHS.values())
_PEM_LISTS: Final[Mapping[Section, tuple[str, str]]] = {
    Section.RUNTIME_KEYRING: ("contents", "runtime_keyring"),
    Section.CERTIFICATES: ("certificates", "additional"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The values that an entry gives itself, and the sections that it mentions.

    `excess` are values that weaker layers give and that are not live, which an entry cannot take away. `overridden` are
    those that it gives another value.
    """

    overlay: Overlay
    mentioned: frozenset[Section]
    excess: tuple[Item, ...] = ()
    overridden: tuple[Item, ...] = ()


def sections(live: Overlay, layers: Sequence[Layer], *, everything: bool) -> frozenset[Section]:
    """The sections to take: those that are managed, as the others stay so; what is live where `everything` is taken."""
    managed = frozenset[Section]().union(*(one.managed for one in layers))
    return managed | shapes.filled(live) if everything or not managed else managed


def take(live: Overlay, layers: Sequence[Layer], managed: frozenset[Section]) -> Taken:
    """What an entry gives itself on top of its layers, the last of which may be what it gave itself so far."""
    below = merge([one for one in layers if one.precedence is not Precedence.ENTRY])
    own = merge([one for one in layers if one.precedence is Precedence.ENTRY])
    return _taken(live, below, own, managed)


def fitting(layers: Sequence[Layer], excess: Sequence[Item]) -> list[Layer]:
    """The layers without those that an entry names itself and that give something in excess."""
    unfit = frozenset(excess)
    return [one for one in layers if one.precedence not in BY_ENTRY or unfit.isdisjoint(items_of(one.overlay))]


def _taken(live: Overlay, below: Merged, own: Merged, managed: frozenset[Section]) -> Taken:
    emptied = managed.difference(sections_held(live))
    given = [one for one in items_of(below.overlay) if _section(one) in managed]
    there = [one for one in items_of(live) if _section(one) in managed]
    by_key = {(one.field, one.key): one for one in there}
    said = {(one.field, one.key) for one in items_of(own.overlay)}
    overlay = assemble(one for one in there if one not in given or (one.field, one.key) in said)
    # A section given empty takes away everything that is below.
    lasting = [one for one in given if _section(one) not in emptied]
    excess = tuple(one for one in lasting if not _can_become(one, by_key.get((one.field, one.key))))
    return Taken(
        overlay=overlay,
        mentioned=shapes.filled(overlay) | frozenset(one for one in emptied if _is_said(one, below, own)),
        excess=excess,
        overridden=tuple(one for one in given if one not in there and one not in excess),
    )


def _section(entry: Item) -> Section | None:
    return SECTION_OF.get(entry.field)


def _can_become(given: Item, live: Item | None) -> bool:
    """Whether an entry can turn what a weaker layer gives into what is live."""
    if live is None or given.value == live.value:
        return live is not None
    # Packages of all layers are united, and only a bare name agrees with a constraint.
    return given.field is not Field.PACKAGES or given.value == package_name(str(given.value))


def _is_said(section: Section, below: Merged, own: Merged) -> bool:
    """Whether an entry has to give a section empty: it did, or what is below it gives something."""
    return section in own.managed or section in sections_held(below.overlay)


def edit_of(
    path: tuple[str, ...], own: Mapping[str, Shape], taken: Taken, place: Callable[..., dict[str, Shape]]
) -> Edit:
    """The edit that makes an entry, which reads `own` now, say what it takes.

    `place` gives the item for a certificate or key, from the item of that name that is there.
    """

    def place_pem(section: Section, file: PemFile) -> dict[str, Shape]:
        return place(file, _item(own, section, file.name))

    shape = shapes.entry(taken.overlay, taken.mentioned, place_pem)
    _spread_packages(shape, own)
    removed = {key for key in own if key in _TOP and key not in shape}
    return Edit(path=path, wanted=shape, removed=frozenset(removed))


def _item(own: Mapping[str, Shape], section: Section, name: str) -> Mapping[str, Shape]:
    holder, key = _PEM_LISTS[section]
    there = own.get(holder)
    items = there.get(key) if isinstance(there, dict) else None
    found = (
        (one for one in items or () if isinstance(one, dict) and one.get("name") == name)
        if isinstance(items, list)
        else ()
    )
    return next(iter(found), {})


def _spread_packages(shape: dict[str, Shape], own: Mapping[str, Shape]) -> None:
    """Keep packages where they stand: an entry may list them under `packages`, `contents.packages`, or both."""
    contents = own.get("contents")
    listed = contents.get("packages") if isinstance(contents, dict) else None
    if "packages" not in shape or not isinstance(listed, list):
        return
    wanted = shape.pop("packages")
    assert isinstance(wanted, list)
    names = {package_name(str(one).strip()) for one in listed}
    both = "packages" in own
    below = [one for one in wanted if not both or package_name(str(one)) in names]
    inner = shape.setdefault("contents", {})
    assert isinstance(inner, dict)
    if below or not both:
        inner["packages"] = below
    if both:
        shape["packages"] = [one for one in wanted if one not in below]
    if not inner:
        del shape["contents"]
