"""Repositories as the second generation has them: pages, single reads, masked updates. No deletion here either.

Here belongs what differs from `repos.py`; both write through it.
"""

from reconciler.emulator import images, instants, masks, paging, protojson, records, rules, schedule
from reconciler.emulator.calls import repos
from reconciler.emulator.calls.context import Context
from reconciler.emulator.errors import ApiError, Code, invalid, not_found
from reconciler.emulator.messages_v2 import REPO_V2
from reconciler.emulator.protojson import emit, snake_case
from reconciler.emulator.records import Json, Repo

_ORDERS: paging.Orders = {
    "uid": lambda message: str(message["id"]),
    "name": lambda message: str(message["name"]),
    "create_time": lambda message: instants.from_text(message["createTime"]),
    "update_time": lambda message: instants.from_text(_shown(message)["updateTime"]),
}
# What a repository that is synced has from the one that it is synced from.
_FROM_SOURCE = ("activeTags", "aliases", "bundles", "catalogTier")
_TRIAL = 14 * instants.DAY


def page_repos(context: Context) -> Json:
    """Answer a page of the repositories that the filters ask for."""
    found = repos.found(context)
    page = paging.page(context.query, [repo.message for repo in found], _ORDERS, context.now)
    return {"repos": [emit(REPO_V2, _shown(message)) for message in page.items], **page.beside}


def get_repo(context: Context) -> Json:
    """Answer one repository."""
    identifier = context.uidp()
    context.caller.demand("repo.list", identifier)
    with context.state.reading() as db:
        repo = next((each for each in records.repos_as_of(db, context.seen) if each.id == identifier), None)
    if repo is None:
        raise not_found(f"repository {identifier} not found")
    return _emitted(repo)


def patch_repo(context: Context) -> Json:
    """Change the fields that the mask names, or without a mask those that the body holds."""
    identifier = context.uidp()
    context.caller.demand("repo.update", identifier)
    body = protojson.parse(context.body)
    patch: Json = protojson.accept(REPO_V2, body, "repo")
    mask = context.query.text("updateMask")
    paths = masks.given(REPO_V2, mask) if mask else masks.of_body(REPO_V2, body)
    with context.state.writing() as db:
        repo = records.repo(db, identifier)
        if repo is None:
            raise not_found(f"repository {identifier} not found")
        message = repo.message
        for path in paths:
            message = masks.applied(REPO_V2, message, patch, path)
        message = _resolved(message)
        _check(repo.message, message)
        rules.check_overlay(message.get("customOverlay", {}), context.now)
        schedule.advance(db, context.now, context.settings)
        return _emitted(repos.put(db, repo, message, context.now, context.settings))


def create_repo(context: Context) -> Json:
    """Create a repository in the group of the path; an existing one of its name is never touched."""
    parent = context.uidp()
    context.caller.demand("repo.create", parent)
    given: Json = protojson.accept(REPO_V2, protojson.parse(context.body), "repo")
    written: Json = {}
    for name in REPO_V2.fields:
        written = masks.applied(REPO_V2, written, given, (name,))
    message = _resolved(written)
    repos.check_name(message.get("name", ""))
    rules.check_overlay(message.get("customOverlay", {}), context.now)
    with context.state.writing() as db:
        if records.group(db, parent) is None:
            raise not_found(f"group {parent} not found")
        schedule.advance(db, context.now, context.settings)
        if records.repo_in(db, parent, message["name"]) is not None:
            raise ApiError(Code.ALREADY_EXISTS, f'repository "{message["name"]}" already exists')
        return _emitted(repos.add(db, parent, _from_source(message, context.now), context))


def _from_source(message: Json, now: int) -> Json:
    """Return a new repository's message with what it has from its source, which the body may not say otherwise."""
    image = images.by_source().get(message.get("sync_config", {}).get("source", ""))
    if image is None:
        return message
    inherited: Json = {"activeTags": list(image.tags), "catalogTier": image.tier}
    _check_inherited({**inherited, **message}, inherited)
    sync = {"expiration": instants.to_text(now + _TRIAL), **message["sync_config"]}
    return {"description": f"{image.title}.", **inherited, **message, "sync_config": sync}


def _resolved(message: Json) -> Json:
    """Return a message with the id of its source in the place of a name of the catalogue."""
    source = message.get("sync_config", {}).get("source", "")
    known = images.by_name().get(source.partition("/")[2] if source.count("/") > 1 else source)
    return {**message, "sync_config": {**message["sync_config"], "source": known.source}} if known else message


def _check(before: Json, after: Json) -> None:
    if after.get("name", "") != before["name"]:
        raise invalid("name: a repository cannot be renamed")
    source = after.get("sync_config", {}).get("source", "")
    if source != before.get("sync_config", {}).get("source", "") and source and source not in images.by_source():
        raise invalid(f"sync_config.source: {source} is not a repository of the catalogue")
    if source:
        _check_inherited(after, before)


def _check_inherited(after: Json, before: Json) -> None:
    changed = next((key for key in _FROM_SOURCE if after.get(key) != before.get(key)), None)
    if changed:
        raise invalid(f"{snake_case(changed)}: the repository has it from the one that it syncs from")


def _shown(message: Json) -> Json:
    """Return a stored message with the time of its last update: of its creation where nothing has changed since."""
    return {"updateTime": message["createTime"], **message}


def _emitted(repo: Repo) -> Json:
    answer: Json = emit(REPO_V2, _shown(repo.message))
    return answer
