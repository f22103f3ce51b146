"""Live state as new manifests: which repositories are taken, which cannot be, and profiles for what many of them share.

Every result is verified before it is kept: read back and planned against the same live state, it changes nothing. A
repository for which that fails is reported and left out whole. Profiles are found greedily, and the same ones each
time: a profile takes only values that every repository using it has, so that the effective overlay of none of them
changes, and what is taken once is not taken again.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, count
from typing import Final

from reconciler.core.diff import WHOLE, Field, Item, assemble, items_of
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
from reconciler.manifest.writing.syntax import Shape
from reconciler.manifest.writing.updater import Draft, ImportRequest, ManifestUpdater, overlay_of, warning

FEWEST: Final = 3

# Not a set that a profile could give a share of: the strongest layer that has one gives the whole.
_WHOLE: Final = WHOLE | {Field.UNRECOGNIZED}
_MOST_PROFILES: Final = 50
_MOST_CANDIDATES: Final = 100
_MOST_CROSSED: Final = 12
# Characters that writing something takes, about: a reference to a profile, the head of a section, one value by part.
_REFERENCE: Final = 20
_HEAD: Final = 20
_FRAME: Final[Mapping[Field, int]] = {
    Field.PACKAGES: 2,
    Field.RUNTIME_KEYRING: 45,
    Field.ENVIRONMENT: 9,
    Field.ANNOTATIONS: 9,
    Field.USERS: 45,
    Field.GROUPS: 35,
    Field.CERTIFICATES: 45,
    Field.PROVIDERS: 8,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """The new files, the manifests from before, and the notes for the user.

    `texts` holds what changes alone. `labels` are the repositories that were taken, `unchanged` those of them whose
    entries say what is live already.
    """

    texts: Mapping[str, str]
    before: Mapping[str, str]
    labels: tuple[str, ...]
    unchanged: tuple[str, ...] = ()
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

    def _draft(self, repositories: Mapping[str, LiveRepository], found: "Profiles") -> Draft:
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
            return _import(maker.shortened(draft, chosen.taken, verifier), before, chosen, Directory(request.live))
        # Each round tries a repository another way or leaves it out.
        for label, why in wrong.items():
            if not maker.second_try(label):
                chosen.leave_out(label, why)
    return _import(Draft(texts={}), before, chosen, Directory(request.live))


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


def _import(draft: Draft, before: Mapping[str, str], chosen: _Chosen, directory: Directory) -> Import:
    texts = {path: text for path, text in draft.texts.items() if before.get(path) != text}
    # Certificates first: a manifest never names a file that is not there yet.
    ordered = sorted(texts, key=lambda path: (path in before or "/" not in path, path))
    return Import(
        texts={path: texts[path] for path in ordered},
        before=before,
        labels=tuple(chosen.taken),
        unchanged=tuple(_unchanged(texts, before, chosen.taken, directory)),
        left_out=tuple(chosen.left_out),
        notes=draft.notes,
    )


def _unchanged(
    texts: Mapping[str, str], before: Mapping[str, str], labels: Iterable[str], directory: Directory
) -> Iterator[str]:
    """Yield the repositories whose entries no changed text has another way."""
    there = locate(before, directory)
    now = locate({path: text for path, text in texts.items() if "/" not in path}, directory)
    for label in labels:
        entry = there.get(label)
        if entry is not None and (label not in now or now[label].shape == entry.shape):
            yield label


def _shape(overlay: Overlay, pem_files: PemFiles) -> dict[str, Shape]:
    if overlay == EMPTY:
        return {}
    return entry_of(overlay, filled_sections(overlay), pem_files.place)


def _length(draft: Draft) -> int:
    return sum(len(text) for text in draft.texts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """Profiles by name, and for each repository the names of its profiles with what is left for its own entry."""

    profiles: Mapping[str, Overlay]
    entries: Sequence[tuple[tuple[str, ...], Overlay]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Repositories, as bits, with the values that all of them have."""

    repositories: int
    values: tuple[Item, ...]

    def gain(self, *, sharing: bool) -> int:
        """Return how many characters shorter the manifest gets, or (sharing) how many need not be repeated."""
        count, size = self.repositories.bit_count(), sum(map(_size, self.values))
        if sharing:
            return (count - 1) * size
        heads = _HEAD * len({value.field for value in self.values})
        return count * (size - _REFERENCE - len(_words(self.values))) - size - heads


def extract_profiles(overlays: Sequence[Overlay], *, sharing: bool = False) -> Profiles:
    """Return profiles for what at least three of the overlays share, and what is left of each.

    By default a profile is made where that makes a manifest shorter; with `sharing`, wherever something is shared.
    """
    holders = _holders(overlays)
    profiles: dict[str, Overlay] = {}
    used: list[list[str]] = [[] for _ in overlays]
    left = [dict.fromkeys(items_of(overlay)) for overlay in overlays]
    while len(profiles) < _MOST_PROFILES and (best := _best(holders, sharing=sharing)) is not None:
        name = unused_name(_words(best.values), profiles)
        profiles[name] = assemble(best.values)
        for number in _numbers(best.repositories):
            used[number].append(name)
            for value in best.values:
                left[number].pop(value, None)
        for value in best.values:
            holders[value] &= ~best.repositories
        holders = {value: bits for value, bits in holders.items() if bits.bit_count() >= FEWEST}
    rest = [(tuple(names), assemble(values)) for names, values in zip(used, left, strict=True)]
    return Profiles(profiles=profiles, entries=rest)


def _holders(overlays: Sequence[Overlay]) -> dict[Item, int]:
    """Return, for each value that enough repositories have, which of them do."""
    found: dict[Item, int] = {}
    for number, overlay in enumerate(overlays):
        for value in items_of(overlay):
            if value.field not in _WHOLE:
                found[value] = found.get(value, 0) | 1 << number
    return {value: bits for value, bits in found.items() if bits.bit_count() >= FEWEST}


def _best(holders: Mapping[Item, int], *, sharing: bool) -> _Candidate | None:
    weights: dict[int, int] = {}
    for value, bits in holders.items():
        weights[bits] = weights.get(bits, 0) + _size(value) * bits.bit_count()
    heaviest = sorted(weights, key=lambda bits: (-weights[bits], bits))[:_MOST_CANDIDATES]
    crossed = (one & other for one, other in combinations(heaviest[:_MOST_CROSSED], 2))
    some = dict.fromkeys([*heaviest, *(bits for bits in crossed if bits.bit_count() >= FEWEST)])
    candidates = (_candidate(bits, holders) for bits in some)
    gains = {one: one.gain(sharing=sharing) for one in candidates}
    best = max(gains, key=lambda one: (gains[one], len(one.values), -one.repositories), default=None)
    return best if best is not None and gains[best] > 0 else None


def _candidate(repositories: int, holders: Mapping[Item, int]) -> _Candidate:
    shared = (value for value, bits in holders.items() if bits & repositories == repositories)
    return _Candidate(repositories, tuple(shared))


def _size(value: Item) -> int:
    text = value.value if isinstance(value.value, str) and value.value != value.key else ""
    return _FRAME[value.field] + len(value.key) + (len(text) if value.field is not Field.PACKAGES else 0)


def _numbers(bits: int) -> Iterable[int]:
    return (number for number in range(bits.bit_length()) if bits >> number & 1)


def _words(values: Sequence[Item]) -> str:
    """Return a name made of the two longest values."""
    largest = sorted(values, key=lambda value: (-_size(value), value.field, value.key))[:2]
    words = "-".join(re.sub(r"[^a-z0-9]+", "-", value.key.lower()).strip("-") for value in largest)
    return words.strip("-")[:40].strip("-") or "shared"


def unused_name(name: str, taken: Container[str]) -> str:
    """Return a name that is not taken: this one, or this one with a number."""
    numbered = (f"{name}-{number}" for number in count(2))
    return next(one for one in chain([name], numbered) if one not in taken)
