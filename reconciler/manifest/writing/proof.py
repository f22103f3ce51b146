"""Whether manifests mean what they should: they are read as any other, and planned against the live state."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from reconciler.core.globs import resolve_globs
from reconciler.core.layers import Layer
from reconciler.core.plan import Action, Step
from reconciler.core.planner import plan
from reconciler.core.state import Desired, Directory, Live
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.manifest.writing.entries import locate
from reconciler.manifest.writing.files import told_of, tried_out

Load: TypeAlias = Callable[[Path], tuple[Desired, tuple[Diagnostic, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is wrong with each repository that was looked at, and what belongs to none of them."""

    wrong: Mapping[str, str]
    problems: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong and not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """How manifests of one folder are read and planned."""

    folder: Path
    live: Live
    load: Load

    def of(self, texts: Mapping[str, str], labels: Iterable[str]) -> Proof:
        """Whether the files would give these repositories exactly what is live, and no others anything wrong."""
        wanted = frozenset(labels)
        with tried_out(self.folder, texts) as trial:
            desired, found = self.load(trial)
            problems = told_of(self.folder, trial, found)
        errors = tuple(one for one in problems if one.severity is Severity.ERROR)
        warnings = tuple(one for one in problems if one.severity is Severity.WARNING)
        if errors:
            return self._blamed(texts, wanted, errors)
        return Proof(wrong=self._differing(desired, wanted), warnings=warnings)

    def in_place(self, labels: Iterable[str]) -> Proof:
        """The same for the files as they now are."""
        desired, problems = self.load(self.folder)
        errors = tuple(one for one in problems if one.severity is Severity.ERROR)
        return Proof(
            wrong=self._differing(desired, frozenset(labels)),
            problems=errors,
            warnings=tuple(one for one in problems if one.severity is Severity.WARNING),
        )

    def layers(self, texts: Mapping[str, str]) -> tuple[Path, dict[str, tuple[Layer, ...]]]:
        """Where the files were tried, and the layers that speak of each repository, by its clear name."""
        with tried_out(self.folder, texts) as trial:
            desired, _ = self.load(trial)
        directory = Directory(self.live)
        found: dict[str, tuple[Layer, ...]] = {}
        for entry in resolve_globs(desired, self.live, directory).entries:
            meant = directory.find(entry.address)
            if len(meant) == 1:
                found[directory.label(meant[0])] = entry.layers
        return trial, found

    def _blamed(self, texts: Mapping[str, str], wanted: frozenset[str], errors: tuple[Diagnostic, ...]) -> Proof:
        located = {label: one for label, one in locate(_yaml(texts), Directory(self.live)).items() if label in wanted}
        wrong: dict[str, str] = {}
        nobody: list[Diagnostic] = []
        for error in errors:
            place = error.place
            guilty = [label for label, one in located.items() if place and one.holds(place, str(self.folder))]
            for label in guilty:
                wrong.setdefault(label, error.summary)
            if not guilty:
                nobody.append(error)
        return Proof(wrong=wrong, problems=tuple(nobody))

    def _differing(self, desired: Desired, wanted: frozenset[str]) -> dict[str, str]:
        steps = {step.repository: step for step in plan(desired, self.live).steps}
        told = ((label, _difference(steps.get(label))) for label in sorted(wanted))
        return {label: difference for label, difference in told if difference}


def _difference(step: Step | None) -> str:
    """What a step would do, "" for nothing."""
    if step is None:
        return "the manifest does not name it"
    if step.action is Action.NONE:
        return ""
    named = ", ".join(dict.fromkeys(change.path for change in step.changes))
    return f"planning it would {step.action} it" + (f": {named}" if named else f" ({step.reason.code})")


def _yaml(texts: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in texts.items() if path.endswith((".yaml", ".yml"))}
