"""The organisation's repositories as a table and as JSON: what is customised, and what the manifest names."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.diff import items_of
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository, Unreadable
from reconciler.views import tables
from reconciler.views.change_text import LABELS
from reconciler.views.document import FORMAT_VERSION
from reconciler.views.style import Style

_COLUMNS = (
    tables.Column(title="REPOSITORY", keep="both", least=16),
    tables.Column(title="CUSTOMISED", least=12),
    tables.Column(title="MANIFEST"),
    tables.Column(title="ID", keep="end", least=17, yields=True),
)
_MANIFEST = 2
_IN_MANIFEST = {None: "", True: "named", False: "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoRow:
    """One repository under its clear name; `named` tells whether the manifest names it, None where there is none."""

    repository: LiveRepository
    label: str
    named: bool | None


def document(rows: Iterable[RepoRow]) -> dict[str, Any]:
    """The repositories as plain data, ordered by name."""
    found = sorted(rows, key=lambda row: (row.label, row.repository.id))
    return {"format_version": FORMAT_VERSION, "repositories": [_row(row) for row in found]}


def render(rows: Sequence[RepoRow], *, style: Style, width: int) -> str:
    """The repositories as a table; without a manifest there is no column about it."""
    found = document(rows)["repositories"]
    lines = [(one["repository"], _told(one), _IN_MANIFEST[one["named"]], one["id"]) for one in found]
    known = any(one["named"] is not None for one in found)
    shown = [number for number in range(len(_COLUMNS)) if known or number != _MANIFEST]
    columns, cells = [_COLUMNS[one] for one in shown], [[line[one] for one in shown] for line in lines]
    return tables.render(columns, cells, style=style, width=width) or "No repositories.\n"


def render_json(rows: Iterable[RepoRow]) -> str:
    """The document as JSON text."""
    return json.dumps(document(rows), indent=2, ensure_ascii=True) + "\n"


def _row(row: RepoRow) -> dict[str, Any]:
    return {
        "repository": row.label,
        "id": row.repository.id,
        "folder": row.repository.folder,
        **_content(row.repository.overlay),
        "named": row.named,
        "active_tags": list(row.repository.active_tags),
    }


def _content(overlay: Overlay | Unreadable) -> dict[str, Any]:
    if isinstance(overlay, Unreadable):
        return {"customised": None, "problem": overlay.problem}
    counts: Counter[str] = Counter()
    for entry in items_of(overlay):
        counts[str(entry.field)] += len(entry.value) if isinstance(entry.value, tuple) else 1
    return {"customised": dict(counts), "problem": None}


def _told(one: dict[str, Any]) -> str:
    if one["customised"] is None:
        return "not understood"
    return ", ".join(f"{LABELS[part]} {count:,}" for part, count in one["customised"].items()) or "-"
