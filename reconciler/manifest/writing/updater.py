"""Existing manifests brought up to live state: the entries of the repositories that were named are edited.

Everything else stays as it is, layers included. A value that a weaker layer gives otherwise is overridden in the entry;
where that cannot be done, the entry stops using the layers that it names itself, or else the repository is left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reconciler.core.diff import KEYED, SECTION_OF, Field, Item, assemble, items_of
from reconciler.core.layers import Layer, Merged, Precedence, merge
from reconciler.core.overlay import EMPTY, Overlay, PemFile, Section, package_name, pem_text, sections_held
from reconciler.core.state import Directory, Live, LiveRepository
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.manifest import files as manifest_files
from reconciler.manifest.form import SECTION_PATHS
from reconciler.manifest.writing.edit import EntryEdit, edited
from reconciler.manifest.writing.emit import (
    PemFiles,
    Split,
    entry_of,
    file_name,
    filled_sections,
    render_document,
)
from reconciler.manifest.writing.folder import REPOSITORIES, Load, Verifier, has_repositories, in_folder, locate
from reconciler.manifest.writing.syntax import Shape

_BUILT_ON: Final = frozenset({"profiles", "overlay"})
_BY_ENTRY: Final = frozenset({Precedence.PROFILE, Precedence.OVERLAY_FILE})
_TOP: Final = frozenset(path[0] for path in SECTION_PATHS.values())
_PEM_LISTS: Final[Mapping[Section, tuple[str, str]]] = {
    Section.RUNTIME_KEYRING: ("contents", "runtime_keyring"),
    Section.CERTIFICATES: ("certificates", "additional"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """Repositories to import: those `picked` by name, or None for everything customized."""

    live: Live
    folder: Path
    organization: str
    load: Load
    picked: Sequence[LiveRepository] | None = None
    split: Split | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The manifests and their files after the change, and the repositories that could not be written."""

    texts: Mapping[str, str]
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Diagnostic, ...] = ()


def overlay_of(repository: LiveRepository) -> Overlay:
    """Return the overlay of a repository that was chosen, which is always one that was understood."""
    return repository.overlay if isinstance(repository.overlay, Overlay) else EMPTY


def warning(code: str, summary: str, hint: str = "", detail: str = "") -> Diagnostic:
    """Return a note for the person who imports."""
    return Diagnostic(code=code, summary=summary, hint=hint, detail=detail, severity=Severity.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryChange:
    """The values that an entry gives itself, and the sections that it mentions.

    `excess` are values that weaker layers give and that are not live, which an entry cannot take away. `overridden` are
    those that it gives another value.
    """

    overlay: Overlay
    mentioned: frozenset[Section]
    excess: tuple[Item, ...] = ()
    overridden: tuple[Item, ...] = ()


class ManifestUpdater:
    """Edits of the manifests of one folder."""

    def __init__(self, request: ImportRequest, before: Mapping[str, str], verifier: Verifier) -> None:
        self._request = request
        self._before = before
        self._verifier = verifier
        self._directory = Directory(request.live)
        self._located = locate(before, self._directory)
        # Repositories whose entries are tried without any of the layers that they name.
        self._alone: set[str] = set()

    def draft(self, repositories: Mapping[str, LiveRepository]) -> Draft:
        """Return the files after the edits for these repositories."""
        trial, layers = self._verifier.layers(self._apply(self._opening(repositories), {})[0])
        pem_files = PemFiles(self._request.folder)
        refused: dict[str, str] = {}
        notes: list[Diagnostic] = []
        edits: dict[str, list[EntryEdit]] = {}
        new: dict[str, dict[str, Shape]] = {}
        for label, repository in repositories.items():
            around = layers.get(label, ())
            kept, taken = self._taken(label, repository, around)
            if taken.excess:
                refused[label] = _excess_reason(taken, around).replace(str(trial), str(self._request.folder))
                continue
            edit = self._edit(label, taken, pem_files, _built_on(self._own(label), kept))
            notes += _layer_notes(label, taken, around, dropped=[one for one in around if one not in kept])
            if label in self._located:
                edits.setdefault(self._located[label].file, []).append(edit)
            else:
                new.setdefault(self._file(repository), {})[label] = dict(edit.wanted)
        texts, not_edited = self._apply(edits, new)
        placed_notes = in_folder(self._request.folder, trial, tuple(notes))
        return Draft(texts={**texts, **pem_files.new}, refused={**refused, **not_edited}, notes=placed_notes)

    def second_try(self, label: str) -> bool:
        """Return whether an entry can do without the layers that it names, and has not been tried so."""
        if label in self._alone or _BUILT_ON.isdisjoint(self._own(label)):
            return False
        self._alone.add(label)
        return True

    def shortened(self, draft: Draft, _repositories: Mapping[str, LiveRepository], _verifier: Verifier) -> Draft:
        """Return the draft unchanged: what people have arranged is not rearranged."""
        return draft

    def _own(self, label: str) -> Mapping[str, Shape]:
        return self._located[label].shape if label in self._located else {}

    def _opening(self, repositories: Mapping[str, LiveRepository]) -> dict[str, list[EntryEdit]]:
        """Return edits after which every repository has an entry that layers reach: to find out what these give it."""
        edits: dict[str, list[EntryEdit]] = {}
        for label, repository in repositories.items():
            there = self._located.get(label)
            if there is None:
                edits.setdefault(self._file(repository), []).append(EntryEdit(path=(REPOSITORIES,), wanted={label: {}}))
            elif "reset" in there.shape:
                edits.setdefault(there.file, []).append(
                    EntryEdit(path=there.path, wanted={}, removed=frozenset({"reset"}))
                )
        return {file: _joined(found) for file, found in edits.items()}

    def _taken(
        self, label: str, repository: LiveRepository, layers: Sequence[Layer]
    ) -> tuple[list[Layer], EntryChange]:
        """Return what an entry takes, and the layers that it can keep for that."""
        live = overlay_of(repository)
        own = self._own(label)
        kept = [one for one in layers if label not in self._alone or one.precedence not in _BY_ENTRY]
        managed = _sections(live, layers, everything=label not in self._located or "reset" in own)
        taken = _entry_change(live, kept, managed)
        if taken.excess:
            kept = _fitting(kept, taken.excess)
            taken = _entry_change(live, kept, managed)
        return kept, taken

    def _edit(self, label: str, taken: EntryChange, pem_files: PemFiles, built_on: Mapping[str, Shape]) -> EntryEdit:
        there = self._located.get(label)
        own = self._own(label)
        path = there.path if there else (REPOSITORIES, label)
        if own.get("reset") == "true" and taken.overlay == EMPTY:
            return EntryEdit(path=path, wanted={})
        found = _edit_of(path, own, taken, lambda file, item: self._pem(file, item, pem_files))
        gone = {"reset", *_BUILT_ON} & own.keys() - built_on.keys()
        return EntryEdit(path=path, wanted={**built_on, **found.wanted}, removed=found.removed | gone)

    def _pem(self, file: PemFile, item: Mapping[str, Shape], pem_files: PemFiles) -> dict[str, Shape]:
        """Return the item for a certificate or key: the one that is there where it says the same."""
        written = item.get("content")
        if "file" in item:
            text = manifest_files.read(self._request.folder / str(item["file"]))
            written = text if isinstance(text, str) else None
        if isinstance(written, str) and pem_text(written) == file.pem:
            return dict(item)
        return {"name": file.name, "file": pem_files.path(file)}

    def _file(self, repository: LiveRepository) -> str:
        """Return where a new entry goes: into the one file that has entries, else where a new import would put it."""
        holding = [file for file, text in self._before.items() if has_repositories(text)]
        if self._request.split is None and len(holding) == 1:
            return holding[0]
        return file_name(repository, self._directory, self._request.live.organization, self._request.split)

    def _apply(
        self, edits: Mapping[str, list[EntryEdit]], new: Mapping[str, Mapping[str, Shape]]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the texts of all files after the edits, and why some repositories could not be written."""
        texts, refused = dict(self._before), dict[str, str]()
        labels = {(one.file, one.path): label for label, one in self._located.items()}
        for file in dict.fromkeys([*edits, *new]):
            added = [EntryEdit(path=(REPOSITORIES,), wanted=new[file])] if file in new else []
            if file not in texts:
                shapes = [one.wanted for one in (*edits.get(file, ()), *added)]
                entries = [pair for shape in shapes for pair in shape.items()]
                texts[file] = render_document(self._request.organization, entries=entries)
                continue
            result = edited(texts[file], [*edits.get(file, ()), *added])
            texts[file] = result.text
            for path, why in result.refused.items():
                guilty = [labels[file, path]] if (file, path) in labels else list(new.get(file, ()))
                refused.update(dict.fromkeys(guilty, why))
        return texts, refused


def _built_on(own: Mapping[str, Shape], kept: Sequence[Layer]) -> dict[str, Shape]:
    """Return what an entry still says of the layers that it names."""
    names = {one.name for one in kept if one.precedence is Precedence.PROFILE}
    profiles = own.get("profiles")
    found: dict[str, Shape] = {}
    still: list[Shape] = [one for one in profiles if one in names] if isinstance(profiles, list) else []
    if still:
        found["profiles"] = still
    if "overlay" in own and any(one.precedence is Precedence.OVERLAY_FILE for one in kept):
        found["overlay"] = own["overlay"]
    return found


def _joined(edits: list[EntryEdit]) -> list[EntryEdit]:
    """Return one edit for each mapping."""
    by_path: dict[tuple[str, ...], EntryEdit] = {}
    for one in edits:
        before = by_path.get(one.path, one)
        by_path[one.path] = EntryEdit(path=one.path, wanted={**before.wanted, **one.wanted}, removed=one.removed)
    return list(by_path.values())


def _sections(live: Overlay, layers: Sequence[Layer], *, everything: bool) -> frozenset[Section]:
    """Return the sections to take: the managed ones, or with `everything` all that the live overlay has."""
    managed = frozenset[Section]().union(*(one.managed for one in layers))
    return managed | filled_sections(live) if everything or not managed else managed


def _entry_change(live: Overlay, layers: Sequence[Layer], managed: frozenset[Section]) -> EntryChange:
    """Return an entry's own values on top of its layers; the last layer may be its own previous values."""
    below = merge([one for one in layers if one.precedence is not Precedence.ENTRY])
    own = merge([one for one in layers if one.precedence is Precedence.ENTRY])
    return _taken(live, below, own, managed)


def _fitting(layers: Sequence[Layer], excess: Sequence[Item]) -> list[Layer]:
    """Return the layers without those that an entry names itself and that give something in excess."""
    unfit = frozenset(excess)
    return [one for one in layers if one.precedence not in _BY_ENTRY or unfit.isdisjoint(items_of(one.overlay))]


def _taken(live: Overlay, below: Merged, own: Merged, managed: frozenset[Section]) -> EntryChange:
    emptied = managed.difference(sections_held(live))
    given = [one for one in items_of(below.overlay) if _section(one) in managed]
    there = [one for one in items_of(live) if _section(one) in managed]
    by_key = {(one.field, one.key): one for one in there}
    own_keys = {(one.field, one.key) for one in items_of(own.overlay)}
    overlay = assemble(one for one in there if one not in given or (one.field, one.key) in own_keys)
    # A section given empty takes away everything that is below.
    lasting = [one for one in given if _section(one) not in emptied]
    excess = tuple(one for one in lasting if not _can_become(one, by_key.get((one.field, one.key))))
    return EntryChange(
        overlay=overlay,
        mentioned=filled_sections(overlay) | frozenset(one for one in emptied if _is_said(one, below, own)),
        excess=excess,
        overridden=tuple(one for one in given if one not in there and one not in excess),
    )


def _section(entry: Item) -> Section | None:
    return SECTION_OF.get(entry.field)


def _can_become(given: Item, live: Item | None) -> bool:
    """Return whether an entry can turn what a weaker layer gives into what is live."""
    if live is None or given.value == live.value:
        return live is not None
    # Packages of all layers are united, and only a bare name agrees with a constraint.
    return given.field is not Field.PACKAGES or given.value == package_name(str(given.value))


def _is_said(section: Section, below: Merged, own: Merged) -> bool:
    """Return whether an entry has to give a section empty: it did, or what is below it gives something."""
    return section in own.managed or section in sections_held(below.overlay)


def _edit_of(
    path: tuple[str, ...], own: Mapping[str, Shape], taken: EntryChange, place: Callable[..., dict[str, Shape]]
) -> EntryEdit:
    """Return the edit that makes an entry, which reads `own` now, say what it takes.

    `place` gives the item for a certificate or key, from the item of that name that is there.
    """

    def place_pem(section: Section, file: PemFile) -> dict[str, Shape]:
        return place(file, _item(own, section, file.name))

    shape = entry_of(taken.overlay, taken.mentioned, place_pem)
    _spread_packages(shape, own)
    removed = {key for key in own if key in _TOP and key not in shape}
    return EntryEdit(path=path, wanted=shape, removed=frozenset(removed))


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
    """Keep packages in their place: an entry may list them under `packages`, `contents.packages`, or both."""
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


def _layer_notes(
    label: str, taken: EntryChange, layers: Sequence[Layer], *, dropped: Sequence[Layer]
) -> Iterator[Diagnostic]:
    """Yield what the person who imports has to know; `dropped` are the layers that the entry no longer names."""
    if dropped:
        named = ", ".join(f'the profile "{one.name}"' if one.name else "its overlay file" for one in dropped)
        yield warning(
            "layers-written-out",
            f"{label}: the entry no longer uses {named}",
            "check the entry: it now lists the values itself, because it contains values that are not live",
        )
    if taken.overridden:
        yield warning(
            "layer-overridden",
            f"{label}: the entry overrides values of a lower layer: {', '.join(map(_named, taken.overridden))}",
            "edit the layer instead if every repository should have the live value",
            detail=_places(taken.overridden, layers),
        )


def _excess_reason(taken: EntryChange, layers: Sequence[Layer]) -> str:
    """Return why a repository cannot be written: what layers give it and an entry cannot take away."""
    named = ", ".join(map(_named, taken.excess))
    where = _places(taken.excess, layers)
    return f"its layers contain values that are not live and that an entry cannot remove: {named} ({where})"


def _named(entry: Item) -> str:
    return f"{entry.field}.{entry.key}" if entry.field in KEYED else f"{entry.field} {entry.key}".strip()


def _places(given: Sequence[Item], layers: Sequence[Layer]) -> str:
    weaker = [layer for layer in layers if layer.precedence is not Precedence.ENTRY]
    found = (
        str(layer.place_of(one.field, one.key))
        for one in given
        for layer in weaker
        if one in tuple(items_of(layer.overlay))
    )
    return "set at " + ", ".join(dict.fromkeys(found))
