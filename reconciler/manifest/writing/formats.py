"""The files that are laid out: each as it is and as it should be, or what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path

from reconciler.diagnostics import Diagnostic, Place
from reconciler.manifest import files as manifest_files
from reconciler.manifest import messages
from reconciler.manifest.document import Source, diagnostics
from reconciler.manifest.writing.files import references
from reconciler.manifest.writing.formatting import formatted
from reconciler.manifest.yaml_tree import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A file before and after; the same where it cannot be laid out."""

    path: Path
    before: str = ""
    after: str = ""
    problems: tuple[Diagnostic, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the layout differs from what is there."""
        return self.before != self.after


def layouts(path: Path) -> list[Layout]:
    """The layout of a manifest file, or of all in a folder."""
    found = manifest_files.find(path)
    if isinstance(found, manifest_files.Unread):
        return [Layout(path=path, problems=(messages.unread_file(found),))]
    if found == (path,):
        return [_layout(path)]
    laid_out = [_layout(one, in_folder=True) for one in found]
    # A file that an entry names is no manifest: whoever brought it lays it out.
    named = {name for one in laid_out for name in references(one.before)}
    return [one for one in laid_out if one.path.name not in named]


def _layout(path: Path, *, in_folder: bool = False) -> Layout:
    text = manifest_files.read(path, found_in_folder=in_folder)
    if isinstance(text, manifest_files.Unread):
        return Layout(path=path, problems=(messages.unread_file(text),))
    source, tree = Source(str(path), text), parse(text)
    if tree.problems:
        problems = diagnostics(source, [messages.yaml_problem(flaw, source) for flaw in tree.problems])
        return Layout(path=path, problems=tuple(problems))
    result = formatted(text)
    if result is None:
        return Layout(path=path, before=text, after=text, problems=(_no_layout(path),))
    return Layout(path=path, before=text, after=result)


def _no_layout(path: Path) -> Diagnostic:
    return Diagnostic(
        code="no-layout",
        summary="the file is left as it is: its YAML cannot be laid out without changing what it says",
        hint="write keys on one line, and a mapping at the top",
        place=Place(file=str(path)),
    )
