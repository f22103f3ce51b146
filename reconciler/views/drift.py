"""Drift as text, document and Markdown: what somebody else changed, what is not applied yet, what to do about it."""

from collections.abc import Callable, Iterable, Sequence
from typing import NotRequired

from rich.console import RenderableType
from rich.text import Text
from typing_extensions import TypedDict

from reconciler.core.drift import Drift, DriftKind
from reconciler.core.state import Organization
from reconciler.diagnostics import listed
from reconciler.views.changes import fragments, joined
from reconciler.views.console import Hanging, draw_blocks, words_text
from reconciler.views.document import OrganizationDocument, organization_document
from reconciler.views.plan_markdown import code, fence, marker
from reconciler.views.steps import Position, position
from reconciler.views.text import FORMAT_VERSION, Role, Style, repositories, token
from reconciler.views.values import ChangeDocument, change_document, ordered

_HEADINGS = {
    DriftKind.CHANGED: "Changed by somebody else",
    DriftKind.BOTH: "Changed by somebody else, and the manifest has changed as well",
    DriftKind.NOT_APPLIED: "Not applied yet",
}
_MOST_NAMES = 3
_COLUMN = 16


class BindingTagsDocument(TypedDict):
    """The tags of a binding as the last run left them, as they are live, and in the manifest; "" for none."""

    written: str
    live: str
    wanted: str


class DifferingDocument(TypedDict):
    """A repository, an overlay or a binding that differs; `tags` only of a binding."""

    repository: str
    kind: str
    run: str | None
    file: str | None
    line: Position
    column: Position
    changed: list[ChangeDocument]
    pending: list[ChangeDocument]
    tags: NotRequired[BindingTagsDocument]


class DriftDocument(TypedDict):
    """Document of `reconciler drift --format json`; `drift` is whether somebody else changed something."""

    format_version: str
    api: str
    organization: OrganizationDocument
    drift: bool
    counts: dict[str, int]
    repositories: list[DifferingDocument]


def document(found: Sequence[Drift], organization: Organization, *, api: str) -> DriftDocument:
    """Return the drift as plain data."""
    return {
        "format_version": FORMAT_VERSION,
        "api": api,
        "organization": organization_document(organization),
        "drift": any(one.kind is not DriftKind.NOT_APPLIED for one in found),
        "counts": {str(kind): sum(one.kind is kind for one in found) for kind in DriftKind},
        "repositories": [_entry(one) for one in found],
    }


def _entry(one: Drift) -> DifferingDocument:
    file, line, column = position(one.place)
    document: DifferingDocument = {
        "repository": one.name,
        "kind": str(one.kind),
        "run": one.run,
        "file": file,
        "line": line,
        "column": column,
        "changed": [change_document(change) for change in ordered(one.changed)],
        "pending": [change_document(change) for change in ordered(one.pending)],
    }
    if one.tags is not None:
        written, live, wanted = one.tags
        document["tags"] = {"written": written, "live": live, "wanted": wanted}
    return document


def render(found: DriftDocument, *, style: Style, width: int | None) -> str:
    """Return the document as text: for each repository what changed since the run, and what an apply would do."""
    organization = (style.plain(found["organization"]["name"]), Role.BOLD)
    blocks: list[list[RenderableType]] = [
        [Text.assemble("Drift of ", organization, f" on {style.plain(found['api'])}")]
    ]
    for kind, heading in _HEADINGS.items():
        lines: list[RenderableType] = []
        for one in found["repositories"]:
            if one["kind"] == kind:
                lines.append(Text(f"  {token(one['repository'], style)}{_since(one)}"))
                lines += [_line("live", one["changed"], style)] if one["changed"] else []
                lines += [_line("apply would", one["pending"], style)] if one["pending"] else []
                lines += [Hanging(Text("    tags"), Text(style.plain(_tags(one))), _COLUMN)] if "tags" in one else []
        blocks.append([Text(f"{heading}:", Role.BOLD), *lines] if lines else [])
    blocks.append([Text(sentence) for sentence in _closing(found, style.plain)])
    return draw_blocks(blocks, style=style, width=width)


def _line(label: str, changes: Iterable[ChangeDocument], style: Style) -> Hanging:
    words = Text("   ").join(
        Text.assemble(f"{part.label} ", words_text(joined(part.items))) for part in fragments(changes, style)
    )
    return Hanging(Text(f"    {label}"), words, _COLUMN)


def _tags(one: DifferingDocument) -> str:
    tags = one["tags"]
    since = f"{tags['written'] or 'none'} when written, " if one["run"] else ""
    return f"{since}{tags['live'] or 'none'} live, {tags['wanted'] or 'none'} in the manifest"


def _since(one: DifferingDocument) -> str:
    return f" (since run {one['run']})" if one["run"] and one["kind"] != DriftKind.NOT_APPLIED else ""


def _closing(found: DriftDocument, show: Callable[[str], str]) -> list[str]:
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


def render_markdown(found: DriftDocument) -> str:
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
