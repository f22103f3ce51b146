"""From the blocks that were understood to the desired state: which layers speak of which repository.

What layers come to together is decided by `core.layers`; nothing is checked here but what only shows then.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.layers import Layer, Precedence, group_problems, merge, overlay_errors, overlay_warnings, protected
from reconciler.core.state import Address, DesiredGlob, DesiredRepository
from reconciler.diagnostics import Diagnostic
from reconciler.manifest import build
from reconciler.manifest.beside import Beside, Named
from reconciler.manifest.build import Tree
from reconciler.manifest.documents import Document
from reconciler.manifest.overlay_files import OverlayFiles
from reconciler.manifest.patterns import is_glob
from reconciler.manifest.sites import BlockSite, Text

_desired = DesiredRepository


@dataclass(frozen=True, slots=True)
class Parsed:
    """A manifest file with what is right in it."""

    document: Document
    tree: Tree


@dataclass(frozen=True, slots=True)
class Assembled:
    """The entries of a manifest, in the order of its files, and the problems between their layers."""

    repositories: tuple[DesiredRepository, ...]
    globs: tuple[DesiredGlob, ...]
    problems: tuple[Diagnostic, ...]


def assemble(parsed: Sequence[Parsed], beside: Beside, overlays: OverlayFiles) -> Assembled:
    """The entries of all files; of two for the same repository the first."""
    profiles: dict[str, Layer] = {}
    files = [_File(one, beside, overlays, profiles) for one in parsed]
    for file in files:
        for name, layer in file.profiles():
            profiles.setdefault(name, layer)
    repositories: dict[Address, DesiredRepository] = {}
    globs: dict[str, DesiredGlob] = {}
    for file in files:
        for name, at, entry in file.entries():
            if is_glob(name):
                globs.setdefault(name, file.glob(name, at, entry))
            else:
                built = file.repository(name, at, entry)
                repositories.setdefault(built.address, built)
    found = _problems(repositories.values(), warn=not globs)
    return Assembled(tuple(repositories.values()), tuple(globs.values()), tuple(group_problems(found)))


def _problems(repositories: Iterable[DesiredRepository], *, warn: bool) -> Iterator[tuple[str, Diagnostic]]:
    """What is wrong between layers; with globs, warnings have to wait until these are resolved."""
    for one in repositories:
        for problem in one.problems:
            yield str(one.address), problem
        if warn and one.overlay.accounts.run_as:
            for problem in overlay_warnings(one.overlay, one.layers):
                yield str(one.address), problem


class _File:
    """The layers of one file."""

    def __init__(self, parsed: Parsed, beside: Beside, overlays: OverlayFiles, profiles: dict[str, Layer]) -> None:
        self._source = parsed.document.source
        self._document, self._tree = parsed.document, parsed.tree
        self._beside, self._overlays, self._profiles = beside, overlays, profiles
        self._text, self._folder = Text(self._source), Path(self._source.name).parent
        self._defaults = self._default_layers()

    def profiles(self) -> Iterator[tuple[str, Layer]]:
        """Each profile that was understood."""
        accepted = self._tree.get("profiles", {})
        for name, at, _ in self._document.profiles():
            if name in accepted:
                yield name, self._layer(accepted[name], Precedence.PROFILE, ("profiles", name), at, name)

    def entries(self) -> Iterator[tuple[str, int, Tree]]:
        """Each entry that was understood, with where it stands."""
        accepted = self._tree.get("repositories", {})
        for name, at, _ in self._document.entries():
            if name in accepted:
                yield name, at, accepted[name]

    def repository(self, name: str, at: int, entry: Tree) -> DesiredRepository:
        """An entry for one repository."""
        address, protect = Address.parse(name), build.is_true(entry, "protect")
        if build.is_true(entry, "reset"):
            return DesiredRepository(address=address, place=self._source.place(at), reset=True, protect=protect)
        own = self._layer(entry, Precedence.ENTRY, ("repositories", name), at)
        desired = _desired(
            address=address,
            place=own.place,
            overlay=own.overlay,
            managed=own.managed,
            source=Address.parse(entry["source"]) if "source" in entry else None,
            protect=protect,
            layers=(own,),
        )
        if self._defaults or entry.get("profiles") or "overlay" in entry:
            return self._layered(desired, (*self._defaults, *self._named(entry), own))
        if own.overlay.runtime_keyring or own.overlay.certificates.additional:
            return replace(desired, problems=tuple(overlay_errors(own.overlay, (), own.place)))
        return desired

    def glob(self, pattern: str, at: int, entry: Tree) -> DesiredGlob:
        """An entry for all repositories that match."""
        own = self._layer(entry, Precedence.GLOB, ("repositories", pattern), at, pattern)
        chain = self._source.name
        layers = [replace(one, precedence=Precedence.GLOB, chain=chain) for one in (*self._named(entry), own)]
        return DesiredGlob(
            pattern=pattern, place=own.place, layers=(*self._defaults, *layers), reset=build.is_true(entry, "reset")
        )

    def _default_layers(self) -> tuple[Layer, ...]:
        if "defaults" not in self._tree:
            return ()
        top = self._document.top
        assert top is not None
        layer = self._layer(self._tree["defaults"], Precedence.DEFAULTS, ("defaults",), top.marks_of("defaults")[0])
        return (replace(layer, chain=self._source.name),)

    def _named(self, entry: Tree) -> Iterator[Layer]:
        """The profiles and the overlay file that an entry names; those that are not there were reported."""
        for name in dict.fromkeys(entry.get("profiles", ())):
            if name in self._profiles:
                yield self._profiles[name]
        named = self._beside.read(entry["overlay"], folder=self._folder) if "overlay" in entry else None
        understood = self._overlays.understand(named) if isinstance(named, Named) else None
        if understood is not None and isinstance(named, Named):
            yield build.layer(
                understood.tree,
                lambda file: self._read(file, named.folder),
                kind=Precedence.OVERLAY_FILE,
                place=understood.place,
                site=BlockSite(understood.text, ()),
                name=named.name,
            )

    def _layered(self, desired: DesiredRepository, layers: tuple[Layer, ...]) -> DesiredRepository:
        merged = merge(layers)
        return replace(
            desired,
            overlay=merged.overlay,
            managed=merged.managed,
            protect=protected(layers),
            layers=layers,
            problems=tuple(overlay_errors(merged.overlay, merged.conflicts, desired.place)),
        )

    def _layer(self, tree: Tree, kind: Precedence, path: tuple[str, ...], at: int, name: str = "") -> Layer:
        return build.layer(
            tree,
            self._read_here,
            kind=kind,
            place=self._source.place(at),
            site=BlockSite(self._text, path),
            name=name,
        )

    def _read_here(self, file: str) -> str:
        return self._read(file, self._folder)

    def _read(self, file: str, folder: Path) -> str:
        found = self._beside.read(file, folder=folder)
        return found.text if isinstance(found, Named) else ""
