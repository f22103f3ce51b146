"""Overlays and bindings as a manifest file, next to those of the repositories: the live ones, or from customizations.

A scope is imported whole or not at all: the manifest manages all bindings of a scope that it names, and one that it
does not mention would be removed. A migration writes what several repositories share as one overlay.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from reconciler.core.bindings import DEV, Binding, SelectorKind, TagSelector, UnknownBindings
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Desired, Directory, Live, LiveOverlay, LiveRepository, Unreadable
from reconciler.diagnostics import Diagnostic, listed, quoted
from reconciler.manifest.writing.emit import PemFiles, entry_of, filled_sections, render_document
from reconciler.manifest.writing.folder import Verification, Verifier, locate, read_manifests
from reconciler.manifest.writing.importer import extract_profiles, name_problem, unused_name
from reconciler.manifest.writing.syntax import Shape
from reconciler.manifest.writing.updater import ImportRequest, overlay_of, warning

OVERLAYS_FILE: Final = "overlays.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayImport:
    """The file with its certificates and keys, empty if there is nothing to write, and its notes."""

    texts: Mapping[str, str] = field(default_factory=dict)
    overlays: int = 0
    bindings: int = 0
    left_out: tuple[Diagnostic, ...] = ()


def prepare_overlays(request: ImportRequest, desired: Desired | None) -> OverlayImport:
    """Return the manifest of the live overlays and bindings; raises `FilesRefused`.

    `desired` is the manifest that is in the folder already, None where there is none. One that declares overlays is the
    user's to edit.
    """
    live = request.live
    if isinstance(live.overlays, UnknownBindings) or isinstance(live.bindings, UnknownBindings):
        return OverlayImport()
    if not (live.overlays or live.bindings):
        return OverlayImport()
    if desired is not None and desired.declares_overlays:
        return OverlayImport(left_out=(_declared(),))
    writer = _BindingsWriter(request)
    overlays = dict(writer.overlays(live.overlays))
    writer.take(live.bindings)
    everywhere, folders, entries = writer.everywhere, writer.folders, writer.entries
    if not (overlays or everywhere or folders or entries):
        return OverlayImport(left_out=tuple(writer.left_out))
    text = render_document(
        request.organization,
        overlays=overlays,
        all_repositories=everywhere,
        folders={path: {"overlays": bound} for path, bound in folders.items()},
        entries=[(label, {"overlays": bound}) for label, bound in entries.items()],
    )
    scopes = (everywhere, *folders.values(), *entries.values())
    return OverlayImport(
        texts={**writer.pem_files.new, OVERLAYS_FILE: text},
        overlays=len(overlays),
        bindings=sum(map(len, scopes)),
        left_out=tuple(writer.left_out),
    )


def verify_overlays(request: ImportRequest, texts: Mapping[str, str]) -> Verification:
    """Return whether the folder's manifests with these texts declare the live overlays and bindings."""
    verifier = Verifier(folder=request.folder, live=request.live, load=request.load)
    return verifier.of_overlays({**read_manifests(request.folder), **texts})


class _BindingsWriter:
    """Writes the live overlays and bindings, and collects what is left out.

    `everywhere` are the bindings for all repositories, `folders` those of folders by path, `entries` those of
    repositories by clear name.
    """

    def __init__(self, request: ImportRequest) -> None:
        live = request.live
        self.pem_files = PemFiles(request.folder)
        self.left_out: list[Diagnostic] = []
        self.everywhere: dict[str, Shape] = {}
        self.folders: dict[str, dict[str, Shape]] = {}
        self.entries: dict[str, dict[str, Shape]] = {}
        self._organization = live.organization.id
        self._root = self._organization.partition("/")[0]
        self._directory = Directory(live)
        self._repositories = {one.id: one for one in live.repositories}
        self._folders = {id_: path for path, id_ in live.folders}
        self._located = locate(read_manifests(request.folder), self._directory)

    def overlays(self, found: Iterable[LiveOverlay]) -> Iterator[tuple[str, Shape]]:
        """Yield the overlays that the organization owns and that a manifest can hold, by name."""
        for one in found:
            why = self._obstacle(one)
            if why:
                hint = "leave it out of the manifest: bindings can name it all the same"
                self.left_out.append(warning("not-imported", f'overlay "{one.name}" is not imported: {why}', hint))
            elif isinstance(one.overlay, Overlay):
                yield one.name, entry_of(one.overlay, filled_sections(one.overlay), self.pem_files.place)

    def _obstacle(self, one: LiveOverlay) -> str:
        if one.id.rpartition("/")[0] != self._root:
            return "a folder owns it"
        if isinstance(one.overlay, Unreadable):
            return f"cannot read it: {one.overlay.problem}"
        if one.overlay.unrecognized:
            named = listed([path for path, _ in one.overlay.unrecognized])
            return f"it has fields that this version does not support: {named}"
        return ""

    def take(self, bindings: Iterable[Binding]) -> None:
        """Sort bindings by what they are for; each scope whole, or left out."""
        by_scope: dict[str, list[Binding]] = {}
        for one in bindings:
            by_scope.setdefault(one.scope, []).append(one)
        for scope, found in sorted(by_scope.items(), key=lambda item: self._label(item[0])):
            if not self._is_inside(scope):
                continue
            bound: dict[str, Shape] = {one.overlay: _selector(one.selector) for one in found}
            why = self._scope_obstacle(scope, found)
            if why:
                hint = "write its bindings by hand"
                summary = f"the bindings of {self._label(scope)} are not imported: {why}"
                self.left_out.append(warning("not-imported", summary, hint))
            elif scope == self._organization:
                self.everywhere = bound
            elif scope in self._folders:
                self.folders[self._folders[scope]] = bound
            else:
                self.entries[self._label(scope)] = bound

    def _is_inside(self, scope: str) -> bool:
        return scope == self._organization or scope.startswith(f"{self._organization}/")

    def _label(self, scope: str) -> str:
        if scope in self._repositories:
            return self._directory.label(self._repositories[scope])
        return self._folders.get(scope, "all repositories" if scope == self._organization else scope)

    def _scope_obstacle(self, scope: str, found: Sequence[Binding]) -> str:
        odd = [one.overlay for one in found if one.selector.kind is SelectorKind.UNKNOWN or not _is_known(one.selector)]
        if odd:
            return f"the tags of overlay {quoted(odd)} are selected in a way that this version does not support"
        if len({one.overlay for one in found}) < len(found):
            return "several of its overlays have one name"
        repository = self._repositories.get(scope)
        if repository is None:
            known = scope == self._organization or scope in self._folders
            return "" if known else "it does not exist, or is not visible to the token"
        label = self._directory.label(repository)
        if label in self._located:
            return f"{self._located[label].file} has an entry for it already"
        return name_problem(label)


def _is_known(selector: TagSelector) -> bool:
    return selector.variant in ("", DEV)


def _selector(selector: TagSelector) -> Shape:
    return list(selector.tags) if selector.kind is SelectorKind.EXACT else str(selector)


def _declared() -> Diagnostic:
    return warning(
        "overlays-declared",
        "the manifests declare overlays already: overlays and bindings are not imported",
        "see what differs with `reconciler plan`, and edit the manifests",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The files by name, the labels of the repositories in them, and why the others are not."""

    texts: Mapping[str, str]
    labels: tuple[str, ...]
    left_out: tuple[Diagnostic, ...] = ()


def make_migration(live: Live, picked: Sequence[LiveRepository], folder: Path, organization: str) -> Migration:
    """Return a manifest with an overlay for what repositories share, bound to all tags of each of them.

    Where several repositories have the same left of their own, they share an overlay for that as well.
    """
    directory = Directory(live)
    chosen, left_out = _migratable(picked, directory)
    found = extract_profiles([overlay_of(one) for one in chosen.values()], sharing=True)
    overlays = dict(found.profiles)
    names: dict[Overlay, str] = {}
    bound: dict[str, list[str]] = {}
    for label, (shared, rest) in zip(chosen, found.entries, strict=True):
        bound[label] = list(shared)
        if rest != EMPTY:
            if rest not in names:
                names[rest] = unused_name(label.strip("/").replace("/", "-"), overlays)
                overlays[names[rest]] = rest
            bound[label].append(names[rest])
    pem_files = PemFiles(folder)
    shapes = {name: entry_of(one, filled_sections(one), pem_files.place) for name, one in overlays.items()}
    entries: list[tuple[str, Shape]] = [(label, {"overlays": dict.fromkeys(bound[label], "all")}) for label in bound]
    texts = (
        {**pem_files.new, OVERLAYS_FILE: render_document(organization, entries=entries, overlays=shapes)}
        if bound
        else {}
    )
    return Migration(texts=texts, labels=tuple(bound), left_out=tuple(left_out))


def _migratable(
    picked: Sequence[LiveRepository], directory: Directory
) -> tuple[dict[str, LiveRepository], list[Diagnostic]]:
    chosen: dict[str, LiveRepository] = {}
    left_out = []
    for one in sorted(picked, key=directory.label):
        why = _migration_obstacle(one.overlay)
        if why:
            label = directory.label(one)
            hint = "change its customization first, or leave it as it is"
            problem = warning("not-migrated", f"{label} is not migrated: {why}", hint)
            left_out.append(replace(problem, repositories=(label,)))
        elif one.overlay != EMPTY:
            chosen[directory.label(one)] = one
    return chosen, left_out


def _migration_obstacle(overlay: Overlay | Unreadable) -> str:
    """Return why a customization cannot become an overlay; "" where it can."""
    if isinstance(overlay, Unreadable):
        return overlay.summary
    if overlay.unrecognized:
        named = ", ".join(path for path, _ in overlay.unrecognized)
        return f"it has fields that this version does not support: {named}"
    if overlay.certificates.providers:
        return "an overlay cannot have `certificates.providers`"
    return ""
