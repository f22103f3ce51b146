"""A folder with manifests: the entries of the repositories that were named are brought up to what is live.

Everything else stays as it is, layers included. A value that a weaker layer gives otherwise is overridden in the entry;
where that cannot be done, the entry stops using the layers that it names itself, and else it is left alone.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from reconciler.core.layers import Layer, Precedence
from reconciler.core.overlay import EMPTY, PemFile, pem_text
from reconciler.core.state import Directory, LiveRepository
from reconciler.diagnostics import Diagnostic
from reconciler.manifest import files as manifest_files
from reconciler.manifest.writing.documents import document, file_name
from reconciler.manifest.writing.drafts import Draft, Request, overlay_of
from reconciler.manifest.writing.editing import Edit, edited
from reconciler.manifest.writing.entries import REPOSITORIES, has_repositories, locate
from reconciler.manifest.writing.files import told_of
from reconciler.manifest.writing.layer_notes import in_the_way, notes
from reconciler.manifest.writing.pem_shelf import PemShelf
from reconciler.manifest.writing.proof import Proofs
from reconciler.manifest.writing.shapes import Shape
from reconciler.manifest.writing.taking import BY_ENTRY, Taken, edit_of, fitting, sections, take

_BUILT_ON: Final = frozenset({"profiles", "overlay"})


class Updating:
    """Edits of the manifests of one folder."""

    def __init__(self, request: Request, before: Mapping[str, str], proofs: Proofs) -> None:
        self._request = request
        self._before = before
        self._proofs = proofs
        self._directory = Directory(request.live)
        self._located = locate(before, self._directory)
        # Repositories whose entries are tried without any of the layers that they name.
        self._alone: set[str] = set()

    def draft(self, repositories: Mapping[str, LiveRepository]) -> Draft:
        """The files after the edits for these repositories."""
        trial, layers = self._proofs.layers(self._apply(self._opening(repositories), {})[0])
        shelf = PemShelf(self._request.folder)
        refused: dict[str, str] = {}
        said: list[Diagnostic] = []
        edits: dict[str, list[Edit]] = {}
        new: dict[str, dict[str, Shape]] = {}
        for label, repository in repositories.items():
            around = layers.get(label, ())
            kept, taken = self._taken(label, repository, around)
            if taken.excess:
                refused[label] = in_the_way(taken, around).replace(str(trial), str(self._request.folder))
                continue
            edit = self._edit(label, taken, shelf, _built_on(self._own(label), kept))
            said += notes(label, taken, around, dropped=[one for one in around if one not in kept])
            if label in self._located:
                edits.setdefault(self._located[label].file, []).append(edit)
            else:
                new.setdefault(self._file(repository), {})[label] = dict(edit.wanted)
        texts, not_edited = self._apply(edits, new)
        told = told_of(self._request.folder, trial, tuple(said))
        return Draft(texts={**texts, **shelf.new}, refused={**refused, **not_edited}, notes=told)

    def second_try(self, label: str) -> bool:
        """Whether an entry can do without the layers that it names, and has not been tried so."""
        if label in self._alone or _BUILT_ON.isdisjoint(self._own(label)):
            return False
        self._alone.add(label)
        return True

    def shortened(self, draft: Draft, _repositories: Mapping[str, LiveRepository], _proofs: Proofs) -> Draft:
        """What people have arranged is not rearranged."""
        return draft

    def _own(self, label: str) -> Mapping[str, Shape]:
        return self._located[label].shape if label in self._located else {}

    def _opening(self, repositories: Mapping[str, LiveRepository]) -> dict[str, list[Edit]]:
        """Edits after which every repository has an entry that layers reach: to find out what these give it."""
        edits: dict[str, list[Edit]] = {}
        for label, repository in repositories.items():
            there = self._located.get(label)
            if there is None:
                edits.setdefault(self._file(repository), []).append(Edit(path=(REPOSITORIES,), wanted={label: {}}))
            elif "reset" in there.shape:
                edits.setdefault(there.file, []).append(Edit(path=there.path, wanted={}, removed=frozenset({"reset"})))
        return {file: _joined(found) for file, found in edits.items()}

    def _taken(self, label: str, repository: LiveRepository, layers: Sequence[Layer]) -> tuple[list[Layer], Taken]:
        """What an entry takes, and the layers that it can keep for that."""
        live = overlay_of(repository)
        own = self._own(label)
        kept = [one for one in layers if label not in self._alone or one.precedence not in BY_ENTRY]
        managed = sections(live, layers, everything=label not in self._located or "reset" in own)
        taken = take(live, kept, managed)
        if taken.excess:
            kept = fitting(kept, taken.excess)
            taken = take(live, kept, managed)
        return kept, taken

    def _edit(self, label: str, taken: Taken, shelf: PemShelf, built_on: Mapping[str, Shape]) -> Edit:
        there = self._located.get(label)
        own = self._own(label)
        path = there.path if there else (REPOSITORIES, label)
        if own.get("reset") == "true" and taken.overlay == EMPTY:
            return Edit(path=path, wanted={})
        found = edit_of(path, own, taken, lambda file, item: self._pem(file, item, shelf))
        gone = {"reset", *_BUILT_ON} & own.keys() - built_on.keys()
        return Edit(path=path, wanted={**built_on, **found.wanted}, removed=found.removed | gone)

    def _pem(self, file: PemFile, item: Mapping[str, Shape], shelf: PemShelf) -> dict[str, Shape]:
        """The item for a certificate or key: the one that is there where it says the same."""
        written = item.get("content")
        if "file" in item:
            text = manifest_files.read(self._request.folder / str(item["file"]))
            written = text if isinstance(text, str) else None
        if isinstance(written, str) and pem_text(written) == file.pem:
            return dict(item)
        return {"name": file.name, "file": shelf.path(file)}

    def _file(self, repository: LiveRepository) -> str:
        """Where a new entry goes: into the one file that has entries, else where a new import would put it."""
        holding = [file for file, text in self._before.items() if has_repositories(text)]
        if self._request.split is None and len(holding) == 1:
            return holding[0]
        return file_name(repository, self._directory, self._request.live.organization, self._request.split)

    def _apply(
        self, edits: Mapping[str, list[Edit]], new: Mapping[str, Mapping[str, Shape]]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The texts of all files after the edits, and why some repositories could not be written."""
        texts, refused = dict(self._before), dict[str, str]()
        labels = {(one.file, one.path): label for label, one in self._located.items()}
        for file in dict.fromkeys([*edits, *new]):
            added = [Edit(path=(REPOSITORIES,), wanted=new[file])] if file in new else []
            if file not in texts:
                shapes = [one.wanted for one in (*edits.get(file, ()), *added)]
                entries = [pair for shape in shapes for pair in shape.items()]
                texts[file] = document(self._request.organization, entries=entries)
                continue
            result = edited(texts[file], [*edits.get(file, ()), *added])
            texts[file] = result.text.replace("\n", "\r\n") if "\r\n" in texts[file] else result.text
            for path, why in result.refused.items():
                guilty = [labels[file, path]] if (file, path) in labels else list(new.get(file, ()))
                refused.update(dict.fromkeys(guilty, why))
        return texts, refused


def _built_on(own: Mapping[str, Shape], kept: Sequence[Layer]) -> dict[str, Shape]:
    """What an entry still says of the layers that it names."""
    names = {one.name for one in kept if one.precedence is Precedence.PROFILE}
    profiles = own.get("profiles")
    found: dict[str, Shape] = {}
    still: list[Shape] = [one for one in profiles if one in names] if isinstance(profiles, list) else []
    if still:
        found["profiles"] = still
    if "overlay" in own and any(one.precedence is Precedence.OVERLAY_FILE for one in kept):
        found["overlay"] = own["overlay"]
    return found


def _joined(edits: list[Edit]) -> list[Edit]:
    """One edit for each mapping."""
    by_path: dict[tuple[str, ...], Edit] = {}
    for one in edits:
        before = by_path.get(one.path, one)
        by_path[one.path] = Edit(path=one.path, wanted={**before.wanted, **one.wanted}, removed=one.removed)
    return list(by_path.values())
