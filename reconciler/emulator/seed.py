"""Filling an empty state file with the seeded world.

Here belongs the way from the facts of `seed_world.py` to rows. Ids and creation times are the same in every world;
builds lie before the instant of the seeding.
"""

import sqlite3
from typing import Any

from reconciler.emulator import catalogue, instants, records, schedule, uidp
from reconciler.emulator.images import IMAGES, Image
from reconciler.emulator.records import Repo
from reconciler.emulator.schedule import Planned
from reconciler.emulator.seed_world import PLACES, REPOSITORIES, Place, Planted

Json = dict[str, Any]

HOUR = 3600 * instants.SECOND
_CREATED = instants.from_text("2022-09-05T09:12:44.193847Z")
_RECENT = 3  # builds of the last day, and of the days before it


def fill(db: sqlite3.Connection, now: int) -> None:
    """Insert the seeded world; called inside a transaction on empty tables."""
    places = {place.path: uidp.of_path(place.path) for place in PLACES}
    for place in PLACES:
        records.add_group(db, _group(place, places))
    for planted in REPOSITORIES:
        repo = _repo(planted, places)
        records.save(db, repo)
        _add_tags(db, repo, IMAGES[planted.image], now)
        _add_history(db, repo, planted, now)
    schedule.set_planned_until(db, now // schedule.SLOT)


def _group(place: Place, places: dict[str, str]) -> Json:
    return {"id": places[place.path], "name": place.path.rpartition("/")[2], **place.message}


def _repo(planted: Planted, places: dict[str, str]) -> Repo:
    above, _, name = planted.path.rpartition("/")
    parent = places[above]
    identifier = uidp.of_child(parent, "repo", name)
    image = IMAGES[planted.image]
    more = planted.more or {}
    message = {
        "id": identifier,
        "name": name,
        "description": planted.description,
        "readme": _readme(image, planted.readme_kilobytes),
        "catalogTier": image.tier,
        "activeTags": list(image.tags[: planted.tags]),
        "createTime": instants.to_text(_CREATED + int(uidp.draw(identifier) * 300 * instants.DAY)),
        **more,
        "sync_config": {"source": image.source, **more.get("sync_config", {})},
    }
    if planted.overlay is not None:
        message["customOverlay"] = planted.overlay
    return Repo(id=identifier, parent=parent, name=name, sequence=0, message=message)


def _readme(image: Image, kilobytes: int) -> str:
    opening = f"# {image.name}\n\n{image.title}. <!-- generated -->\n\n## Tags\n\n| tag | notes |\n| --- | --- |\n"
    row = f"| `{image.tags[0]}` | entry point `{image.entrypoint}`, runs as `{image.user[0]}` |\n"
    return opening + row * (kilobytes * 1024 // len(row))


def _add_tags(db: sqlite3.Connection, repo: Repo, image: Image, now: int) -> None:
    """Insert the active tags as they were three days ago, and those that only lie beside them."""
    updated = now - 3 * instants.DAY
    digests = {tag: f"sha256:{uidp.digest(repo.id, 'tag', tag)}" for tag in repo.active_tags}
    beside = {
        f"{digests['latest'].replace(':', '-')}.{kind}": f"sha256:{uidp.digest(repo.id, kind)}"
        for kind in ("att", "sbom", "sig")
    }
    rows = {**digests, **beside, **_versions(image, digests)}
    for name, digest in rows.items():
        db.execute(
            "INSERT INTO tags (id, repo_id, name, digest, updated, deprecated) VALUES (?, ?, ?, ?, ?, ?)",
            (uidp.of_child(repo.id, "tag", name), repo.id, name, digest, updated, name.startswith("latest-20")),
        )


def _versions(image: Image, digests: dict[str, str]) -> dict[str, str]:
    """Return the dated tag and the full version, with and without its epoch, of what `latest` was."""
    version = catalogue.packages()[image.streams[0][1]].versions[0]
    names = ("latest-20251101", version, version.rpartition("-r")[0])
    return {name: digests["latest"] for name in names if name not in digests}


def _add_history(db: sqlite3.Connection, repo: Repo, planted: Planted, now: int) -> None:
    for number in range(2 * _RECENT):
        hours = 1.5 + 21 * uidp.draw(repo.id, "hours", number) + 24 * (number // _RECENT)
        tag = repo.active_tags[int(uidp.draw(repo.id, "which", number) * len(repo.active_tags))]
        schedule.add_build(db, repo, _past(repo, tag, number, hours, now), planted.overlay)
    for number, past in enumerate(planted.past, start=2 * _RECENT):
        for tag in repo.active_tags:
            schedule.add_build(db, repo, _past(repo, tag, number, past.hours_ago, now), past.overlay)


def _past(repo: Repo, tag: str, number: int, hours_ago: float, now: int) -> Planned:
    started = now - int(hours_ago * HOUR)
    ended = started + int((90 + 240 * uidp.draw(repo.id, tag, number)) * instants.SECOND)
    return Planned(tag=tag, kind="past", number=number, started=started, ended=ended)
