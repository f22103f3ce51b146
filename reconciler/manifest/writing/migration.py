"""Standard customizations written as overlays and bindings: what several repositories share becomes one overlay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Directory, Live, LiveRepository, Unreadable
from reconciler.diagnostics import Diagnostic
from reconciler.manifest.writing.emit import PemFiles, entry_of, filled_sections, render_document
from reconciler.manifest.writing.profiles import extract_profiles
from reconciler.manifest.writing.syntax import Shape
from reconciler.manifest.writing.updater import overlay_of, warning

FILE = "overlays.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The files by name, the labels of the repositories in them, and why the others are not."""

    texts: Mapping[str, str]
    labels: tuple[str, ...]
    left_out: tuple[Diagnostic, ...] = ()


def make_migration(live: Live, picked: Sequence[LiveRepository], folder: Path, organization: str) -> Migration:
    """Return a manifest with an overlay for what repositories share, bound to all tags of each of them.

    Where several repositories have the same left of their own, they share an overlay for that as well.
    """
    directory = Directory(live)
    chosen, left_out = _chosen(picked, directory)
    found = extract_profiles([overlay_of(one) for one in chosen.values()], sharing=True)
    overlays = dict(found.profiles)
    names: dict[Overlay, str] = {}
    bound: dict[str, list[str]] = {}
    for label, (shared, rest) in zip(chosen, found.entries, strict=True):
        bound[label] = list(shared)
        if rest != EMPTY:
            if rest not in names:
                names[rest] = _name(label, overlays)
                overlays[names[rest]] = rest
            bound[label].append(names[rest])
    pem_files = PemFiles(folder)
    shapes = {name: entry_of(one, filled_sections(one), pem_files.place) for name, one in overlays.items()}
    entries: list[tuple[str, Shape]] = [(label, {"overlays": dict.fromkeys(bound[label], "all")}) for label in bound]
    texts = {**pem_files.new, FILE: render_document(organization, entries=entries, overlays=shapes)} if bound else {}
    return Migration(texts=texts, labels=tuple(bound), left_out=tuple(left_out))


def _chosen(
    picked: Sequence[LiveRepository], directory: Directory
) -> tuple[dict[str, LiveRepository], list[Diagnostic]]:
    chosen: dict[str, LiveRepository] = {}
    left_out = []
    for one in sorted(picked, key=directory.label):
        why = _obstacle(one.overlay)
        if why:
            hint = "change its customization first, or leave it as it is"
            left_out.append(warning("not-migrated", f"{directory.label(one)} is not migrated: {why}", hint))
        elif one.overlay != EMPTY:
            chosen[directory.label(one)] = one
    return chosen, left_out


def _obstacle(overlay: Overlay | Unreadable) -> str:
    """Return why a customization cannot become an overlay; "" where it can."""
    if isinstance(overlay, Unreadable):
        return overlay.summary
    if overlay.unrecognized:
        named = ", ".join(path for path, _ in overlay.unrecognized)
        return f"it has fields that this version does not support: {named}"
    if overlay.certificates.providers:
        return "an overlay cannot have `certificates.providers`"
    return ""


def _name(label: str, taken: Mapping[str, Overlay]) -> str:
    """Return the name of a repository as the name of an overlay that is not taken yet."""
    name, number = label.strip("/").replace("/", "-"), 1
    while (name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return name if number == 1 else f"{name}-{number}"
