"""Overlay files of apko that entries name: each is read, checked and understood once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.diagnostics import Diagnostic, Place
from reconciler.manifest import accepting, file_problems
from reconciler.manifest.beside import Named
from reconciler.manifest.build import Tree
from reconciler.manifest.documents import Document
from reconciler.manifest.findings import Finding, Source, diagnostics
from reconciler.manifest.nodes import BROKEN, MapNode
from reconciler.manifest.sites import Text
from reconciler.manifest.yaml_tree import parse


@dataclass(frozen=True, slots=True)
class Understood:
    """An overlay file of the right form, with its tree."""

    tree: Tree
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
        accepted = None
        if tree.root is not BROKEN and tree.root is not None:
            accepted = _accepted(tree.root, findings)
            findings += self.check(Document(source, tree.root, is_overlay=True))
        self.problems += diagnostics(source, findings)
        return None if accepted is None else Understood(accepted, Text(source), source.place(0))


def _accepted(root: object, findings: list[Finding]) -> Tree | None:
    """The overlay of a file, None where there is a mistake in it, which joins the findings."""
    if isinstance(root, MapNode) and accepting.overlay_file(root):
        return root
    from reconciler.manifest import judging

    accepted, refused = judging.overlay_file(root)
    findings += refused
    return accepted
