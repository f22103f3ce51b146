"""A folder without manifests: whole new files, with profiles for what many repositories share."""

from collections.abc import Mapping

from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Directory, LiveRepository
from reconciler.manifest.writing import shapes
from reconciler.manifest.writing.documents import PROFILES_FILE, document, file_name
from reconciler.manifest.writing.drafts import Draft, Request, overlay_of
from reconciler.manifest.writing.factoring import Factored, factored
from reconciler.manifest.writing.pem_shelf import PemShelf
from reconciler.manifest.writing.proof import Proofs
from reconciler.manifest.writing.shapes import Shape


class Fresh:
    """New manifests for repositories by their clear names."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def draft(self, repositories: Mapping[str, LiveRepository]) -> Draft:
        """Every entry by itself, so that a mistake belongs to one repository."""
        rest = [((), overlay_of(repository)) for repository in repositories.values()]
        return self._draft(repositories, Factored(profiles={}, entries=rest))

    def second_try(self, _label: str) -> bool:
        """There is one way to write a new entry."""
        return False

    def shortened(self, draft: Draft, repositories: Mapping[str, LiveRepository], proofs: Proofs) -> Draft:
        """The same with profiles, where that is shorter and means the same."""
        found = factored([overlay_of(one) for one in repositories.values()])
        if not found.profiles:
            return draft
        shorter = self._draft(repositories, found)
        if _length(shorter) >= _length(draft) or not proofs.of(shorter.texts, repositories).holds:
            return draft
        return shorter

    def _draft(self, repositories: Mapping[str, LiveRepository], found: Factored) -> Draft:
        shelf = PemShelf(self._request.folder)
        profiles = {name: _shape(overlay, shelf) for name, overlay in found.profiles.items()}
        by_file: dict[str, list[tuple[str, Shape]]] = {}
        live = self._request.live
        directory = Directory(live)
        for (label, repository), (names, overlay) in zip(repositories.items(), found.entries, strict=True):
            file = file_name(repository, directory, live.organization, self._request.split)
            used: dict[str, Shape] = {"profiles": list(names)} if names else {}
            by_file.setdefault(file, []).append((label, {**used, **_shape(overlay, shelf)}))
        return Draft(texts={**self._documents(by_file, profiles), **shelf.new})

    def _documents(
        self, by_file: Mapping[str, list[tuple[str, Shape]]], profiles: Mapping[str, Shape]
    ) -> dict[str, str]:
        name = self._request.organization
        if len(by_file) == 1:
            return {file: document(name, entries=entries, profiles=profiles) for file, entries in by_file.items()}
        texts = {file: document(name, entries=entries) for file, entries in sorted(by_file.items())}
        return {PROFILES_FILE: document(name, profiles=profiles), **texts} if profiles else texts


def _shape(overlay: Overlay, shelf: PemShelf) -> dict[str, Shape]:
    if overlay == EMPTY:
        return {}
    return shapes.entry(overlay, shapes.filled(overlay), shelf.place)


def _length(draft: Draft) -> int:
    return sum(len(text) for text in draft.texts.values())
