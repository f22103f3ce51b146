"""Recent builds as a table and as a JSON document."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.builds import Build
from reconciler.views import tables
from reconciler.views.document import FORMAT_VERSION
from reconciler.views.outcomes import build_document, build_seconds
from reconciler.views.style import Style
from reconciler.views.times import duration, utc

_COLUMNS = (
    tables.Column(title="REPOSITORY", keep="both", least=24),
    tables.Column(title="STARTED", least=20),
    tables.Column(title="TOOK"),
    tables.Column(title="RESULT"),
    tables.Column(title="TAGS", least=10, optional=True),
    tables.Column(title="DIGEST", least=12, optional=True),
    tables.Column(title="REPORT", keep="end", least=17, yields=True),
)
_SHORT_DIGEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRow:
    """One build with the clear name of its repository and the tags that point to what it made."""

    build: Build
    repository: str
    tags: tuple[str, ...] = ()


def document(rows: Iterable[BuildRow]) -> dict[str, Any]:
    """The builds as plain data, the newest first."""
    found = [
        {"repository": row.repository, **build_document(row.build), "tags": list(row.tags)} for row in _newest(rows)
    ]
    return {"format_version": FORMAT_VERSION, "builds": found}


def render(rows: Iterable[BuildRow], *, style: Style, width: int) -> str:
    """The builds as a table, the newest first."""
    return tables.render(_COLUMNS, [_line(row) for row in _newest(rows)], style=style, width=width) or "No builds.\n"


def render_json(rows: Iterable[BuildRow]) -> str:
    """The document as JSON text."""
    return json.dumps(document(rows), indent=2, ensure_ascii=True) + "\n"


def _newest(rows: Iterable[BuildRow]) -> list[BuildRow]:
    return sorted(rows, key=lambda row: (-(row.build.started or 0.0), row.repository, row.build.id))


def _line(row: BuildRow) -> Sequence[str]:
    build, seconds = row.build, build_seconds(row.build)
    return (
        row.repository,
        "-" if build.started is None else utc(build.started),
        "-" if seconds is None else duration(seconds),
        str(build.result),
        ", ".join(row.tags) or "-",
        build.digest.removeprefix("sha256:")[:_SHORT_DIGEST] or "-",
        build.id,
    )
