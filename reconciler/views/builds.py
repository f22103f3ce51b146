"""Recent builds as a table and as a JSON document, and followed ones as lines of text or JSON."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from reconciler.core.builds import Build, Result
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
    tables.Column(title="WARNINGS", optional=True),
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


Line: TypeAlias = Callable[[BuildRow], str]


def arranged(rows: Iterable[BuildRow]) -> list[BuildRow]:
    """Failures first, then the others; in both the newest first."""
    return sorted(rows, key=lambda row: (row.build.result is not Result.FAILURE, *_newest(row)))


def in_time(rows: Iterable[BuildRow]) -> list[BuildRow]:
    """The order in which the builds were told of last: by their end, where they have one, else by their start."""
    return sorted(rows, key=lambda row: (row.build.ended or row.build.started or 0.0, row.repository, row.build.id))


def document(rows: Iterable[BuildRow]) -> dict[str, Any]:
    """The builds as plain data, failures first, and the newest first."""
    return {"format_version": FORMAT_VERSION, "builds": [_build(row) for row in arranged(rows)]}


def render(rows: Iterable[BuildRow], *, style: Style, width: int) -> str:
    """The builds as a table, failures first, and the newest first."""
    return tables.render(_COLUMNS, [_cells(row) for row in arranged(rows)], style=style, width=width) or "No builds.\n"


def render_json(rows: Iterable[BuildRow]) -> str:
    """The document as JSON text."""
    return json.dumps(document(rows), indent=2, ensure_ascii=True) + "\n"


def text_line(row: BuildRow, *, style: Style) -> str:
    """One followed build as a line of text."""
    when, took = _times(row.build)
    build, warnings = row.build, len(row.build.warnings)
    told = [
        when if build.ended is None else utc(build.ended),
        row.repository,
        str(build.result),
        *([] if took == "-" else [f"after {took}"]),
        *([f"{warnings:,} {'warning' if warnings == 1 else 'warnings'}"] if warnings else []),
        *([f"tags {', '.join(row.tags)}"] if row.tags else []),
        build.id,
    ]
    return "  ".join(map(style.plain, told)) + "\n"


def json_line(row: BuildRow) -> str:
    """One followed build as a line of JSON."""
    return json.dumps({"type": "build", **_build(row)}, ensure_ascii=True) + "\n"


def version_line(tool_version: str) -> str:
    """The first line of a stream of JSON lines."""
    return json.dumps({"type": "version", "format_version": FORMAT_VERSION, "tool_version": tool_version}) + "\n"


def _newest(row: BuildRow) -> tuple[float, str, str]:
    return -(row.build.started or 0.0), row.repository, row.build.id


def _build(row: BuildRow) -> dict[str, Any]:
    return {"repository": row.repository, **build_document(row.build), "tags": list(row.tags)}


def _cells(row: BuildRow) -> Sequence[str]:
    build = row.build
    return (
        row.repository,
        *_times(build),
        str(build.result),
        f"{len(build.warnings):,}" if build.warnings else "-",
        ", ".join(row.tags) or "-",
        build.digest.removeprefix("sha256:")[:_SHORT_DIGEST] or "-",
        build.id,
    )


def _times(build: Build) -> tuple[str, str]:
    """When a build began and how long it took."""
    seconds = build_seconds(build)
    return "-" if build.started is None else utc(build.started), "-" if seconds is None else duration(seconds)
