"""Schedule of builds: what starts them, how long they take, and how they end.

Builds are planned with their start, end and outcome the moment their cause occurs, and a reader's clock decides what of
them is visible. Every choice is drawn from ids and counters, so that the same history gives the same builds.
"""

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.emulator import apko, overlay_store, store, timestamps, uidp
from reconciler.emulator.apko import BuildOutcome
from reconciler.emulator.overlay_store import Refusal, TagOverlays
from reconciler.emulator.settings import EmulatorSettings
from reconciler.emulator.store import Json, Repo, StateFile

SLOT = 300 * timestamps.SECOND  # automatic rebuilds are planned for five minutes at a time
AUTOMATIC_SHARE = 1 / 12  # of the repositories, in each slot
INTERRUPTED_SHARE = 0.7  # of the repositories: an update finds an automatic rebuild under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A planned build: `number` distinguishes builds of one tag and kind."""

    tag: str
    kind: str
    number: int
    started: int
    ended: int
    work: int | None = None


@contextlib.contextmanager
def rebuilding(db: sqlite3.Connection, scopes: Collection[str], now: int, settings: EmulatorSettings) -> Iterator[None]:
    """Plan, after the body, the builds of every tag that gets something else than before it.

    `scopes` are the ids of repositories, and of groups with all that lies below them.
    """
    advance(db, now, settings)
    before = {repo.id: overlay_store.of_repository(db, repo) for repo in store.repos_below(db, scopes)}
    yield
    for repo in store.repos_below(db, scopes):
        after = overlay_store.of_repository(db, repo)
        changed = [tag for tag in apko.all_tags(repo) if not after.builds_alike(before[repo.id], tag)]
        if changed:
            enqueue(db, repo, changed, before=before[repo.id], now=now, settings=settings)


def enqueue(
    db: sqlite3.Connection,
    repo: Repo,
    changed: Collection[str],
    *,
    before: TagOverlays,
    now: int,
    settings: EmulatorSettings,
) -> Repo:
    """Plan the builds of some tags that a write causes; `before` is what they got until then.

    Returns the repository with what it keeps of them.
    """
    waiting = db.execute("SELECT * FROM work WHERE repo_id = ? AND starts > ?", (repo.id, now)).fetchone()
    # Nothing of it has begun: the queue builds once, with the newest overlays.
    renewed = {*changed, *(_withdrawn(db, repo, waiting["id"]) if waiting else ())}
    overlays = overlay_store.of_repository(db, repo)
    due = [tag for tag in apko.all_tags(repo) if tag in renewed]
    refusals = {tag: refusal for tag in due if (refusal := overlays.refusal(tag))}
    created, starts = (waiting["created"], waiting["starts"]) if waiting else (now, _start(db, repo, now, settings))
    ended = starts + span(settings.stagger)
    refused = {tag: since for tag, since in repo.refused.items() if tag not in renewed}
    message = {**repo.message, store.REFUSED: {**refused, **dict.fromkeys(refusals, ended)}}
    repo = replace(repo, sequence=repo.sequence + 1, message=message)
    store.save(db, repo)
    _replan_automatic(db, repo, overlays, now)
    built = [tag for tag in due if tag not in refusals]
    if built and not waiting and settings.automatic_rebuilds:
        _finish_interrupted(db, repo, built, before=before, now=now, settings=settings)
    if due:
        _plan_work(db, repo, due, refusals, overlays, created=created, starts=starts, settings=settings)
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


def _withdrawn(db: sqlite3.Connection, repo: Repo, work: int) -> set[str]:
    """Take work back that has not begun; returns the tags that it was for."""
    rows = db.execute("SELECT tag, ended FROM builds WHERE work_id = ?", (work,)).fetchall()
    db.execute("DELETE FROM builds WHERE work_id = ?", (work,))
    db.execute("DELETE FROM work WHERE id = ?", (work,))
    refusals = {row["ended"] for row in rows if not row["tag"]}
    refused = {tag for tag, since in repo.refused.items() if since in refusals}
    return refused | {row["tag"] for row in rows}


def _plan_work(
    db: sqlite3.Connection,
    repo: Repo,
    due: Sequence[str],
    refusals: Mapping[str, Refusal],
    overlays: TagOverlays,
    *,
    created: int,
    starts: int,
    settings: EmulatorSettings,
) -> None:
    """Plan the builds of tags, one begun after the other, and one failed report for each reason of a refusal."""
    work = db.execute(
        "INSERT INTO work (repo_id, created, starts, ends, failed) VALUES (?, ?, ?, ?, 0)",
        (repo.id, created, starts, starts),
    ).lastrowid
    assert work is not None, "a row has just been inserted"
    results = {"Failure"} if refusals else set()
    ends = [starts]
    for position, tag in enumerate(tag for tag in due if tag not in refusals):
        began = starts + position * span(settings.stagger)
        ends.append(began + _duration(settings, repo.id, tag, repo.sequence))
        plan = Planned(tag=tag, kind="update", number=repo.sequence, started=began, ended=ends[-1], work=work)
        results.add(add_build(db, repo, plan, overlays.overlay(tag)))
    for position, refusal in enumerate(dict.fromkeys(refusals.values())):
        kind = f"refusal-{position}"
        ends.append(starts + span(settings.stagger))
        plan = Planned(tag="", kind=kind, number=repo.sequence, started=starts, ended=ends[-1], work=work)
        tags = [tag for tag, reason in refusals.items() if reason == refusal]
        _insert(db, repo, plan, _refused(db, repo, tags, refusal, starts))
    db.execute("UPDATE work SET ends = ?, failed = ? WHERE id = ?", (max(ends), results == {"Failure"}, work))


def _refused(db: sqlite3.Connection, repo: Repo, tags: list[str], refusal: Refusal, now: int) -> BuildOutcome:
    """Return the one report of tags that are refused for one reason."""
    current = current_tags(db, now)
    digests: dict[str, list[str]] = {}
    for tag in tags:
        known = current.get(uidp.of_child(repo.id, "tag", tag), {})
        digests.setdefault(known.get("digest", ""), []).append(tag)
    groups = "; ".join(
        f"tags [{' '.join(names)}] (digest {digest}): {refusal.reason}" for digest, names in digests.items()
    )
    consequence = "these tags are not rebuilt until that is resolved"
    log = f"{refusal.subject} refused for {groups}; {consequence}\ndetail: {refusal.detail}"
    return BuildOutcome(result="Failure", config="", locked="", log=log, warnings=())


def _finish_interrupted(
    db: sqlite3.Connection,
    repo: Repo,
    tags: list[str],
    *,
    before: TagOverlays,
    now: int,
    settings: EmulatorSettings,
) -> None:
    """Let an automatic rebuild that ran during a write finish with the overlay that it began with."""
    if uidp.draw(repo.id, "interrupted") >= INTERRUPTED_SHARE:
        return
    chance = uidp.draw(repo.id, "interrupted", repo.sequence)
    tag = tags[int(chance * len(tags))]
    if before.refusal(tag):
        return
    started = now + int(span(settings.queue_delay) * (0.2 + chance / 2))
    ended = started + _duration(settings, repo.id, tag, "interrupted", repo.sequence)
    plan = Planned(tag=tag, kind="interrupted", number=repo.sequence, started=started, ended=ended)
    add_build(db, repo, plan, before.overlay(tag))


def _plan_automatic(db: sqlite3.Connection, repo: Repo, slot: int, settings: EmulatorSettings) -> None:
    if uidp.draw(repo.id, "automatic", slot) >= AUTOMATIC_SHARE:
        return
    tag = apko.active_tags(repo)[int(uidp.draw(repo.id, "tag", slot) * len(apko.active_tags(repo)))]
    started = slot * SLOT + int(uidp.draw(repo.id, "start", slot) * SLOT)
    ended = started + _duration(settings, repo.id, tag, "automatic", slot)
    plan = Planned(tag=tag, kind="automatic", number=slot, started=started, ended=ended)
    add_build(db, repo, plan, overlay_store.of_repository(db, repo).overlay(tag))


def _replan_automatic(db: sqlite3.Connection, repo: Repo, overlays: TagOverlays, now: int) -> None:
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
            add_build(db, repo, plan, overlays.overlay(row["tag"]))


def _planned_until(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM meta WHERE key = 'slot'").fetchone()["value"])


def _duration(settings: EmulatorSettings, *parts: object) -> int:
    shortest, longest = settings.build_seconds
    return span(shortest + uidp.draw("duration", *parts) * (longest - shortest))
