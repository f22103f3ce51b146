"""Overlay files of apko that entries name: each is read, checked and understood once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import ValidationError

from reconciler.diagnostics import Diagnostic, Place
from reconciler.manifest import file_problems, problems
from reconciler.manifest.beside import Named
from reconciler.manifest.documents import Document
from reconciler.manifest.findings import Finding, Source, diagnostics
from reconciler.manifest.form import OVERLAY
from reconciler.manifest.nodes import BROKEN
from reconciler.manifest.schema import OverlayFile
from reconciler.manifest.sites import Text
from reconciler.manifest.yaml_tree import parse


@dataclass(frozen=True, slots=True)
class Understood:
    """An overlay file that the schema accepts."""

    form: OverlayFile
    text: Text
    place: Place


@dataclass(slots=True)
class OverlayFiles:
    """The overlay files read so far by name; `check` gives the findings of rules about one."""

    check: Callable[[Document], list[Finding]]
    problems: list[Diagnostic] = field(default_factory=list)
    _known: dict[str, Understood | None] = field(default_factory=dict)

    def understand(self, named: Named) -> Understood | None:
        """What a file says; None where it has a mistake, which then is among the problems."""
        if named.name not in self._known:
            self._known[named.name] = self._understand(named)
        return self._known[named.name]

    def _understand(self, named: Named) -> Understood | None:
        source, tree = Source(named.name, named.text), parse(named.text)
        findings = [
            file_problems.flaw(flaw, source) for flaw in (*tree.flaws, *file_problems.nothing(tree, named.text))
        ]
        form = None
        if tree.root is not BROKEN and tree.root is not None:
            try:
                form = OverlayFile.model_validate(tree.root)
            except ValidationError as error:
                findings += problems.explain(error.errors(include_url=False), tree.root, OVERLAY)
            findings += self.check(Document(source, tree.root, is_overlay=True))
        self.problems += diagnostics(source, findings)
        return Understood(form, Text(source), source.place(0)) if form else None
