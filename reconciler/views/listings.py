"""Repositories and builds as tables, as JSON and as a JUnit report, followed builds line by line, and build logs."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast
from xml.etree import ElementTree as ET

from typing_extensions import TypedDict

from reconciler.core.bindings import Binding
from reconciler.core.builds import Build, Result
from reconciler.core.diff import Field, items_of
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository, Unreadable
from reconciler.diagnostics import plural
from reconciler.views.changes import LABELS
from reconciler.views.console import Column, draw_table
from reconciler.views.run_document import BuildDocument, build_document, build_seconds
from reconciler.views.text import FORMAT_VERSION, Role, Style, Word, clean_line, duration, log_lines, plain, utc
from reconciler.views.verdict import RepositoryBuiltDocument

_BUILD_COLUMNS = (
    Column("REPOSITORY", keep="both", least=24),
    Column("STARTED", least=20),
    Column("TOOK"),
    Column("RESULT", least=9),
    Column("WARNINGS", optional=True),
    Column("TAGS", least=10, optional=True),
    Column("DIGEST", least=12, optional=True),
    Column("REPORT", keep="end", least=17, yields=True),
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
    """Return the builds in order, the newest first."""
    return sorted(rows, key=lambda row: (-(row.build.started or 0.0), row.repository, row.build.id))


def in_time(rows: Iterable[BuildRow]) -> list[BuildRow]:
    """Return the order of the builds' last lines: by their end, or by their start while they run."""
    return sorted(rows, key=lambda row: (row.build.ended or row.build.started or 0.0, row.repository, row.build.id))


class RepositoryBuildDocument(BuildDocument):
    """A build with its repository."""

    repository: str


class BuildLine(RepositoryBuildDocument):
    """One followed build, as a line."""

    type: Literal["build"]


class BuildsDocument(TypedDict):
    """Builds, the newest first."""

    format_version: str
    builds: list[RepositoryBuildDocument]


def builds_document(rows: Iterable[BuildRow]) -> BuildsDocument:
    """Return the builds as plain data, the newest first."""
    return {"format_version": FORMAT_VERSION, "builds": [_build(row) for row in arranged(rows)]}


def render_builds(rows: Iterable[BuildRow], *, style: Style, width: int | None, warnings: bool = False) -> str:
    """Return the builds as a table, the newest first; `warnings` adds what the builds warn of."""
    found = arranged(rows)
    lines = [f"{row.repository}: {row.build.id}: {one}" for row in found for one in row.build.warnings if warnings]
    table = draw_table(_BUILD_COLUMNS, [_cells(row, style) for row in found], style=style, width=width)
    warned = "".join(f"{style.plain(line)}\n" for line in lines)
    return (table or "No builds.\n") + (f"\nWarnings:\n{warned}" if warned else "")


def build_line(row: BuildRow, *, style: Style) -> str:
    """Return one followed build as a line of text."""
    when, took = _times(row.build)
    build, warnings = row.build, len(row.build.warnings)
    words = [
        when if build.ended is None else utc(build.ended),
        row.repository,
        str(build.result),
        *([] if took == "-" else [f"after {took}"]),
        *([plural(warnings, "warning")] if warnings else []),
        *([f"tags {', '.join(row.tags)}"] if row.tags else []),
        build.id,
    ]
    return "  ".join(map(style.plain, words)) + "\n"


def build_line_document(row: BuildRow) -> BuildLine:
    """Return one followed build as the document of a line."""
    return {"type": "build", **_build(row)}


def _build(row: BuildRow) -> RepositoryBuildDocument:
    return {"repository": row.repository, **build_document(row.build), "tags": list(row.tags)}


def _cells(row: BuildRow, style: Style) -> Sequence[str | Word]:
    build = row.build
    failed = Word(f"{style.cross} {build.result}", Role.ERROR)
    return (
        row.repository,
        *_times(build),
        failed if build.result is Result.FAILURE else str(build.result),
        f"{len(build.warnings):,}" if build.warnings else "-",
        ", ".join(row.tags) or "-",
        build.digest.removeprefix("sha256:")[:_SHORT_DIGEST] or "-",
        build.id,
    )


def _times(build: Build) -> tuple[str, str]:
    """Return when a build began and how long it took."""
    seconds = build_seconds(build)
    return "-" if build.started is None else utc(build.started), "-" if seconds is None else duration(seconds)


_AnyBuild: TypeAlias = RepositoryBuildDocument | RepositoryBuiltDocument
# Characters that XML cannot hold, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(builds: Iterable[_AnyBuild]) -> str:
    """Return build documents, each with its `repository`, as a JUnit report, which CI systems show as tests.

    There is a suite for each repository and a case for each build; a build that is not over is skipped.
    """
    by_repository: dict[str, list[_AnyBuild]] = {}
    for build in builds:
        by_repository.setdefault(build["repository"], []).append(build)
    suites = ET.Element("testsuites", name="reconciler builds")
    for repository in sorted(by_repository):
        found = by_repository[repository]
        suite = ET.SubElement(suites, "testsuite", name=_xml_text(repository), tests=str(len(found)))
        for build in found:
            _case(suite, repository, build)
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
        suite.set("time", f"{sum(build['seconds'] or 0.0 for build in found):.3f}")
    ET.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(suite: ET.Element, repository: str, build: _AnyBuild) -> None:
    name = ", ".join(build.get("tags") or ()) or build["digest"] or build["id"]
    case = ET.SubElement(
        suite, "testcase", classname=_xml_text(repository), name=_xml_text(name), time=f"{build['seconds'] or 0.0:.3f}"
    )
    missing = cast("list[str]", build.get("missing", []))
    if build["result"] == "failure":
        ET.SubElement(case, "failure", message=f"build {build['id']} failed")
    elif missing:
        ET.SubElement(case, "failure", message=_xml_text(f"the image lacks {', '.join(missing)}"))
    elif build["result"] != "success":
        ET.SubElement(case, "skipped", message=f"build {build['id']}: {build['result']}")
    if build["warnings"]:
        ET.SubElement(case, "system-out").text = _xml_text("\n".join(build["warnings"]))


def _xml_text(text: str) -> str:
    return _NOT_XML.sub("?", "\n".join(map(plain, text.split("\n"))))


_REPO_COLUMNS = (
    Column("REPOSITORY", keep="both", least=16),
    Column("CUSTOMIZED", least=12),
    Column("BINDINGS", least=12),
    Column("MANIFEST"),
    Column("ID", keep="end", least=17, yields=True),
)
_NOUNS: Mapping[str, tuple[str, ...]] = {
    Field.PACKAGES: ("package",),
    Field.RUNTIME_REPOSITORIES: ("runtime repository", "runtime repositories"),
    Field.RUNTIME_KEYRING: ("runtime key",),
    Field.ENVIRONMENT: ("variable",),
    Field.ANNOTATIONS: ("annotation",),
    Field.USERS: ("user",),
    Field.GROUPS: ("group",),
    Field.CERTIFICATES: ("certificate",),
    Field.PROVIDERS: ("certificate provider",),
}
_BINDINGS, _MANIFEST = 2, 3
_IN_MANIFEST = {None: "", True: "named", False: "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoRow:
    """One repository under its clear name; `named` is whether the manifest names it, None without a manifest.

    `bindings` are its own and those for all repositories; None where they are not known.
    """

    repository: LiveRepository
    label: str
    named: bool | None
    bindings: tuple[Binding, ...] | None = None


class BindingDocument(TypedDict):
    """A binding of an overlay; `all_repositories` where it holds for every repository of `scope`."""

    id: str
    overlay: str
    selector: str
    scope: str
    all_repositories: bool


class RepositoryDocument(TypedDict):
    """A live repository; `named` is whether the manifest names it, and null where that or the bindings are not known.

    `customised` is the number of values by part of the overlay, null with a `problem` where it could not be read.
    """

    repository: str
    id: str
    folder: str
    customised: dict[str, int] | None
    problem: str | None
    named: bool | None
    bindings: list[BindingDocument] | None
    active_tags: list[str]


class RepositoriesDocument(TypedDict):
    """Live repositories, ordered by name."""

    format_version: str
    repositories: list[RepositoryDocument]


def repos_document(rows: Iterable[RepoRow]) -> RepositoriesDocument:
    """Return the repositories as plain data, ordered by name."""
    found = sorted(rows, key=lambda row: (row.label, row.repository.id))
    return {"format_version": FORMAT_VERSION, "repositories": [_row(row) for row in found]}


def render_repos(rows: Sequence[RepoRow], *, style: Style, width: int | None) -> str:
    """Return the repositories as a table; without a manifest or bindings their columns are left out."""
    found = repos_document(rows)["repositories"]
    lines = [
        (one["repository"], _customization(one), binding_words(one["bindings"]), _IN_MANIFEST[one["named"]], one["id"])
        for one in found
    ]
    empty = {
        _BINDINGS: not any(one["bindings"] for one in found),
        _MANIFEST: all(one["named"] is None for one in found),
    }
    shown = [number for number in range(len(_REPO_COLUMNS)) if not empty.get(number)]
    columns, cells = [_REPO_COLUMNS[one] for one in shown], [[line[one] for one in shown] for line in lines]
    return draw_table(columns, cells, style=style, width=width) or "No repositories.\n"


def _row(row: RepoRow) -> RepositoryDocument:
    overlay = row.repository.overlay
    return {
        "repository": row.label,
        "id": row.repository.id,
        "folder": row.repository.folder,
        "customised": None if isinstance(overlay, Unreadable) else _counts(overlay),
        "problem": overlay.problem if isinstance(overlay, Unreadable) else None,
        "named": row.named,
        "bindings": None if row.bindings is None else [binding_document(one) for one in row.bindings],
        "active_tags": list(row.repository.active_tags),
    }


def binding_document(binding: Binding) -> BindingDocument:
    """Return one binding as plain data."""
    return {
        "id": binding.id,
        "overlay": binding.overlay,
        "selector": str(binding.selector),
        "scope": binding.scope,
        "all_repositories": not binding.repository,
    }


def binding_words(bindings: Iterable[BindingDocument] | None) -> str:
    """Return bindings in a few words; those for all repositories are inherited. "-" where there are none."""
    words = (
        f"{'inherited ' if one['all_repositories'] else ''}{one['overlay']} ({one['selector']})"
        for one in bindings or ()
    )
    return ", ".join(words) or "-"


def _counts(overlay: Overlay) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for entry in items_of(overlay):
        counts[str(entry.field)] += len(entry.value) if isinstance(entry.value, tuple) else 1
    return dict(counts)


def _customization(one: RepositoryDocument) -> str:
    if one["customised"] is None:
        return "unreadable"
    return ", ".join(_counted(part, count) for part, count in one["customised"].items()) or "-"


def _counted(part: str, count: int) -> str:
    return plural(count, *_NOUNS[part]) if part in _NOUNS else LABELS[part]


def render_log(log: str, *, style: Style, tail: int | None = None) -> str:
    """Return the log, or its last `tail` lines, made safe line by line."""
    return _safe(_last(log_lines(log), tail), style)


class LogTail:
    """A log that grows: what of it has been shown, so that only what is new is shown next."""

    def __init__(self, *, style: Style, tail: int | None = None) -> None:
        self._style = style
        self._tail = tail
        self._shown: list[str] = []

    def more(self, log: str, *, whole: bool) -> str:
        """Return what is new since the last call; a last line that may still grow waits until the log is `whole`."""
        found = log_lines(log)
        if not whole and found and not log.endswith(("\n", "\r")):
            found.pop()
        # A log that is not the earlier one with more to it was replaced: then all of it is new.
        begun = self._shown == found[: len(self._shown)]
        new = found[len(self._shown) :] if begun else found
        if new:
            self._shown = found
            new, self._tail = _last(new, self._tail), None
        return _safe(new, self._style)


def _last(found: list[str], tail: int | None) -> list[str]:
    return found if tail is None else found[-tail:]


def _safe(found: list[str], style: Style) -> str:
    return "".join(clean_line(line, style) + "\n" for line in found)
