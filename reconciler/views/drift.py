"""Drift as text, JSON and Markdown: what somebody else changed, what is not applied yet, and what to do about it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.text import Text

from reconciler.core.drift import Drift, DriftKind
from reconciler.core.state import Organization
from reconciler.diagnostics import listed
from reconciler.views.changes import fragments, joined
from reconciler.views.console import Hanging, draw_blocks, words_text
from reconciler.views.document import FORMAT_VERSION
from reconciler.views.plan_markdown import code, fence, marker
from reconciler.views.text import Role, Style, indented_json, repositories, token
from reconciler.views.values import change_document, ordered

_HEADINGS = {
    DriftKind.CHANGED: "Changed by somebody else",
    DriftKind.BOTH: "Changed by somebody else, and the manifest has changed as well",
    DriftKind.NOT_APPLIED: "Not applied yet",
}
_MOST_NAMES = 3
_COLUMN = 16


def document(found: Sequence[Drift], organization: Organization, *, api: str) -> dict[str, Any]:
    """Return the drift as plain data; `drift` is whether somebody else changed something."""
    return {
        "format_version": FORMAT_VERSION,
        "api": api,
        "organization": {"id": organization.id, "name": organization.name},
        "drift": any(one.kind is not DriftKind.NOT_APPLIED for one in found),
        "counts": {str(kind): sum(one.kind is kind for one in found) for kind in DriftKind},
        "repositories": [_entry(one) for one in found],
    }


def _entry(one: Drift) -> dict[str, Any]:
    return {
        "repository": one.name,
        "kind": str(one.kind),
        "run": one.run,
        "file": one.place.file if one.place else None,
        "line": one.place.line if one.place else None,
        "column": one.place.column if one.place else None,
        "changed": [change_document(change) for change in ordered(one.changed)],
        "pending": [change_document(change) for change in ordered(one.pending)],
        **({} if one.tags is None else {"tags": dict(zip(("written", "live", "wanted"), one.tags, strict=True))}),
    }


def render_json(found: dict[str, Any]) -> str:
    """Return the document as JSON text."""
    return indented_json(found)


def render(found: dict[str, Any], *, style: Style, width: int | None) -> str:
    """Return the document as text: for each repository what changed since the run, and what an apply would do."""
    organization = (style.plain(found["organization"]["name"]), Role.BOLD)
    blocks: list[list[Any]] = [[Text.assemble("Drift of ", organization, f" on {style.plain(found['api'])}")]]
    for kind, heading in _HEADINGS.items():
        lines: list[Any] = []
        for one in found["repositories"]:
            if one["kind"] == kind:
                lines.append(Text(f"  {token(one['repository'], style)}{_since(one)}"))
                lines += [_line("live", one["changed"], style)] if one["changed"] else []
                lines += [_line("apply would", one["pending"], style)] if one["pending"] else []
                lines += [Hanging(Text("    tags"), Text(style.plain(_tags(one))), _COLUMN)] if "tags" in one else []
        blocks.append([Text(f"{heading}:", Role.BOLD), *lines] if lines else [])
    blocks.append([Text(sentence) for sentence in _closing(found, style.plain)])
    return draw_blocks(blocks, style=style, width=width)


def _line(label: str, changes: Iterable[dict[str, Any]], style: Style) -> Hanging:
    words = Text("   ").join(
        Text.assemble(f"{part.label} ", words_text(joined(part.items))) for part in fragments(changes, style)
    )
    return Hanging(Text(f"    {label}"), words, _COLUMN)


def _tags(one: dict[str, Any]) -> str:
    tags = {side: text or "none" for side, text in one["tags"].items()}
    since = f"{tags['written']} when written, " if one["run"] else ""
    return f"{since}{tags['live']} live, {tags['wanted']} in the manifest"


def _since(one: dict[str, Any]) -> str:
    return f" (since run {one['run']})" if one["run"] and one["kind"] != DriftKind.NOT_APPLIED else ""


def _closing(found: dict[str, Any], show: Callable[[str], str]) -> list[str]:
    names = [one["repository"] for one in found["repositories"] if one["kind"] != DriftKind.NOT_APPLIED]
    counts = found["counts"]
    if not found["repositories"]:
        return ["No drift. The live state matches the manifest."]
    pending = f"{repositories(counts['not-applied'])} not applied yet"
    if not names:
        return [f"No drift: nothing was changed by somebody else; {pending}."]
    several = " ".join(map(show, names[:_MOST_NAMES])) + (" ..." if len(names) > _MOST_NAMES else "")
    back = (
        f"To put it back: `reconciler apply`. To take it into the manifest: `reconciler import {several} -o manifests`."
    )
    return [back, f"Drift: {repositories(len(names))} changed by somebody else; {pending}."]


def render_markdown(found: dict[str, Any]) -> str:
    """Return the document as Markdown for a ticket or a comment, with a marker on its first line."""
    style = Style(color=False, unicode=True)
    lines = [marker("reconciler", "drift", found["organization"]["id"], found["api"])]
    lines.append(f"### Drift of {code(found['organization']['name'])}")
    lines += ["", *_closing(found, code)[-1:]]
    for kind, heading in _HEADINGS.items():
        some = [one for one in found["repositories"] if one["kind"] == kind]
        if some:
            lines += ["", f"**{heading}**: {listed([code(one['repository']) for one in some], len(some))}"]
        for one in some:
            sides = {"live": one["changed"], "apply": one["pending"]}
            block = [
                f"{one['repository']}: {side}: {part.label} {' '.join(word.text for word in joined(part.items))}"
                for side, changes in sides.items()
                for part in fragments(changes, style)
            ]
            block += [f"{one['repository']}: tags {_tags(one)}"] if "tags" in one else []
            lines += ["", fence(block, "")]
    return "\n".join(lines) + "\n"
