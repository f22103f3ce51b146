"""Filling an empty state file with the seeded world (`data/world.yaml`).

Ids and creation times are the same in every world; builds lie before the instant of the seeding.
"""

import functools
import sqlite3
from dataclasses import dataclass, field
from importlib import resources

import yaml
from pydantic import TypeAdapter

from reconciler.emulator import apko, overlay_store, overlays, packages, schedule, store, timestamps, uidp
from reconciler.emulator.apko import Image
from reconciler.emulator.schedule import Planned
from reconciler.emulator.store import Json, Repo

HOUR = 3600 * timestamps.SECOND
_CREATED = timestamps.from_text("2022-09-05T09:12:44.193847Z")
_RECENT = 3  # builds of the last day, and of the days before it


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedBuild:
    """Builds of all active tags some hours before the seeding, with the overlay of that time."""

    hours_ago: float
    overlay: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRepo:
    """A repository: its path, what it syncs from, its overlay in stored form (None as good as untouched)."""

    path: str
    image: str
    tags: int
    overlay: Json | None = None
    description: str = ""
    readme_kilobytes: int = 1
    past: tuple[SeedBuild, ...] = ()
    more: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedGroup:
    """A group: its path from the top, and what its message says besides."""

    path: str
    message: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedBinding:
    """A binding: the name of its overlay, what it is bound to and to which tags, as `Emulator.bind` takes them."""

    overlay: str
    to: str
    tags: str | list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOverlays:
    """Overlays of a seed: their configurations by name, in stored form, and their bindings."""

    repositories: tuple[SeedRepo, ...]
    overlays: dict[str, Json]
    bindings: tuple[SeedBinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedWorld:
    """Groups and repositories, and the PEM texts that overlays use by name."""

    groups: tuple[SeedGroup, ...]
    repositories: tuple[SeedRepo, ...]
    pem: dict[str, str]
    with_overlays: SeedOverlays


@functools.cache
def seed_world() -> SeedWorld:
    """Return the seeded world."""
    text = (resources.files("reconciler.emulator") / "data" / "world.yaml").read_text(encoding="utf-8")
    return TypeAdapter(SeedWorld).validate_python(yaml.safe_load(text))


def fill(db: sqlite3.Connection, now: int, *, with_overlays: bool = False) -> None:
    """Insert the seeded world; called inside a transaction on empty tables."""
    world = seed_world()
    items = (*world.repositories, *(world.with_overlays.repositories if with_overlays else ()))
    for group in world.groups:
        store.add_group(db, _group(group))
    for item in items:
        store.save(db, repository(item))
    if with_overlays:
        _add_overlays(db, world.with_overlays, now)
    for item in items:
        repo = repository(item)
        _add_tags(db, repo, apko.images_by_name()[item.image], now)
        _add_history(db, repo, item, now)
    schedule.set_planned_until(db, now // schedule.SLOT)


def _group(group: SeedGroup) -> Json:
    return {"id": uidp.of_path(group.path), "name": group.path.rpartition("/")[2], **group.message}


def repository(item: SeedRepo) -> Repo:
    """Return a repository as it is stored."""
    above, _, name = item.path.rpartition("/")
    parent = uidp.of_path(above)
    identifier = uidp.of_child(parent, "repo", name)
    image = apko.images_by_name()[item.image]
    message = {
        "id": identifier,
        "name": name,
        "description": item.description,
        "readme": _readme(image, item.readme_kilobytes),
        "catalogTier": image.tier,
        "activeTags": list(image.tags[: item.tags]),
        "createTime": timestamps.to_text(_CREATED + int(uidp.draw(identifier) * 300 * timestamps.DAY)),
        **item.more,
        "sync_config": {"source": image.source, **item.more.get("sync_config", {})},
    }
    if item.overlay is not None:
        message["customOverlay"] = item.overlay
    return Repo(id=identifier, parent=parent, name=name, sequence=0, message=message)


def _readme(image: Image, kilobytes: int) -> str:
    opening = f"# {image.name}\n\n{image.title}. <!-- generated -->\n\n## Tags\n\n| tag | notes |\n| --- | --- |\n"
    row = f"| `{image.tags[0]}` | entry point `{image.entrypoint}`, runs as `{image.user[0]}` |\n"
    return opening + row * (kilobytes * 1024 // len(row))


def _add_tags(db: sqlite3.Connection, repo: Repo, image: Image, now: int) -> None:
    """Insert the active tags as they were three days ago, and inactive ones."""
    updated = now - 3 * timestamps.DAY
    digests = {tag: f"sha256:{uidp.digest(repo.id, 'tag', tag)}" for tag in apko.active_tags(repo)}
    extra = {
        f"{digests['latest'].replace(':', '-')}.{kind}": f"sha256:{uidp.digest(repo.id, kind)}"
        for kind in ("att", "sbom", "sig")
    }
    rows = {**digests, **extra, **_versions(image, digests)}
    for name, digest in rows.items():
        db.execute(
            "INSERT INTO tags (id, repo_id, name, digest, updated, deprecated) VALUES (?, ?, ?, ?, ?, ?)",
            (uidp.of_child(repo.id, "tag", name), repo.id, name, digest, updated, name.startswith("latest-20")),
        )


def _versions(image: Image, digests: dict[str, str]) -> dict[str, str]:
    """Return the dated tag and the full version, with and without its epoch, of what `latest` was."""
    version = packages.all_packages()[image.streams[0][1]].versions[0]
    names = ("latest-20251101", version, version.rpartition("-r")[0])
    return {name: digests["latest"] for name in names if name not in digests}


def _add_overlays(db: sqlite3.Connection, world: SeedOverlays, now: int) -> None:
    root = uidp.of_root(store.HOME)
    ids = {name: overlays.set_overlay(db, root, name, config, now)["id"] for name, config in world.overlays.items()}
    for item in world.bindings:
        selector = overlays.selector(item.tags)
        overlays.set_binding(db, overlays.located(db, item.to), ids[item.overlay], selector, now)


def _add_history(db: sqlite3.Connection, repo: Repo, item: SeedRepo, now: int) -> None:
    current = overlay_store.of_repository(db, repo)
    for number in range(2 * _RECENT):
        hours = 1.5 + 21 * uidp.draw(repo.id, "hours", number) + 24 * (number // _RECENT)
        tag = apko.active_tags(repo)[int(uidp.draw(repo.id, "which", number) * len(apko.active_tags(repo)))]
        schedule.add_build(db, repo, _past(repo, tag, number, hours, now), current.overlay(tag))
    for number, past in enumerate(item.past, start=2 * _RECENT):
        for tag in apko.active_tags(repo):
            schedule.add_build(db, repo, _past(repo, tag, number, past.hours_ago, now), past.overlay)


def _past(repo: Repo, tag: str, number: int, hours_ago: float, now: int) -> Planned:
    started = now - int(hours_ago * HOUR)
    ended = started + int((90 + 240 * uidp.draw(repo.id, tag, number)) * timestamps.SECOND)
    return Planned(tag=tag, kind="past", number=number, started=started, ended=ended)
