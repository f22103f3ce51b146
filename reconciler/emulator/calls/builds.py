"""Build reports and the state of the build queue, read only.

Here belongs what a client sees of builds at an instant; when builds happen belongs to `schedule.py`.
"""

import json
import sqlite3
from itertools import islice
from typing import TypeVar

from reconciler.emulator import images, instants, records, schedule, uidp
from reconciler.emulator.calls.context import Context
from reconciler.emulator.errors import not_found
from reconciler.emulator.faults import NoReports, Result
from reconciler.emulator.messages import BUILD_REPORT, REPO_SYNC_STATUS, SYNC_STATUS
from reconciler.emulator.protojson import emit
from reconciler.emulator.records import Json

Scripted = TypeVar("Scripted", Result, NoReports)
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def list_build_reports(context: Context) -> Json:
    """Answer the reports of builds that started within the asked time (by default the last day), newest first."""
    query = context.query
    chosen = context.selection("build_report.list")
    since = query.instant("startedSince")
    before = query.instant("startedBefore")
    with_logs = not query.flag("excludeLogs")
    limit = query.count("pageSize") or None
    schedule.catch_up(context.state, context.now, context.settings)
    with context.state.reading() as db:
        hidden = _named(db, context, NoReports)
        columns = "id, repo_id, started, ended, result, digest, config, locked, warnings" + (
            ", log" if with_logs else ""
        )
        rows = db.execute(
            f"SELECT {columns} FROM builds WHERE started >= ? AND started <= ? ORDER BY started DESC, id",  # noqa: S608 - of fixed texts
            (context.now - instants.DAY if since is None else since, context.now),
        )
        found = (
            row
            for row in rows
            if chosen.matches(row["id"])
            and (before is None or row["started"] < before)
            and (context.settings.running_reports or row["ended"] <= context.now)
            and not any(repo_id in ("", row["repo_id"]) for repo_id, _ in hidden)
        )
        results = _named(db, context, Result)
        return {"reports": [_report(row, context.now, results) for row in islice(found, limit)]}


def _named(db: sqlite3.Connection, context: Context, kind: type[Scripted]) -> list[tuple[str, Scripted]]:
    """Return the scripted effects of a kind with the id of the repository that they are about, "" for all."""
    scripted = [effect for effect in context.effects if isinstance(effect, kind)]
    located = [(records.locate(db, effect.of) if effect.of else None, effect) for effect in scripted]
    return [(repo.id if repo else "", effect) for repo, effect in located]


def sync_status(context: Context) -> Json:
    """Answer where one repository stands in the queue."""
    identifier = context.uidp()
    context.caller.demand("repo.list", identifier)
    with context.state.reading() as db:
        if records.repo(db, identifier) is None:
            raise not_found(f"repository {identifier} not found")
        answer: Json = emit(SYNC_STATUS, schedule.status(db, identifier, context.now, context.settings))
    return answer


def list_sync_statuses(context: Context) -> Json:
    """Answer the repositories below a group that are in the queue."""
    registry = uidp.checked(context.query.text("registryId"), "registryId")
    context.caller.demand("repo.list", registry)
    with context.state.reading() as db:
        found = {
            repo_id: schedule.status(db, repo_id, context.now, context.settings)
            for repo_id in schedule.queued(db, context.now, context.settings)
            if uidp.is_below(repo_id, registry)
        }
    return {
        "items": [
            emit(REPO_SYNC_STATUS, {"repoId": repo_id, "repoStatus": status})
            for repo_id, status in found.items()
            if status
        ]
    }


def _report(row: sqlite3.Row, now: int, results: list[tuple[str, Result]]) -> Json:
    stored: Json = {
        "id": row["id"],
        "startedAt": instants.to_text(row["started"]),
        "config": row["config"],
        "mediaType": _INDEX_TYPE,
        "apkoVersion": images.APKO_VERSION,
    }
    if row["ended"] <= now:
        stored |= {
            "completedAt": instants.to_text(row["ended"]),
            "result": row["result"],
            "digest": row["digest"],
            "lockedConfig": row["locked"],
            "warnings": json.loads(row["warnings"]),
            "log": _timed(row) if "log" in row.keys() else "",  # noqa: SIM118 - a row iterates over its values
        }
        scripted = next((effect for repo_id, effect in results if repo_id in ("", row["repo_id"])), None)
        stored |= {"result": scripted.result, "digest": ""} if scripted else {}
    answer: Json = emit(BUILD_REPORT, stored)
    return answer


def _timed(row: sqlite3.Row) -> str:
    """Return a build's log with the time of each line, spread over the time that it took."""
    lines = row["log"].split("\n")
    step = (row["ended"] - row["started"]) // len(lines)
    times = (row["started"] + position * step for position in range(len(lines)))
    return "".join(
        f"{instants.to_text(time - time % instants.SECOND)} {line}\n" for time, line in zip(times, lines, strict=True)
    )
