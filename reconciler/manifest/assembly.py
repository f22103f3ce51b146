"""Assembles the desired state from the valid files: the layers of each repository.

What layers come to together is decided by `core.layers`; nothing is checked here but what only shows then.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from reconciler.core.binding_rules import compete, disagreements
from reconciler.core.bindings import TagSelector
from reconciler.core.diff import Field
from reconciler.core.layers import (
    Layer,
    Precedence,
    Removal,
    group_problems,
    item_place,
    merge,
    overlay_errors,
    overlay_warnings,
    protected,
)
from reconciler.core.overlay import EMPTY
from reconciler.core.state import (
    Address,
    DesiredBinding,
    DesiredGlob,
    DesiredOverlay,
    DesiredRepository,
    DesiredScope,
    Labels,
)
from reconciler.diagnostics import Diagnostic, Place, listed
from reconciler.manifest.codes import Code
from reconciler.manifest.document import Document, locate
from reconciler.manifest.files import IncludedFile, IncludedFiles
from reconciler.manifest.form import REMOVE_KEYS
from reconciler.manifest.overlay import OverlayFiles, ParsedText, SourceMap, make_layer
from reconciler.manifest.problems import quoted, shown
from reconciler.manifest.schema import Customization, ManifestFile, OverlayFile, Repository, ScopeSection
from reconciler.manifest.values import is_glob


@dataclass(frozen=True, slots=True)
class Parsed:
    """A manifest file with what is right in it."""

    document: Document
    manifest: ManifestFile


@dataclass(frozen=True, slots=True)
class Assembled:
    """The entries, overlays and scopes of a manifest, in the order of its files, and the problems between layers."""

    repositories: tuple[DesiredRepository, ...]
    globs: tuple[DesiredGlob, ...]
    overlays: tuple[DesiredOverlay, ...]
    scopes: tuple[DesiredScope, ...]
    problems: tuple[Diagnostic, ...]


def assemble(parsed: Sequence[Parsed], included: IncludedFiles, overlays: OverlayFiles) -> Assembled:
    """Return the entries, overlays and scopes of all files; of two for the same repository or overlay the first."""
    profiles: dict[str, Layer] = {}
    owners = {one.manifest.owner for one in parsed if one.manifest.owner}
    owner = owners.pop() if len(owners) == 1 else ""
    files = [_FileLayers(one, owner, included, overlays, profiles) for one in parsed]
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
    named = _first_by_name(overlay for file in files for overlay in file.overlays())
    scopes = _united(scope for file in files for scope in file.scopes())
    bound = [scope.bindings for scope in scopes]
    bound += [one.bindings for one in repositories.values() if one.bindings]
    bound += [one.bindings for one in globs.values() if one.bindings]
    problems = (
        *group_problems(found),
        *(problem for one in named for problem in one.problems),
        *_conflicting_bindings(bound, named),
    )
    return Assembled(tuple(repositories.values()), tuple(globs.values()), named, scopes, problems)


def _first_by_name(overlays: Iterable[DesiredOverlay]) -> tuple[DesiredOverlay, ...]:
    found: dict[str, DesiredOverlay] = {}
    for one in overlays:
        found.setdefault(one.name, one)
    return tuple(found.values())


def _united(scopes: Iterable[DesiredScope]) -> tuple[DesiredScope, ...]:
    """Return the bindings of each scope in one, from whatever files they come."""
    found: dict[str, DesiredScope] = {}
    for one in scopes:
        known = found.setdefault(one.folder, one)
        if known is not one:
            named = {binding.overlay for binding in known.bindings}
            more = (binding for binding in one.bindings if binding.overlay not in named)
            found[one.folder] = replace(known, bindings=(*known.bindings, *more))
    return tuple(found.values())


def _problems(repositories: Iterable[DesiredRepository], *, warn: bool) -> Iterator[tuple[str, Diagnostic]]:
    """Yield what is wrong between layers; with globs, warnings have to wait until these are resolved."""
    for one in repositories:
        for problem in one.problems:
            yield str(one.address), problem
        if warn:
            for problem in overlay_warnings(one.overlay, one.layers):
                yield str(one.address), problem


def _content_problems(overlay: DesiredOverlay, *, complete: bool) -> Iterator[Diagnostic]:
    """Yield what the API refuses in the configuration that an overlay comes to; `complete`: all of it was read."""
    if overlay.overlay == EMPTY and complete:
        yield Diagnostic(
            code=Code.EMPTY_OVERLAY.value,
            summary=f"overlay {quoted(overlay.name)} has no content",
            hint="add content, such as `packages: [curl]`, or remove the overlay",
            place=overlay.place,
        )
    for provider in overlay.overlay.certificates.providers:
        yield Diagnostic(
            code=Code.PROVIDERS_IN_OVERLAY.value,
            summary="an overlay cannot have `certificates.providers`",
            hint=f"add `{shown(provider)}` to its `packages`",
            place=item_place(overlay.layers, Field.PROVIDERS, provider) or overlay.place,
        )


def _conflicting_bindings(
    scopes: Iterable[Sequence[DesiredBinding]], overlays: Sequence[DesiredOverlay]
) -> Iterator[Diagnostic]:
    """Yield the bindings of a scope that give one tag two values for the same thing; the same problem once."""
    known = {one.name: one for one in overlays}
    found: dict[Diagnostic, None] = {}
    for bindings in scopes:
        for first, second in combinations(bindings, 2):
            one, other = known.get(first.overlay), known.get(second.overlay)
            if one is not None and other is not None and compete(first.selector, second.selector):
                problem = _conflict(first, second, one, other)
                if problem is not None:
                    found[problem] = None
    yield from found


def _conflict(
    first: DesiredBinding, second: DesiredBinding, one: DesiredOverlay, other: DesiredOverlay
) -> Diagnostic | None:
    differ = disagreements(one.overlay, other.overlay)
    if not differ:
        return None
    fields = listed([f"{item.field}.{item.key}".rstrip(".") for item in differ])
    places = [item_place(overlay.layers, differ[0].field, differ[0].key) or overlay.place for overlay in (one, other)]
    return Diagnostic(
        code=Code.CONFLICTING_OVERLAYS.value,
        summary=f"overlays {quoted(one.name)} and {quoted(other.name)} are bound to the same tags "
        f"and have different values: {shown(fields)}",
        detail=f"values at {places[0]} and {places[1]}; first bound at {first.place}",
        hint="use one value in both, or bind one of them to a more specific set of tags",
        place=second.place,
    )


class _FileLayers:
    """The layers of one file."""

    def __init__(
        self, parsed: Parsed, owner: str, included: IncludedFiles, overlays: OverlayFiles, profiles: dict[str, Layer]
    ) -> None:
        self._owner = parsed.manifest.owner or owner
        self._document, self._manifest = parsed.document, parsed.manifest
        self._source = parsed.document.source
        self._included, self._overlays, self._profiles = included, overlays, profiles
        self._text, self._folder = ParsedText(self._source), Path(self._source.name).parent
        self._defaults = self._default_layers()

    def profiles(self) -> Iterator[tuple[str, Layer]]:
        """Yield each profile that was understood."""
        for name, at, _ in self._document.profiles():
            if name in self._manifest.profiles:
                sections = self._manifest.profiles[name]
                place = self._source.place(at)
                yield name, self._layer(sections, Precedence.PROFILE, ("profiles", name), place, name)

    def entries(self) -> Iterator[tuple[str, int, Repository]]:
        """Yield each entry that was understood, with its offset."""
        for name, at, _ in self._document.entries():
            if name in self._manifest.repositories:
                yield name, at, self._manifest.repositories[name]

    def repository(self, name: str, at: int, entry: Repository) -> DesiredRepository:
        """Return an entry for one repository."""
        place = self._source.place(at)
        given: dict[str, Any] = {"address": Address.parse(name), "protect": entry.protect, **self._about(entry, place)}
        if "overlays" in entry.model_fields_set:
            return DesiredRepository(**given, **self._bound(entry, name))
        if entry.reset:
            return DesiredRepository(**given, reset=True)
        own = self._layer(entry, Precedence.ENTRY, ("repositories", name), place)
        source = Address.parse(entry.source) if entry.source else None
        desired = DesiredRepository(**given, overlay=own.overlay, managed=own.managed, source=source, layers=(own,))
        if self._defaults or entry.profiles or entry.overlay:
            return self._layered(desired, (*self._defaults, *self._named(entry), own))
        errors = overlay_errors(own.overlay, (), own.place, desired.layers)
        return replace(desired, problems=tuple(errors)) if errors else desired

    def glob(self, pattern: str, at: int, entry: Repository) -> DesiredGlob:
        """Return an entry for all repositories that match."""
        place = self._source.place(at)
        given: dict[str, Any] = {"pattern": pattern, **self._about(entry, place)}
        if "overlays" in entry.model_fields_set:
            return DesiredGlob(**given, **self._bound(entry, pattern))
        own = self._layer(entry, Precedence.GLOB, ("repositories", pattern), place, pattern)
        chain = self._source.name
        layers = [replace(one, precedence=Precedence.GLOB, chain=chain) for one in (*self._named(entry), own)]
        return DesiredGlob(**given, layers=(*self._defaults, *layers), reset=entry.reset)

    def _about(self, entry: Repository, place: Place) -> dict[str, Any]:
        """Return what every entry has, as arguments."""
        labels: Labels = tuple(sorted(entry.labels.items()))
        return {"place": place, "owner": self._owner, "labels": labels}

    def _bound(self, entry: Repository, name: str) -> dict[str, Any]:
        """Return what an entry with `overlays` says, as arguments."""
        bindings = self._bindings(entry.overlays, ("repositories", name))
        return {"bindings": bindings, "allow_missing_tags": entry.allow_missing_tags}

    def overlays(self) -> Iterator[DesiredOverlay]:
        """Yield each named overlay that was understood."""
        for name, at, _ in self._document.overlays():
            if name in self._manifest.overlays:
                entry = self._manifest.overlays[name]
                own = self._layer(entry, Precedence.ENTRY, ("overlays", name), self._source.place(at))
                layers = (*self._named(entry), own)
                merged = merge(layers)
                overlay = DesiredOverlay(
                    name=name, place=own.place, overlay=merged.overlay, managed=merged.managed, layers=layers
                )
                errors = overlay_errors(merged.overlay, merged.conflicts, own.place, layers)
                warnings = overlay_warnings(merged.overlay, layers)
                complete = len(layers) == 1 + len(set(entry.profiles)) + bool(entry.overlay)
                content = _content_problems(overlay, complete=complete)
                yield replace(overlay, problems=(*errors, *content, *warnings))

    def scopes(self) -> Iterator[DesiredScope]:
        """Yield the bindings for all repositories of the organization and of folders."""
        given: list[tuple[tuple[str, ...], str, ScopeSection]] = []
        if "all_repositories" in self._manifest.model_fields_set:
            given.append((("all_repositories",), "", self._manifest.all_repositories))
        given += [(("folders", folder), folder, scope) for folder, scope in self._manifest.folders.items()]
        for path, folder, scope in given:
            yield DesiredScope(
                folder=folder,
                bindings=self._bindings(scope.overlays, path),
                place=self._source.place(self._offset(path)),
            )

    def _bindings(self, bindings: Mapping[str, TagSelector], path: tuple[str, ...]) -> tuple[DesiredBinding, ...]:
        return tuple(
            DesiredBinding(
                overlay=name,
                selector=selector,
                place=self._source.place(self._offset((*path, "overlays", name))),
            )
            for name, selector in bindings.items()
        )

    def _offset(self, path: tuple[str | int, ...]) -> int:
        top = self._document.top
        return 0 if top is None else locate(top, path).at

    def _default_layers(self) -> tuple[Layer, ...]:
        top = self._document.top
        if top is None or "defaults" not in self._manifest.model_fields_set:
            return ()
        place = self._source.place(top.marks_of("defaults")[0])
        layer = self._layer(self._manifest.defaults, Precedence.DEFAULTS, ("defaults",), place)
        return (replace(layer, chain=self._source.name),)

    def _named(self, entry: Customization) -> Iterator[Layer]:
        """Yield the profiles and the overlay file that a block names; those that are not there were reported."""
        for name in dict.fromkeys(entry.profiles):
            if name in self._profiles:
                yield self._profiles[name]
        file = self._included.read(entry.overlay, folder=self._folder) if entry.overlay else None
        understood = self._overlays.understand(file) if isinstance(file, IncludedFile) else None
        if understood is not None and isinstance(file, IncludedFile):
            yield make_layer(
                understood.overlay,
                lambda written: self._read(written, file.folder),
                kind=Precedence.OVERLAY_FILE,
                place=understood.place,
                source_map=SourceMap(understood.text, ()),
                name=file.name,
            )

    def _layered(self, desired: DesiredRepository, layers: tuple[Layer, ...]) -> DesiredRepository:
        merged = merge(layers)
        return replace(
            desired,
            overlay=merged.overlay,
            managed=merged.managed,
            protect=protected(layers),
            layers=layers,
            problems=tuple(overlay_errors(merged.overlay, merged.conflicts, desired.place, layers)),
        )

    def _layer(
        self, block: OverlayFile, kind: Precedence, path: tuple[str, ...], place: Place, name: str = ""
    ) -> Layer:
        return make_layer(
            block,
            lambda written: self._read(written, self._folder),
            kind=kind,
            place=place,
            source_map=SourceMap(self._text, path),
            name=name,
            protect=block.protect if isinstance(block, Repository) and "protect" in block.model_fields_set else None,
            removed=tuple(self._removals(block, path)) if isinstance(block, Repository) else (),
        )

    def _removals(self, block: Repository, path: tuple[str, ...]) -> Iterator[Removal]:
        for name, part in REMOVE_KEYS.items() if "remove" in block.model_fields_set else ():
            for index, key in enumerate(getattr(block.remove, name)):
                place = self._source.place(self._offset((*path, "remove", name, index)))
                yield Removal(field=part, key=key, place=place)

    def _read(self, written: str, folder: Path) -> str:
        if not written:
            return ""
        found = self._included.read(written, folder=folder)
        return found.text if isinstance(found, IncludedFile) else ""
