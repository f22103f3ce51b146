"""When builds happen: after an update, and by themselves now and then.

Here belongs the work queue: builds are planned with their start, end and outcome the moment their cause occurs, and a
reader's clock decides what of them is visible. Every choice is drawn from ids and counters, so that the same history
gives the same builds.
"""

import json
import sqlite3
from dataclasses import dataclass, replace

from reconciler.emulator import instants, records, uidp
from reconciler.emulator.records import Json, Repo
from reconciler.emulator.settings import Settings
from reconciler.emulator.state import State

SLOT = 300 * instants.SECOND  # automatic rebuilds are planned for five minutes at a time
AUTOMATIC_SHARE = 1 / 12  # of the repositories, in each slot
INTERRUPTED_SHARE = 0.7  # of the repositories: an update finds an automatic rebuild under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A build that is to be: `number` tells builds of one tag and kind apart."""

    tag: str
    kind: str
    number: int
    started: int
    ended: int
    work: int | None = None


def enqueue(db: sqlite3.Connection, repo: Repo, before: Json | None, now: int, settings: Settings) -> None:
    """Plan the builds that an update causes; `before` is the overlay that it replaced."""
    repo = replace(repo, sequence=repo.sequence + 1)
    records.save(db, repo)
    waiting = db.execute("SELECT * FROM work WHERE repo_id = ? AND starts > ?", (repo.id, now)).fetchone()
    if waiting:  # nothing of it has begun: the queue builds once, with the newest overlay
        db.execute("DELETE FROM builds WHERE work_id = ?", (waiting["id"],))
        db.execute("DELETE FROM work WHERE id = ?", (waiting["id"],))
    _replan_automatic(db, repo, now)
    if not waiting and settings.automatic_rebuilds:
        _finish_interrupted(db, repo, before, now, settings)
    if repo.active_tags:
        created, starts = (waiting["created"], waiting["starts"]) if waiting else (now, _start(db, repo, now, settings))
        _plan_work(db, repo, created, starts, settings)


def catch_up(state: State, now: int, settings: Settings) -> None:
    """Plan the automatic rebuilds up to now; reads that show builds call it first."""
    with state.reading() as db:
        if _planned_until(db) >= now // SLOT:
            return
    with state.writing() as db:
        advance(db, now, settings)


def advance(db: sqlite3.Connection, now: int, settings: Settings) -> None:
    """Plan the automatic rebuilds of every slot that has begun; slots older than a day would not be seen."""
    current = now // SLOT
    first = max(_planned_until(db) + 1, current - instants.DAY // SLOT)
    if first > current:
        return
    if settings.automatic_rebuilds:
        candidates = [repo for repo in records.repos(db) if repo.active_tags]
        for slot in range(first, current + 1):
            for repo in candidates:
                _plan_automatic(db, repo, slot, settings)
    set_planned_until(db, current)


def set_planned_until(db: sqlite3.Connection, slot: int) -> None:
    """Note that the automatic rebuilds of a slot are planned."""
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('slot', ?)", (slot,))


def add_build(db: sqlite3.Connection, repo: Repo, plan: Planned, overlay: Json | None) -> str:
    """Insert a build with its outcome; returns the result."""
    from reconciler.emulator import apko  # the catalogue of packages: reads can do without

    image = repo.image
    assert image is not None, "a repository without a source has no active tags"
    identifier = uidp.of_child(repo.id, "build", plan.kind, plan.tag, plan.number)
    outcome = apko.build(image.name, plan.tag, records.dump(overlay))
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


def status(db: sqlite3.Connection, repo_id: str, now: int, settings: Settings) -> Json:
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


def queued(db: sqlite3.Connection, now: int, settings: Settings) -> list[str]:
    """Return the ids of the repositories that may be in the queue."""
    since = now - _span(settings.failed_seconds)
    rows = db.execute("SELECT DISTINCT repo_id FROM work WHERE ends > ? ORDER BY repo_id", (since,))
    return [row["repo_id"] for row in rows]


def _status(name: str, row: sqlite3.Row) -> Json:
    return {"status": name, "createTime": instants.to_text(row["created"])}


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
    for position, tag in enumerate(repo.active_tags):
        began = starts + position * _span(settings.stagger)
        ended = began + _duration(settings, repo.id, tag, repo.sequence)
        plan = Planned(tag=tag, kind="update", number=repo.sequence, started=began, ended=ended, work=work)
        results.add(add_build(db, repo, plan, repo.overlay))
        ends = max(ends, ended)
    db.execute("UPDATE work SET ends = ?, failed = ? WHERE id = ?", (ends, results == {"Failure"}, work))


def _finish_interrupted(db: sqlite3.Connection, repo: Repo, before: Json | None, now: int, settings: Settings) -> None:
    """Let an automatic rebuild that an update found under way run with the overlay that it began with."""
    if not repo.active_tags or uidp.draw(repo.id, "interrupted") >= INTERRUPTED_SHARE:
        return
    chance = uidp.draw(repo.id, "interrupted", repo.sequence)
    tag = repo.active_tags[int(chance * len(repo.active_tags))]
    started = now + int(_span(settings.queue_delay) * (0.2 + chance / 2))
    ended = started + _duration(settings, repo.id, tag, "interrupted", repo.sequence)
    plan = Planned(tag=tag, kind="interrupted", number=repo.sequence, started=started, ended=ended)
    add_build(db, repo, plan, before)


def _plan_automatic(db: sqlite3.Connection, repo: Repo, slot: int, settings: Settings) -> None:
    if uidp.draw(repo.id, "automatic", slot) >= AUTOMATIC_SHARE:
        return
    tag = repo.active_tags[int(uidp.draw(repo.id, "tag", slot) * len(repo.active_tags))]
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
        if row["tag"] in repo.active_tags:
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
    return round(seconds * instants.SECOND)
