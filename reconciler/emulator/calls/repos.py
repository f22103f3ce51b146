"""Repositories: listing, replacing and creating. There is no deletion, by design.

Here belongs what a write does to a repository; what it does to the builds belongs to `schedule.py`.
"""

import re
import sqlite3
from dataclasses import replace

from reconciler.emulator import images, instants, protojson, records, rules, schedule, uidp
from reconciler.emulator.calls.context import Context
from reconciler.emulator.errors import ApiError, Code, invalid, not_found
from reconciler.emulator.messages import REPO
from reconciler.emulator.protojson import emit
from reconciler.emulator.records import Json, Repo
from reconciler.emulator.settings import Settings

KEPT_BY_SERVER = ("id", "name", "createTime")
UPDATED = "updateTime"  # which only v2 shows
_NAME = re.compile(r"[a-z0-9 ._-]+", re.ASCII)


def list_repos(context: Context) -> Json:
    """Answer the repositories that the filters ask for, whole and in one piece: v1 has no pages."""
    return {"items": [emit(REPO, repo.message) for repo in found(context)]}


def found(context: Context) -> list[Repo]:
    """Return the repositories that the filters of either generation ask for."""
    chosen = context.selection("repo.list")
    name = context.query.text("name")
    with context.state.reading() as db:
        return [
            repo
            for repo in records.repos_as_of(db, context.seen)
            if chosen.matches(repo.id) and name in ("", repo.name)
        ]


def update_repo(context: Context) -> Json:
    """Replace a repository by the body: what the body leaves out becomes unset."""
    identifier = context.uidp()
    context.caller.demand("repo.update", identifier)
    message: Json = protojson.accept(REPO, protojson.parse(context.body), "repo")
    rules.check_overlay(message.get("customOverlay", {}), context.now)
    with context.state.writing() as db:
        repo = records.repo(db, identifier)
        if repo is None:
            raise not_found(f"repository {identifier} not found")
        schedule.advance(db, context.now, context.settings)
        return _emitted(put(db, repo, message, context.now, context.settings))


def create_repo(context: Context) -> Json:
    """Create a repository in the group of the path; without preventExisting an existing one is replaced."""
    parent = context.uidp()
    context.caller.demand("repo.create", parent)
    message: Json = protojson.accept(REPO, protojson.parse(context.body), "repo")
    name = message.get("name", "")
    check_name(name)
    rules.check_overlay(message.get("customOverlay", {}), context.now)
    with context.state.writing() as db:
        if records.group(db, parent) is None:
            raise not_found(f"group {parent} not found")
        schedule.advance(db, context.now, context.settings)
        existing = records.repo_in(db, parent, name)
        if existing is None:
            return _emitted(add(db, parent, message, context))
        if context.query.flag("preventExisting"):
            raise ApiError(Code.ALREADY_EXISTS, f'repository "{name}" already exists')
        return _emitted(put(db, existing, message, context.now, context.settings))


def put(db: sqlite3.Connection, repo: Repo, message: Json, now: int, settings: Settings) -> Repo:
    """Replace a repository's message (stored form) and plan builds when its overlay means something else now."""
    kept = {key: repo.message[key] for key in KEPT_BY_SERVER if key in repo.message}
    given = {key: value for key, value in message.items() if key not in KEPT_BY_SERVER}
    after = replace(repo, message={**kept, **given, UPDATED: instants.to_text(now)})
    records.remember(db, repo.id, repo.message, now)
    records.save(db, after)
    if records.meaning(after.overlay) != records.meaning(repo.overlay):
        schedule.enqueue(db, after, repo.overlay, now, settings)
    return after


def check_name(name: str) -> None:
    """Refuse a name that no repository can have."""
    if _NAME.fullmatch(name) is None:
        raise invalid(f'name: "{name}" is not a valid repository name')


def add(db: sqlite3.Connection, parent: str, message: Json, context: Context) -> Repo:
    """Insert a new repository; what its source knows and the body does not say is filled in."""
    source = message.get("sync_config", {}).get("source", "")
    image = images.by_source().get(source)
    if source and image is None:
        raise invalid(f"sync_config.source: {source} is not a repository of the catalogue")
    filled = {"activeTags": list(image.tags), "catalogTier": image.tier} if image else {}
    name = message["name"]
    identifier = uidp.of_child(parent, "repo", name)
    kept = {"id": identifier, "name": name, "createTime": instants.to_text(context.now)}
    repo = Repo(id=identifier, parent=parent, name=name, sequence=0, message={**filled, **message, **kept})
    records.remember(db, identifier, None, context.now)
    schedule.enqueue(db, repo, repo.overlay, context.now, replace(context.settings, automatic_rebuilds=False))
    return repo


def _emitted(repo: Repo) -> Json:
    answer: Json = emit(REPO, repo.message)
    return answer
