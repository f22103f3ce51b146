"""When builds happen: what starts them, how long they take, and how they end.

Builds are planned with their start, end and outcome the moment their cause occurs, and a reader's clock decides what of
them is visible. Every choice is drawn from ids and counters, so that the same history gives the same builds.
"""

import json
import sqlite3
from dataclasses import dataclass, replace

from reconciler.emulator import apko, guarded_entrypoint, store, timestamps, uidp
from reconciler.emulator.apko import BuildOutcome
from reconciler.emulator.settings import EmulatorSettings
from reconciler.emulator.store import Json, Repo, StateFile

SLOT = 300 * timestamps.SECOND  # automatic rebuilds are planned for five minutes at a time
REFUSED = "refusedAt"  # in a repository's stored message: when its tags ceased to be rebuilt
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


def enqueue(db: sqlite3.Connection, repo: Repo, before: Json | None, now: int, settings: EmulatorSettings) -> Repo:
    """Plan the builds that an update causes; `before` is the overlay that it replaced.

    Returns the repository with what it keeps of them.
    """
    repo = replace(repo, sequence=repo.sequence + 1)
    store.save(db, repo)
    waiting = db.execute("SELECT * FROM work WHERE repo_id = ? AND starts > ?", (repo.id, now)).fetchone()
    if waiting:  # nothing of it has begun: the queue builds once, with the newest overlay
        db.execute("DELETE FROM builds WHERE work_id = ?", (waiting["id"],))
        db.execute("DELETE FROM work WHERE id = ?", (waiting["id"],))
    _replan_automatic(db, repo, now)
    if not waiting and settings.automatic_rebuilds:
        _finish_interrupted(db, repo, before, now, settings)
    if not apko.all_tags(repo):
        return repo
    created, starts = (waiting["created"], waiting["starts"]) if waiting else (now, _start(db, repo, now, settings))
    if apko.active_tags(repo):
        _plan_work(db, repo, created, starts, settings)
        return repo
    ended = _plan_refusal(db, repo, created, starts, settings)
    repo = replace(repo, message={**repo.message, REFUSED: ended})
    store.save(db, repo)
    return repo


def advance(db: sqlite3.Connection, now: int, settings: EmulatorSettings) -> None:
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


def catch_up(state: StateFile, now: int, settings: EmulatorSettings) -> None:
    """Plan the automatic rebuilds up to now; reads that show builds call it first."""
    with state.reading() as db:
        if _planned_until(db) >= now // SLOT:
            return
    with state.writing() as db:
        advance(db, now, settings)


def add_build(db: sqlite3.Connection, repo: Repo, plan: Planned, overlay: Json | None) -> str:
    """Insert a build with its outcome; returns the result."""
    image = apko.image_of(repo)
    assert image is not None, "a repository without a source has no active tags"
    outcome = apko.build(image.name, plan.tag, store.dump(overlay))
    _insert(db, repo, plan, outcome)
    return outcome.result


def set_planned_until(db: sqlite3.Connection, slot: int) -> None:
    """Note that the automatic rebuilds of a slot are planned."""
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('slot', ?)", (slot,))


def current_tags(db: sqlite3.Connection, now: int) -> dict[str, Json]:
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


def span(seconds: float) -> int:
    """Return a span of time as it is stored."""
    return round(seconds * timestamps.SECOND)


def _insert(db: sqlite3.Connection, repo: Repo, plan: Planned, outcome: BuildOutcome) -> None:
    identifier = uidp.of_child(repo.id, "build", plan.kind, plan.tag, plan.number)
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


def _start(db: sqlite3.Connection, repo: Repo, now: int, settings: EmulatorSettings) -> int:
    """Return when new work begins: after the queue's delay, and not while the repository's last work runs."""
    row = db.execute("SELECT max(ends) AS ends FROM work WHERE repo_id = ?", (repo.id,)).fetchone()
    return max(now + span(settings.queue_delay), row["ends"] or 0)


def _plan_work(db: sqlite3.Connection, repo: Repo, created: int, starts: int, settings: EmulatorSettings) -> None:
    work = db.execute(
        "INSERT INTO work (repo_id, created, starts, ends, failed) VALUES (?, ?, ?, ?, 0)",
        (repo.id, created, starts, starts),
    ).lastrowid
    ends, results = starts, set()
    for position, tag in enumerate(apko.active_tags(repo)):
        began = starts + position * span(settings.stagger)
        ended = began + _duration(settings, repo.id, tag, repo.sequence)
        plan = Planned(tag=tag, kind="update", number=repo.sequence, started=began, ended=ended, work=work)
        results.add(add_build(db, repo, plan, repo.overlay))
        ends = max(ends, ended)
    db.execute("UPDATE work SET ends = ?, failed = ? WHERE id = ?", (ends, results == {"Failure"}, work))


def _plan_refusal(db: sqlite3.Connection, repo: Repo, created: int, starts: int, settings: EmulatorSettings) -> int:
    """Plan the one report of images that the wrapper is refused for; returns when it is there."""
    ended = starts + span(settings.stagger)
    work = db.execute(
        "INSERT INTO work (repo_id, created, starts, ends, failed) VALUES (?, ?, ?, ?, 1)",
        (repo.id, created, starts, ended),
    ).lastrowid
    digests: dict[str, list[str]] = {}
    current = current_tags(db, starts)
    for tag in apko.all_tags(repo):
        known = current.get(uidp.of_child(repo.id, "tag", tag), {})
        digests.setdefault(known.get("digest", ""), []).append(tag)
    reason, detail = guarded_entrypoint.refusal(repo.overlay or {})
    groups = "; ".join(f"tags [{' '.join(tags)}] (digest {digest}): {reason}" for digest, tags in digests.items())
    log = (
        f"guarded entrypoint refused for {groups}; these tags are not rebuilt until that is resolved\ndetail: {detail}"
    )
    outcome = BuildOutcome(result="Failure", config="", locked="", log=log, warnings=())
    plan = Planned(tag="", kind="refusal", number=repo.sequence, started=starts, ended=ended, work=work)
    _insert(db, repo, plan, outcome)
    return ended


def _finish_interrupted(
    db: sqlite3.Connection, repo: Repo, before: Json | None, now: int, settings: EmulatorSettings
) -> None:
    """Let an automatic rebuild that an update found under way run with the overlay that it began with."""
    if not apko.active_tags(repo) or uidp.draw(repo.id, "interrupted") >= INTERRUPTED_SHARE:
        return
    chance = uidp.draw(repo.id, "interrupted", repo.sequence)
    tag = apko.active_tags(repo)[int(chance * len(apko.active_tags(repo)))]
    started = now + int(span(settings.queue_delay) * (0.2 + chance / 2))
    ended = started + _duration(settings, repo.id, tag, "interrupted", repo.sequence)
    plan = Planned(tag=tag, kind="interrupted", number=repo.sequence, started=started, ended=ended)
    add_build(db, repo, plan, before)


def _plan_automatic(db: sqlite3.Connection, repo: Repo, slot: int, settings: EmulatorSettings) -> None:
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


def _duration(settings: EmulatorSettings, *parts: object) -> int:
    shortest, longest = settings.build_seconds
    return span(shortest + uidp.draw("duration", *parts) * (longest - shortest))
