"""Live state written as manifests: which repositories are taken, which cannot be, and new files where there are none.

Every result is verified before it is kept: read back and planned against the same live state, it changes nothing. A
repository for which that fails is reported and left out whole.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Directory, LiveRepository, Unreadable
from reconciler.diagnostics import Diagnostic, Severity, has_errors
from reconciler.manifest.values import ADDRESS, is_glob
from reconciler.manifest.writing.emit import (
    PROFILES_FILE,
    PemFiles,
    entry_of,
    file_name,
    filled_sections,
    render_document,
)
from reconciler.manifest.writing.folder import FilesRefused, Verification, Verifier, locate, read_manifests
from reconciler.manifest.writing.profiles import Profiles, extract_profiles
from reconciler.manifest.writing.syntax import Shape
from reconciler.manifest.writing.updater import Draft, ImportRequest, ManifestUpdater, overlay_of, warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """The new files, the manifests from before, and the notes for the user.

    `texts` holds what changes alone. `labels` are the repositories that were taken.
    """

    texts: Mapping[str, str]
    before: Mapping[str, str]
    labels: tuple[str, ...]
    left_out: tuple[Diagnostic, ...] = ()
    notes: tuple[Diagnostic, ...] = ()


@dataclass(slots=True)
class _Chosen:
    """The repositories to import, by their clear names, and the notes on those that cannot be imported."""

    taken: dict[str, LiveRepository] = field(default_factory=dict)
    left_out: list[Diagnostic] = field(default_factory=list)

    def leave_out(self, label: str, why: str) -> None:
        """Take a repository out again."""
        self.taken.pop(label, None)
        hint = "write its entry by hand; `reconciler repos` shows its customization"
        self.left_out.append(warning("not-imported", f"{label} is not imported: {why}", hint))


class ManifestWriter:
    """New manifests for repositories by their clear names."""

    def __init__(self, request: ImportRequest) -> None:
        self._request = request

    def draft(self, repositories: Mapping[str, LiveRepository]) -> Draft:
        """Return separate entries, so that a mistake belongs to one repository."""
        rest = [((), overlay_of(repository)) for repository in repositories.values()]
        return self._draft(repositories, Profiles(profiles={}, entries=rest))

    def second_try(self, _label: str) -> bool:
        """Do nothing: there is one way to write a new entry."""
        return False

    def shortened(self, draft: Draft, repositories: Mapping[str, LiveRepository], verifier: Verifier) -> Draft:
        """Return the same with profiles, where that is shorter and means the same."""
        found = extract_profiles([overlay_of(one) for one in repositories.values()])
        if not found.profiles:
            return draft
        shorter = self._draft(repositories, found)
        if _length(shorter) >= _length(draft) or not verifier.of(shorter.texts, repositories).holds:
            return draft
        return shorter

    def _draft(self, repositories: Mapping[str, LiveRepository], found: Profiles) -> Draft:
        pem_files = PemFiles(self._request.folder)
        profiles = {name: _shape(overlay, pem_files) for name, overlay in found.profiles.items()}
        by_file: dict[str, list[tuple[str, Shape]]] = {}
        live = self._request.live
        directory = Directory(live)
        for (label, repository), (names, overlay) in zip(repositories.items(), found.entries, strict=True):
            file = file_name(repository, directory, live.organization, self._request.split)
            used: dict[str, Shape] = {"profiles": list(names)} if names else {}
            by_file.setdefault(file, []).append((label, {**used, **_shape(overlay, pem_files)}))
        return Draft(texts={**self._documents(by_file, profiles), **pem_files.new})

    def _documents(
        self, by_file: Mapping[str, list[tuple[str, Shape]]], profiles: Mapping[str, Shape]
    ) -> dict[str, str]:
        name = self._request.organization
        if len(by_file) == 1:
            return {
                file: render_document(name, entries=entries, profiles=profiles) for file, entries in by_file.items()
            }
        texts = {file: render_document(name, entries=entries) for file, entries in sorted(by_file.items())}
        return {PROFILES_FILE: render_document(name, profiles=profiles), **texts} if profiles else texts


def prepare(request: ImportRequest) -> Import:
    """Return what would be written; raises `FilesRefused` where files that are there have errors."""
    before = read_manifests(request.folder)
    if before:
        _, problems = request.load(request.folder)
        if has_errors(problems):
            raise FilesRefused(tuple(one for one in problems if one.severity is Severity.ERROR))
    chosen = _choose(request, before)
    verifier = Verifier(folder=request.folder, live=request.live, load=request.load)
    maker = ManifestUpdater(request, before, verifier) if before else ManifestWriter(request)
    while chosen.taken:
        draft = maker.draft(chosen.taken)
        wrong = draft.refused or _failures(maker, draft, chosen, verifier)
        if not wrong:
            return _import(maker.shortened(draft, chosen.taken, verifier), before, chosen)
        # Each round tries a repository another way or leaves it out.
        for label, why in wrong.items():
            if not maker.second_try(label):
                chosen.leave_out(label, why)
    return _import(Draft(texts={}), before, chosen)


def _failures(
    maker: ManifestUpdater | ManifestWriter, draft: Draft, chosen: _Chosen, verifier: Verifier
) -> Mapping[str, str]:
    """Return the repositories for which the draft does not plan to no change, with the reasons."""
    found = verifier.of(draft.texts, chosen.taken)
    if found.wrong or not found.problems:
        return found.wrong
    # No entry holds the errors: each repository is tried without the others.
    wrong: dict[str, str] = {}
    for label, repository in chosen.taken.items():
        alone = verifier.of(maker.draft({label: repository}).texts, (label,))
        if alone.problems:
            wrong[label] = alone.problems[0].summary
    if not wrong or 1 < len(wrong) == len(chosen.taken):
        raise FilesRefused(found.problems)
    return wrong


def verify(request: ImportRequest, labels: Sequence[str]) -> Verification:
    """Return whether the files, as they now are, plan to no change for these repositories."""
    return Verifier(folder=request.folder, live=request.live, load=request.load).in_place(labels)


def _choose(request: ImportRequest, before: Mapping[str, str]) -> _Chosen:
    """Return the repositories that were named; else those that are customized and have no entry yet."""
    directory = Directory(request.live)
    found = request.live.repositories if request.picked is None else request.picked
    by_label: dict[str, list[LiveRepository]] = {}
    for one in found:
        by_label.setdefault(directory.label(one), []).append(one)
    there = locate(before, directory) if request.picked is None else {}
    chosen = _Chosen()
    for label, (repository, *others) in sorted(by_label.items()):
        match repository.overlay:
            case _ if others:
                chosen.leave_out(label, f"{len(others) + 1} repositories have this name")
            case Unreadable(problem=problem):
                chosen.leave_out(label, f"cannot read its overlay: {problem}")
            case overlay if overlay.unrecognized:
                named = ", ".join(path for path, _ in overlay.unrecognized)
                chosen.leave_out(label, f"its overlay has fields that this version does not support: {named}")
            case overlay if request.picked is not None or (overlay != EMPTY and label not in there):
                problem = name_problem(label)
                if problem:
                    chosen.leave_out(label, problem)
                else:
                    chosen.taken[label] = repository
            case _:
                pass
    return chosen


def name_problem(label: str) -> str:
    """Return why the key of an entry cannot mean a repository of this name; "" where it can."""
    if is_glob(label):
        return "its name contains `*`, `?`, `[` or `]`, which make it a glob in a manifest"
    if re.fullmatch(ADDRESS, label) is None:
        return "its name contains characters that a manifest does not accept"
    return ""


def _import(draft: Draft, before: Mapping[str, str], chosen: _Chosen) -> Import:
    texts = {path: text for path, text in draft.texts.items() if before.get(path) != text}
    # Certificates first: a manifest never names a file that is not there yet.
    ordered = sorted(texts, key=lambda path: (path in before or "/" not in path, path))
    return Import(
        texts={path: texts[path] for path in ordered},
        before=before,
        labels=tuple(chosen.taken),
        left_out=tuple(chosen.left_out),
        notes=draft.notes,
    )


def _shape(overlay: Overlay, pem_files: PemFiles) -> dict[str, Shape]:
    if overlay == EMPTY:
        return {}
    return entry_of(overlay, filled_sections(overlay), pem_files.place)


def _length(draft: Draft) -> int:
    return sum(len(text) for text in draft.texts.values())
