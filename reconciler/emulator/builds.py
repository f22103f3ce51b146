"""Builds as clients see them: reports, the queue, tags."""

import json
import re
import sqlite3
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from reconciler.emulator import apko, schedule, store, timestamps, uidp
from reconciler.emulator.effects import NoReports, ParsedConfigs, ReportedResult
from reconciler.emulator.messages import BUILD_REPORT, REPO_SYNC_STATUS, SYNC_STATUS, TAG, TAG_V2
from reconciler.emulator.protojson import emit
from reconciler.emulator.query import ApiRequest, Orders, paginate
from reconciler.emulator.settings import EmulatorSettings
from reconciler.emulator.store import Json

Scripted = TypeVar("Scripted", ReportedResult, NoReports)
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
# The forms that the published documents name for what v1 leaves out when asked to, and v2 unless asked not to.
_FORMS = {
    "Referrers": re.compile(r"sha256-.*", re.DOTALL),
    "Dates": re.compile(r".*-20\d{6}", re.DOTALL),
    "Epochs": re.compile(r".*-r\d+", re.DOTALL),
    "VcsSnapshots": re.compile(r".*_git20\d{6}", re.DOTALL),
}
_TAG_ORDERS: Orders = {
    "uid": lambda tag: str(tag["id"]),
    "name": lambda tag: str(tag["name"]),
    "update_time": lambda tag: int(tag["lastUpdated"]),
}


def list_build_reports(request: ApiRequest) -> Json:
    """Answer the reports of builds that started within the asked time (by default the last day), newest first."""
    query = request.query
    chosen = request.selection("build_report.list")
    since = query.instant("startedSince")
    before = query.instant("startedBefore")
    with_logs = not query.flag("excludeLogs")
    limit = query.count("pageSize") or None
    schedule.catch_up(request.state, request.now, request.settings)
    with request.state.reading() as db:
        hidden = _named(db, request, NoReports)
        columns = "id, repo_id, started, ended, result, digest, config, locked, warnings" + (
            ", log" if with_logs else ""
        )
        rows = db.execute(
            f"SELECT {columns} FROM builds WHERE started >= ? AND started <= ? ORDER BY started DESC, id",  # noqa: S608 - of fixed texts
            (request.now - timestamps.DAY if since is None else since, request.now),
        )
        found = (
            row
            for row in rows
            if chosen.matches(row["id"])
            and (before is None or row["started"] < before)
            and (request.settings.running_reports or row["ended"] <= request.now)
            and not any(repo_id in ("", row["repo_id"]) for repo_id, _ in hidden)
        )
        results = _named(db, request, ReportedResult)
        spell = apko.parsed if any(isinstance(effect, ParsedConfigs) for effect in request.effects) else str
        return {"reports": [_report(row, request.now, results, spell) for row in islice(found, limit)]}


def sync_status(request: ApiRequest) -> Json:
    """Answer with the place of one repository in the queue."""
    identifier = request.uidp()
    request.caller.demand("repo.list", identifier)
    with request.state.reading() as db:
        store.existing_repo(db, identifier)
        return emit(SYNC_STATUS, _queue_status(db, identifier, request.now, request.settings))


def list_sync_statuses(request: ApiRequest) -> Json:
    """Answer the repositories below a group that are in the queue."""
    registry = uidp.checked(request.query.text("registryId"), "registry_id")
    request.caller.demand("repo.list", registry)
    with request.state.reading() as db:
        found = {
            repo_id: _queue_status(db, repo_id, request.now, request.settings)
            for repo_id in _queued(db, request.now, request.settings)
            if uidp.is_below(repo_id, registry)
        }
    return {
        "items": [
            emit(REPO_SYNC_STATUS, {"repoId": repo_id, "repoStatus": status})
            for repo_id, status in found.items()
            if status
        ]
    }


def list_tags(request: ApiRequest) -> Json:
    """Answer the tags that the filters ask for."""
    excluded = [form for name, form in _FORMS.items() if request.query.flag(f"exclude{name}")]
    return {"items": [emit(TAG, _timed_tag(tag)) for tag in _found_tags(request, excluded)]}


def page_tags(request: ApiRequest) -> Json:
    """Answer a page of the tags that the filters ask for."""
    excluded = [form for name, form in _FORMS.items() if not request.query.flag(f"include{name}")]
    page = paginate(request.query, _found_tags(request, excluded), _TAG_ORDERS, request.now)
    return {"tags": [emit(TAG_V2, _timed_tag(tag)) for tag in page.items], **page.extra}


def _named(db: sqlite3.Connection, request: ApiRequest, kind: type[Scripted]) -> list[tuple[str, Scripted]]:
    """Return the scripted effects of a kind with the id of the repository that they are about, "" for all."""
    scripted = [effect for effect in request.effects if isinstance(effect, kind)]
    located = [(store.locate(db, effect.of) if effect.of else None, effect) for effect in scripted]
    return [(repo.id if repo else "", effect) for repo, effect in located]


def _report(row: sqlite3.Row, now: int, results: list[tuple[str, ReportedResult]], spell: Callable[[str], str]) -> Json:
    stored: Json = {
        "id": row["id"],
        "startedAt": timestamps.to_text(row["started"]),
        "config": spell(row["config"]),
        "mediaType": _INDEX_TYPE,
        "apkoVersion": apko.APKO_VERSION,
    }
    if row["ended"] <= now:
        stored |= {
            "completedAt": timestamps.to_text(row["ended"]),
            "result": row["result"],
            "digest": row["digest"],
            "lockedConfig": spell(row["locked"]),
            "warnings": json.loads(row["warnings"]),
            "log": _timed(row) if "log" in row.keys() else "",  # noqa: SIM118 - a row iterates over its values
        }
        scripted = next((effect for repo_id, effect in results if repo_id in ("", row["repo_id"])), None)
        stored |= {"result": scripted.result, "digest": ""} if scripted else {}
    return emit(BUILD_REPORT, stored)


def _timed(row: sqlite3.Row) -> str:
    """Return a build's log with the time of each line, spread over the time that it took."""
    lines = row["log"].split("\n")
    step = (row["ended"] - row["started"]) // len(lines)
    times = (row["started"] + position * step for position in range(len(lines)))
    return "".join(
        f"{timestamps.to_text(time - time % timestamps.SECOND)} {line}\n"
        for time, line in zip(times, lines, strict=True)
    )


def _found_tags(request: ApiRequest, excluded: list[re.Pattern[str]]) -> list[Json]:
    query = request.query
    chosen = request.selection("tag.list")
    since = query.instant("updatedSince")
    wanted = {"name": query.text("name"), "digest": query.text("digest")}
    schedule.catch_up(request.state, request.now, request.settings)
    with request.state.reading() as db:
        tags = schedule.current_tags(db, request.now)
    return [
        tag
        for _, tag in sorted(tags.items())
        if chosen.matches(tag["id"])
        and not any(form.fullmatch(tag["name"]) for form in excluded)
        and all(value in ("", tag[key]) for key, value in wanted.items())
        and (since is None or tag["lastUpdated"] > since)
    ]


def _timed_tag(tag: Json) -> Json:
    return {**tag, "lastUpdated": timestamps.to_text(tag["lastUpdated"])}


def _queue_status(db: sqlite3.Connection, repo_id: str, now: int, settings: EmulatorSettings) -> Json:
    """Return the stored form of a repository's sync status: {} when it is not in the queue."""
    row = db.execute(
        "SELECT * FROM work WHERE repo_id = ? AND ends > ? ORDER BY starts LIMIT 1", (repo_id, now)
    ).fetchone()
    if row:
        return _status("QUEUED" if row["starts"] > now else "IN_PROGRESS", row)
    row = db.execute("SELECT * FROM work WHERE repo_id = ? ORDER BY ends DESC LIMIT 1", (repo_id,)).fetchone()
    if row and row["failed"] and row["ends"] + schedule.span(settings.failed_seconds) > now:
        return _status("FAILED", row)
    return {}


def _queued(db: sqlite3.Connection, now: int, settings: EmulatorSettings) -> list[str]:
    """Return the ids of the repositories that may be in the queue."""
    since = now - schedule.span(settings.failed_seconds)
    rows = db.execute("SELECT DISTINCT repo_id FROM work WHERE ends > ? ORDER BY repo_id", (since,))
    return [row["repo_id"] for row in rows]


def _status(name: str, row: sqlite3.Row) -> Json:
    return {"status": name, "createTime": timestamps.to_text(row["created"])}
