"""Repositories in both versions of the API: lists, single reads, replacements, masked updates, creation.

There is no deletion, by design.
"""

import re
import sqlite3
from dataclasses import replace

from reconciler.emulator import (
    apko,
    overlay_rules,
    overlay_store,
    overlays,
    protojson,
    schedule,
    store,
    timestamps,
    uidp,
)
from reconciler.emulator.errors import RpcCode, RpcError, invalid, not_found
from reconciler.emulator.messages import REPO, REPO_V2
from reconciler.emulator.protojson import emit, snake_case
from reconciler.emulator.query import ApiRequest, Orders, paginate
from reconciler.emulator.settings import EmulatorSettings
from reconciler.emulator.store import Json, Repo

KEPT_BY_SERVER = ("id", "name", "createTime")
UPDATED = "updateTime"  # which only v2 shows
UNSENT = (UPDATED, store.REFUSED)  # parts of a stored message that no client of v1 sends back
_NAME = re.compile(r"[a-z0-9 ._-]+", re.ASCII)
_ORDERS: Orders = {
    "uid": lambda message: str(message["id"]),
    "name": lambda message: str(message["name"]),
    "create_time": lambda message: timestamps.from_text(message["createTime"]),
    "update_time": lambda message: timestamps.from_text(message.get(UPDATED) or message["createTime"]),
}
# What a repository that is synced has from the one that it is synced from.
_FROM_SOURCE = ("activeTags", "aliases", "bundles", "catalogTier")
_TRIAL = 14 * timestamps.DAY


def list_repos(request: ApiRequest) -> Json:
    """Answer the repositories that the filters ask for, whole and in one piece: v1 has no pages."""
    return {"items": [_emitted(repo, request.seen) for repo in _found(request)]}


def page_repos(request: ApiRequest) -> Json:
    """Answer a page of the repositories that the filters ask for."""
    found = _found(request)
    page = paginate(request.query, [repo.message for repo in found], _ORDERS, request.now)
    return {"repos": [emit(REPO_V2, shown(message, request.seen)) for message in page.items], **page.extra}


def get_repo(request: ApiRequest) -> Json:
    """Answer one repository."""
    identifier = request.uidp()
    request.caller.demand("repo.list", identifier)
    with request.state.reading() as db:
        found = store.repos_as_of(db, request.seen, (identifier,))
        repo = next((each for each in found if each.id == identifier), None)
    if repo is None:
        raise not_found(f"repository {identifier} not found")
    return _emitted_v2(repo, request.seen)


def update_repo(request: ApiRequest) -> Json:
    """Replace a repository by the body: what the body leaves out becomes unset."""
    identifier = request.uidp()
    request.caller.demand("repo.update", identifier)
    message = protojson.accept(REPO, protojson.parse(request.body), "repo")
    _check_rules(message, request)
    with request.state.writing() as db:
        repo = store.existing_repo(db, identifier)
        return _emitted(put(db, repo, message, request.now, request.settings), request.now)


def patch_repo(request: ApiRequest) -> Json:
    """Change the fields that the mask names, or without a mask those that the body holds."""
    identifier = request.uidp()
    request.caller.demand("repo.update", identifier)
    body = protojson.parse(request.body)
    patch = protojson.accept(REPO_V2, body, "repo")
    paths = protojson.body_paths(REPO_V2, body)  # refuses what is not known, with a mask as well
    mask = request.query.text("updateMask")
    if mask:
        paths = protojson.mask_paths(REPO_V2, mask)
    with request.state.writing() as db:
        repo = store.existing_repo(db, identifier)
        before = message = shown(repo.message, request.now)
        for path in paths:
            message = protojson.apply_path(REPO_V2, message, patch, path)
        message = _resolved(message)
        _check(before, message)
        _check_rules(message, request)
        return _emitted_v2(put(db, repo, message, request.now, request.settings), request.now)


def create_repo(request: ApiRequest) -> Json:
    """Create a repository in the group of the path; without preventExisting an existing one is replaced."""
    parent = request.uidp()
    request.caller.demand("repo.create", parent)
    message = protojson.accept(REPO, protojson.parse(request.body), "repo")
    name = message.get("name", "")
    _check_name(name)
    _check_rules(message, request)
    with request.state.writing() as db:
        if store.group(db, parent) is None:
            raise not_found(f"group {parent} not found")
        schedule.advance(db, request.now, request.settings)
        existing = store.repo_in(db, parent, name)
        if existing is None:
            return _emitted(_add(db, parent, message, request), request.now)
        if request.query.flag("preventExisting"):
            raise RpcError(RpcCode.ALREADY_EXISTS, f'repository "{name}" already exists')
        return _emitted(put(db, existing, message, request.now, request.settings), request.now)


def create_repo_v2(request: ApiRequest) -> Json:
    """Create a repository in the group of the path; an existing one of its name is never touched."""
    parent = request.uidp()
    request.caller.demand("repo.create", parent)
    given = protojson.accept(REPO_V2, protojson.parse(request.body), "repo")
    written: Json = {}
    for name in REPO_V2.fields:
        written = protojson.apply_path(REPO_V2, written, given, (name,))
    message = _resolved(written)
    _check_name(message.get("name", ""))
    _check_rules(message, request)
    with request.state.writing() as db:
        if store.group(db, parent) is None:
            raise not_found(f"group {parent} not found")
        schedule.advance(db, request.now, request.settings)
        if store.repo_in(db, parent, message["name"]) is not None:
            raise RpcError(RpcCode.ALREADY_EXISTS, f'repository "{message["name"]}" already exists')
        return _emitted_v2(_add(db, parent, _from_source(message, request.now), request), request.now)


def put(db: sqlite3.Connection, repo: Repo, message: Json, now: int, settings: EmulatorSettings) -> Repo:
    """Replace a repository's message (stored form) and plan builds when its overlay means something else now."""
    overlays.check_repository(db, repo.id, message.get("customOverlay"))
    kept = {key: repo.message[key] for key in (*KEPT_BY_SERVER, store.REFUSED) if key in repo.message}
    given = {key: value for key, value in message.items() if key not in (*KEPT_BY_SERVER, *UNSENT)}
    if repo.refused and given.get("activeTags", []) == shown(repo.message, now).get("activeTags", []):
        given["activeTags"] = repo.message["activeTags"]  # those not shown are rebuilt when that is solved
    after = replace(repo, message={**kept, **given, UPDATED: timestamps.to_text(now)})
    store.remember(db, "repos", repo.id, repo.message, now)
    with schedule.rebuilding(db, (repo.id,), now, settings):
        store.save(db, after)
    return store.existing_repo(db, repo.id)


def shown(message: Json, now: int) -> Json:
    """Return a stored message as it is seen: with the time of its last update, without tags that are not rebuilt.

    Where nothing has changed since, that time is the one of its creation.
    """
    refused = message.get(store.REFUSED, {})
    seen = {UPDATED: message["createTime"], **message}
    tags = [tag for tag in seen.pop("activeTags", ()) if refused.get(tag, now + 1) > now]
    return {**seen, "activeTags": tags} if tags else seen


def _found(request: ApiRequest) -> list[Repo]:
    """Return the repositories that the filters of either version ask for."""
    chosen = request.selection("repo.list")
    name = request.query.text("name")
    with request.state.reading() as db:
        found = store.repos_as_of(db, request.seen, chosen.within)
        return [repo for repo in found if chosen.matches(repo.id) and name in ("", repo.name)]


def _check_name(name: str) -> None:
    """Refuse a name that no repository can have."""
    if _NAME.fullmatch(name) is None:
        raise invalid(f'name: "{name}" is not a valid repository name')


def _add(db: sqlite3.Connection, parent: str, message: Json, request: ApiRequest) -> Repo:
    """Insert a new repository; what its source knows and the body does not say is filled in."""
    source = message.get("sync_config", {}).get("source", "")
    image = apko.images_by_source().get(source)
    if source and image is None:
        raise invalid(f"sync_config.source: {source} is not a repository of the catalog")
    filled = {"activeTags": list(image.tags), "catalogTier": image.tier} if image else {}
    name = message["name"]
    identifier = uidp.of_child(parent, "repo", name)
    kept = {"id": identifier, "name": name, "createTime": timestamps.to_text(request.now)}
    repo = Repo(id=identifier, parent=parent, name=name, sequence=0, message={**filled, **message, **kept})
    store.remember(db, "repos", identifier, None, request.now)
    quiet = replace(request.settings, automatic_rebuilds=False)  # nothing of a new repository is under way
    before = overlay_store.of_repository(db, repo)
    return schedule.enqueue(db, repo, apko.all_tags(repo), before=before, now=request.now, settings=quiet)


def _emitted(repo: Repo, now: int) -> Json:
    return emit(REPO, shown(repo.message, now))


def _check_rules(message: Json, request: ApiRequest) -> None:
    """Refuse an overlay, of either kind, that the API does not take."""
    overlay = message.get("customOverlay", {})
    overlay_rules.check_overlay(overlay, request.now, guarded=request.enrolled("guarded_entrypoint"))
    overlay_rules.check_apko_overlay(message.get("sync_config", {}).get("apkoOverlay", ""))


def _from_source(message: Json, now: int) -> Json:
    """Return a new repository's message with what it has from its source, which the body may not say otherwise."""
    image = apko.images_by_source().get(message.get("sync_config", {}).get("source", ""))
    if image is None:
        return message
    inherited: Json = {"activeTags": list(image.tags), "catalogTier": image.tier}
    _check_inherited({**inherited, **message}, inherited)
    sync = {"expiration": timestamps.to_text(now + _TRIAL), **message["sync_config"]}
    return {"description": f"{image.title}.", **inherited, **message, "sync_config": sync}


def _resolved(message: Json) -> Json:
    """Return a message with the id of its source in the place of a name of the catalog."""
    source = message.get("sync_config", {}).get("source", "")
    name = source.partition("/")[2] if source.count("/") > 1 else source  # the host of an image reference
    known = apko.images_by_name().get(name.removeprefix("chainguard/")) if name.startswith("chainguard/") else None
    return {**message, "sync_config": {**message["sync_config"], "source": known.source}} if known else message


def _check(before: Json, after: Json) -> None:
    if after.get("name", "") != before["name"]:
        raise invalid("name: a repository cannot be renamed")
    source = after.get("sync_config", {}).get("source", "")
    if source != before.get("sync_config", {}).get("source", "") and source and source not in apko.images_by_source():
        raise invalid(f"sync_config.source: {source} is not a repository of the catalog")
    if source:
        _check_inherited(after, before)


def _check_inherited(after: Json, before: Json) -> None:
    changed = next((key for key in _FROM_SOURCE if after.get(key) != before.get(key)), None)
    if changed:
        raise invalid(f"{snake_case(changed)}: the repository has it from the one that it syncs from")


def _emitted_v2(repo: Repo, now: int) -> Json:
    return emit(REPO_V2, shown(repo.message, now))
