"""Builds: when they happen, and what a client sees of them: reports, the queue, tags.

Builds are planned with their start, end and outcome the moment their cause occurs, and a reader's clock decides what of
them is visible. Every choice is drawn from ids and counters, so that the same history gives the same builds.
"""

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from reconciler.emulator import apko, store, timestamps, uidp
from reconciler.emulator.errors import not_found
from reconciler.emulator.faults import NoReports, ParsedConfigs, Result
from reconciler.emulator.messages import BUILD_REPORT, REPO_SYNC_STATUS, SYNC_STATUS, TAG, TAG_V2
from reconciler.emulator.protojson import emit
from reconciler.emulator.query import ApiRequest, Orders, paginate
from reconciler.emulator.settings import Settings
from reconciler.emulator.store import Json, Repo, State

SLOT = 300 * timestamps.SECOND  # automatic rebuilds are planned for five minutes at a time
AUTOMATIC_SHARE = 1 / 12  # of the repositories, in each slot
INTERRUPTED_SHARE = 0.7  # of the repositories: an update finds an automatic rebuild under way
Scripted = TypeVar("Scripted", Result, NoReports)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A build that is to be: `number` tells builds of one tag and kind apart."""

    tag: str
    kind: str
    number: int
    started: int
    ended: int
    work: int | None = None


def list_build_reports(request: ApiRequest) -> Json:
    """Answer the reports of builds that started within the asked time (by default the last day), newest first."""
    query = request.query
    chosen = request.selection("build_report.list")
    since = query.instant("startedSince")
    before = query.instant("startedBefore")
    with_logs = not query.flag("excludeLogs")
    limit = query.count("pageSize") or None
    _catch_up(request.state, request.now, request.settings)
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
        results = _named(db, request, Result)
        spell = apko.parsed if any(isinstance(effect, ParsedConfigs) for effect in request.effects) else str
        return {"reports": [_report(row, request.now, results, spell) for row in islice(found, limit)]}


def sync_status(request: ApiRequest) -> Json:
    """Answer where one repository stands in the queue."""
    identifier = request.uidp()
    request.caller.demand("repo.list", identifier)
    with request.state.reading() as db:
        if store.repo(db, identifier) is None:
            raise not_found(f"repository {identifier} not found")
        answer: Json = emit(SYNC_STATUS, _queue_status(db, identifier, request.now, request.settings))
    return answer


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


def enqueue(db: sqlite3.Connection, repo: Repo, before: Json | None, now: int, settings: Settings) -> None:
    """Plan the builds that an update causes; `before` is the overlay that it replaced."""
    repo = replace(repo, sequence=repo.sequence + 1)
    store.save(db, repo)
    waiting = db.execute("SELECT * FROM work WHERE repo_id = ? AND starts > ?", (repo.id, now)).fetchone()
    if waiting:  # nothing of it has begun: the queue builds once, with the newest overlay
        db.execute("DELETE FROM builds WHERE work_id = ?", (waiting["id"],))
        db.execute("DELETE FROM work WHERE id = ?", (waiting["id"],))
    _replan_automatic(db, repo, now)
    if not waiting and settings.automatic_rebuilds:
        _finish_interrupted(db, repo, before, now, settings)
    if apko.active_tags(repo):
        created, starts = (waiting["created"], waiting["starts"]) if waiting else (now, _start(db, repo, now, settings))
        _plan_work(db, repo, created, starts, settings)


def advance(db: sqlite3.Connection, now: int, settings: Settings) -> None:
    """Plan the automatic rebuilds of every slot that has begun; slots older than a day would not be seen."""
    current = now // SLOT
    first = max(_planned_until(db) + 1, current - timestamps.DAY // SLOT)
    if first > current:
        return
    if settings.automatic_rebuilds:
        candidates = [repo for repo in store.repos(db) if apko.active_tags(repo)]
        for slot in range(first, current + 1):
            for repo in candidates:
                _plan_automatic(db, repo, slot, settings)
    set_planned_until(db, current)


def add_build(db: sqlite3.Connection, repo: Repo, plan: Planned, overlay: Json | None) -> str:
    """Insert a build with its outcome; returns the result."""
    image = apko.image_of(repo)
    assert image is not None, "a repository without a source has no active tags"
    identifier = uidp.of_child(repo.id, "build", plan.kind, plan.tag, plan.number)
    outcome = apko.build(image.name, plan.tag, store.dump(overlay))
    db.execute(
        "INSERT OR REPLACE INTO builds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            identifier,
            repo.id,
            plan.tag,
            plan.kind,
            plan.work,
            plan.started,
            plan.ended,
            outcome.result,
            f"sha256:{uidp.digest(identifier, outcome.config)}" if outcome.locked else "",
            outcome.config,
            outcome.locked,
            outcome.log,
            json.dumps(outcome.warnings),
        ),
    )
    return outcome.result


def set_planned_until(db: sqlite3.Connection, slot: int) -> None:
    """Note that the automatic rebuilds of a slot are planned."""
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('slot', ?)", (slot,))


def _named(db: sqlite3.Connection, request: ApiRequest, kind: type[Scripted]) -> list[tuple[str, Scripted]]:
    """Return the scripted effects of a kind with the id of the repository that they are about, "" for all."""
    scripted = [effect for effect in request.effects if isinstance(effect, kind)]
    located = [(store.locate(db, effect.of) if effect.of else None, effect) for effect in scripted]
    return [(repo.id if repo else "", effect) for repo, effect in located]


def _report(row: sqlite3.Row, now: int, results: list[tuple[str, Result]], spell: Callable[[str], str]) -> Json:
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
    answer: Json = emit(BUILD_REPORT, stored)
    return answer


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
    _catch_up(request.state, request.now, request.settings)
    with request.state.reading() as db:
        tags = _current_tags(db, request.now)
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


def _current_tags(db: sqlite3.Connection, now: int) -> dict[str, Json]:
    """Return the tags by id: the seeded ones, moved by the newest build that has succeeded."""
    tags = {
        row["id"]: {
            "id": row["id"],
            "name": row["name"],
            "digest": row["digest"],
            "lastUpdated": row["updated"],
            "deprecated": bool(row["deprecated"]),
        }
        for row in db.execute("SELECT * FROM tags")
    }
    builds = db.execute(
        "SELECT repo_id, tag, digest, ended FROM builds WHERE result = 'Success' AND ended <= ? "
        "ORDER BY started, rowid",
        (now,),
    )
    for row in builds:
        identifier = uidp.of_child(row["repo_id"], "tag", row["tag"])
        found = {"id": identifier, "name": row["tag"], "digest": row["digest"], "lastUpdated": row["ended"]}
        tags[identifier] = {**tags.get(identifier, {}), **found}
    return tags


def _catch_up(state: State, now: int, settings: Settings) -> None:
    """Plan the automatic rebuilds up to now; reads that show builds call it first."""
    with state.reading() as db:
        if _planned_until(db) >= now // SLOT:
            return
    with state.writing() as db:
        advance(db, now, settings)


def _queue_status(db: sqlite3.Connection, repo_id: str, now: int, settings: Settings) -> Json:
    """Return the stored form of a repository's sync status: {} when it is not in the queue."""
    row = db.execute(
        "SELECT * FROM work WHERE repo_id = ? AND ends > ? ORDER BY starts LIMIT 1", (repo_id, now)
    ).fetchone()
    if row:
        return _status("QUEUED" if row["starts"] > now else "IN_PROGRESS", row)
    row = db.execute("SELECT * FROM work WHERE repo_id = ? ORDER BY ends DESC LIMIT 1", (repo_id,)).fetchone()
    if row and row["failed"] and row["ends"] + _span(settings.failed_seconds) > now:
        return _status("FAILED", row)
    return {}


def _queued(db: sqlite3.Connection, now: int, settings: Settings) -> list[str]:
    """Return the ids of the repositories that may be in the queue."""
    since = now - _span(settings.failed_seconds)
    rows = db.execute("SELECT DISTINCT repo_id FROM work WHERE ends > ? ORDER BY repo_id", (since,))
    return [row["repo_id"] for row in rows]


def _status(name: str, row: sqlite3.Row) -> Json:
    return {"status": name, "createTime": timestamps.to_text(row["created"])}


def _start(db: sqlite3.Connection, repo: Repo, now: int, settings: Settings) -> int:
    """Return when new work begins: after the queue's delay, and not while the repository's last work runs."""
    row = db.execute("SELECT max(ends) AS ends FROM work WHERE repo_id = ?", (repo.id,)).fetchone()
    return max(now + _span(settings.queue_delay), row["ends"] or 0)


def _plan_work(db: sqlite3.Connection, repo: Repo, created: int, starts: int, settings: Settings) -> None:
    work = db.execute(
        "INSERT INTO work (repo_id, created, starts, ends, failed) VALUES (?, ?, ?, ?, 0)",
        (repo.id, created, starts, starts),
    ).lastrowid
    ends, results = starts, set()
    for position, tag in enumerate(apko.active_tags(repo)):
        began = starts + position * _span(settings.stagger)
        ended = began + _duration(settings, repo.id, tag, repo.sequence)
        plan = Planned(tag=tag, kind="update", number=repo.sequence, started=began, ended=ended, work=work)
        results.add(add_build(db, repo, plan, repo.overlay))
        ends = max(ends, ended)
    db.execute("UPDATE work SET ends = ?, failed = ? WHERE id = ?", (ends, results == {"Failure"}, work))


def _finish_interrupted(db: sqlite3.Connection, repo: Repo, before: Json | None, now: int, settings: Settings) -> None:
    """Let an automatic rebuild that an update found under way run with the overlay that it began with."""
    if not apko.active_tags(repo) or uidp.draw(repo.id, "interrupted") >= INTERRUPTED_SHARE:
        return
    chance = uidp.draw(repo.id, "interrupted", repo.sequence)
    tag = apko.active_tags(repo)[int(chance * len(apko.active_tags(repo)))]
    started = now + int(_span(settings.queue_delay) * (0.2 + chance / 2))
    ended = started + _duration(settings, repo.id, tag, "interrupted", repo.sequence)
    plan = Planned(tag=tag, kind="interrupted", number=repo.sequence, started=started, ended=ended)
    add_build(db, repo, plan, before)


def _plan_automatic(db: sqlite3.Connection, repo: Repo, slot: int, settings: Settings) -> None:
    if uidp.draw(repo.id, "automatic", slot) >= AUTOMATIC_SHARE:
        return
    tag = apko.active_tags(repo)[int(uidp.draw(repo.id, "tag", slot) * len(apko.active_tags(repo)))]
    started = slot * SLOT + int(uidp.draw(repo.id, "start", slot) * SLOT)
    ended = started + _duration(settings, repo.id, tag, "automatic", slot)
    plan = Planned(tag=tag, kind="automatic", number=slot, started=started, ended=ended)
    add_build(db, repo, plan, repo.overlay)


def _replan_automatic(db: sqlite3.Connection, repo: Repo, now: int) -> None:
    """Give automatic rebuilds that have not begun the overlay that they will find."""
    rows = db.execute(
        "SELECT id, tag, started, ended FROM builds WHERE repo_id = ? AND kind = 'automatic' AND started > ?",
        (repo.id, now),
    ).fetchall()
    for row in rows:
        db.execute("DELETE FROM builds WHERE id = ?", (row["id"],))
        if row["tag"] in apko.active_tags(repo):
            plan = Planned(
                tag=row["tag"],
                kind="automatic",
                number=row["started"] // SLOT,
                started=row["started"],
                ended=row["ended"],
            )
            add_build(db, repo, plan, repo.overlay)


def _planned_until(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM meta WHERE key = 'slot'").fetchone()["value"])


def _duration(settings: Settings, *parts: object) -> int:
    shortest, longest = settings.build_seconds
    return _span(shortest + uidp.draw("duration", *parts) * (longest - shortest))


def _span(seconds: float) -> int:
    return round(seconds * timestamps.SECOND)
