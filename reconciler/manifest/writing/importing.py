"""Live state taken into manifests: which repositories are taken, and which cannot be.

Every result is proved before it is kept: read back and planned against the same live state, it changes nothing. A
repository for which that cannot be had is reported and left out whole, never half written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.overlay import EMPTY
from reconciler.core.state import Directory, LiveRepository, Unreadable
from reconciler.diagnostics import Diagnostic, Severity, has_errors
from reconciler.manifest.writing import files
from reconciler.manifest.writing.drafts import Draft, Request, warning
from reconciler.manifest.writing.entries import locate
from reconciler.manifest.writing.files import FilesRefused
from reconciler.manifest.writing.fresh import Fresh
from reconciler.manifest.writing.proof import Proof, Proofs
from reconciler.manifest.writing.updating import Updating


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """The files as they should become, with the manifests as they were, and what is said about it.

    `texts` holds what changes alone. `labels` are the repositories that were taken.
    """

    texts: Mapping[str, str]
    before: Mapping[str, str]
    labels: tuple[str, ...]
    left_out: tuple[Diagnostic, ...] = ()
    notes: tuple[Diagnostic, ...] = ()


@dataclass(slots=True)
class _Chosen:
    """The repositories that are taken, by their clear names, and what is said of those that cannot be."""

    taken: dict[str, LiveRepository] = field(default_factory=dict)
    left_out: list[Diagnostic] = field(default_factory=list)

    def leave_out(self, label: str, why: str) -> None:
        """Take a repository out again."""
        self.taken.pop(label, None)
        hint = "nothing of it was written; see what it holds with `reconciler repos`, and write its entry by hand"
        self.left_out.append(warning("not-imported", f"{label} is left out: {why}", hint))


def prepare(request: Request) -> Import:
    """What would be written; raises `FilesRefused` where files that are there have errors."""
    before = files.manifests(request.folder)
    if before:
        _, problems = request.load(request.folder)
        if has_errors(problems):
            raise FilesRefused(tuple(one for one in problems if one.severity is Severity.ERROR))
    chosen = _choose(request, before)
    proofs = Proofs(folder=request.folder, live=request.live, load=request.load)
    maker = Updating(request, before, proofs) if before else Fresh(request)
    while chosen.taken:
        draft = maker.draft(chosen.taken)
        wrong = draft.refused or _disproved(draft, chosen, proofs)
        if not wrong:
            return _import(maker.shortened(draft, chosen.taken, proofs), before, chosen)
        # Each round tries a repository another way or leaves it out.
        for label, why in wrong.items():
            if not maker.second_try(label):
                chosen.leave_out(label, why)
    return _import(Draft(texts={}), before, chosen)


def _disproved(draft: Draft, chosen: _Chosen, proofs: Proofs) -> Mapping[str, str]:
    """The repositories that the draft does not give what is live, with the reasons."""
    proof = proofs.of(draft.texts, chosen.taken)
    if proof.problems and not proof.wrong:
        raise FilesRefused(proof.problems)
    return proof.wrong


def prove(request: Request, labels: Sequence[str]) -> Proof:
    """Whether the files, as they now are, plan to no change for these repositories."""
    return Proofs(folder=request.folder, live=request.live, load=request.load).in_place(labels)


def _choose(request: Request, before: Mapping[str, str]) -> _Chosen:
    """What was named; else whatever is customised and has no entry yet."""
    directory = Directory(request.live)
    found = request.live.repositories if request.picked is None else request.picked
    by_label = {directory.label(one): one for one in found}
    there = locate(before, directory) if request.picked is None else {}
    chosen = _Chosen()
    for label in sorted(by_label):
        repository = by_label[label]
        match repository.overlay:
            case Unreadable(problem=problem):
                chosen.leave_out(label, f"its overlay cannot be read: {problem}")
            case overlay if overlay.unrecognised:
                named = ", ".join(path for path, _ in overlay.unrecognised)
                chosen.leave_out(label, f"its overlay holds what this version does not know: {named}")
            case overlay if request.picked is not None or (overlay != EMPTY and label not in there):
                chosen.taken[label] = repository
            case _:
                pass
    return chosen


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
