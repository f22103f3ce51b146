"""Overlays and bindings (v2beta1): lists, single reads, creation, masked updates, deletion.

What a binding does to the tags of its repository is not built: the rules are those of the calls alone.
"""

import itertools
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

from reconciler.emulator import overlay_rules, protojson, store, uidp
from reconciler.emulator.errors import CODE_OF_STATUS, RpcCode, RpcError, invalid, not_found
from reconciler.emulator.messages import BINDING, CREATE_BINDING, NAMED_OVERLAY
from reconciler.emulator.protojson import Message, emit
from reconciler.emulator.query import ApiRequest, Orders, paginate
from reconciler.emulator.store import Json

LIST, EDIT = "registry.overlays.list", "registry.overlays.edit"
CONFLICT = "OVERLAY_BINDING_CONFLICT"
EXCLUSIVE = "repository custom overlay and overlay binding not allowed"
NOT_ENROLLED = (
    "this organization is not enrolled in Custom Assembly Overlays. Contact your Chainguard account team to enroll."
)
_NAME = re.compile(r"[a-z0-9 ._-]+", re.ASCII)
_SETTABLE = (
    *(f"contents.{name}" for name in ("packages", "runtime_repositories", "runtime_keyring")),
    *("environment", "annotations", "accounts", "certificates.additional"),
    *("guarded_entrypoint", "command_override", "preflight", "fail_mode"),
)
_DENIED = 403
_ORDERS: Orders = {"uid": lambda message: str(message["id"])}


def page_overlays(request: ApiRequest) -> Json:
    """Answer a page of the overlays that the filters ask for."""
    return _page(request, "overlays", NAMED_OVERLAY, request.query.text("name"))


def page_bindings(request: ApiRequest) -> Json:
    """Answer a page of the bindings that the filters ask for, each with its overlay."""
    return _page(request, "overlayBindings", BINDING, request.query.text("overlay"))


def get_overlay(request: ApiRequest) -> Json:
    """Answer one overlay."""
    return _get(request, "overlays", NAMED_OVERLAY)


def get_binding(request: ApiRequest) -> Json:
    """Answer one binding."""
    return _get(request, "bindings", BINDING)


def create_overlay(request: ApiRequest) -> Json:
    """Create an overlay in the group of the path."""
    parent = _editable(request)
    given: Json = protojson.accept(NAMED_OVERLAY, protojson.parse(request.body), "overlay")
    with request.state.writing() as db:
        if store.group(db, parent) is None:
            raise not_found(f"group {parent} not found")
        return _shown(NAMED_OVERLAY, add_overlay(db, parent, given, request.now, guarded=_guarded(request)))


def add_overlay(db: sqlite3.Connection, parent: str, message: Json, now: int, *, guarded: bool = True) -> Json:
    """Insert an overlay with the name and the configuration of a message, or refuse it."""
    name = message.get("name", "")
    _check_name(db, parent, name)
    _check_config(message.get("config"), now, guarded=guarded)
    # One that had the name and was renamed keeps its id.
    candidates = (uidp.of_child(parent, "overlay", name, number) for number in itertools.count())
    identifier = next(each for each in candidates if store.record(db, "overlays", each) is None)
    made = {"id": identifier, "name": name, "config": message["config"]}
    store.put_record(db, "overlays", made)
    return made


def update_overlay(request: ApiRequest) -> Json:
    """Change the name or the whole configuration of an overlay, as the mask says."""
    identifier = _editable(request)
    paths, patch = _masked(request, NAMED_OVERLAY, ("name", "config"))
    with request.state.writing() as db:
        message = _found(db, "overlays", identifier)
        changed = {**message, **{path: patch[path] for path in paths if path in patch}}
        if changed["name"] != message["name"]:
            _check_name(db, uidp.parent(identifier), changed["name"])
        config = patch.get("config") if "config" in paths else message["config"]
        _check_config(config, request.now, guarded=_guarded(request))
        store.put_record(db, "overlays", changed)
        for binding in _bindings(db):
            if binding["overlay"] == identifier:
                _check_conflicts(db, binding, updated=True)
        return _shown(NAMED_OVERLAY, changed)


def delete_overlay(request: ApiRequest) -> Json:
    """Delete an overlay that is bound to nothing."""
    identifier = _editable(request)
    with request.state.writing() as db:
        _found(db, "overlays", identifier)
        bound = [each["id"] for each in _bindings(db) if each["overlay"] == identifier]
        if bound:
            raise _precondition(f"overlay is still bound: {', '.join(bound)}")
        store.delete_record(db, "overlays", identifier)
    return {}


def create_binding(request: ApiRequest) -> Json:
    """Bind an overlay to the repository of the path, or to every repository of the group."""
    parent = _editable(request)
    given: Json = protojson.accept(CREATE_BINDING, protojson.parse(request.body), "overlay_binding")
    with request.state.writing() as db:
        made = add_binding(db, parent, given)
        return _emitted_binding(db, made)


def add_binding(db: sqlite3.Connection, parent: str, given: Json) -> Json:
    """Insert a binding of a body's overlay (an id, or a name of the organization), or refuse it."""
    for_all = bool(given.get("allRepos"))
    if (store.group(db, parent) if for_all else store.repo(db, parent)) is None:
        raise not_found(f"{'group' if for_all else 'repository'} {parent} not found")
    overlay = _resolved(db, parent, given.get("overlay", ""))
    repo = None if for_all else store.repo(db, parent)
    if repo is not None and store.meaning(repo.overlay):
        raise RpcError(RpcCode.FAILED_PRECONDITION, EXCLUSIVE)
    if any(each["overlay"] == overlay["id"] and uidp.parent(each["id"]) == parent for each in _bindings(db)):
        raise RpcError(RpcCode.ALREADY_EXISTS, f"overlay {overlay['id']} is already bound to {parent}")
    made = {
        "id": uidp.of_child(parent, "binding", overlay["id"]),
        "repo": "" if for_all else parent,
        "allRepos": for_all,
        "overlay": overlay["id"],
        "tagSelector": _checked_selector(given.get("tagSelector", {})),
    }
    _check_conflicts(db, made)
    store.put_record(db, "bindings", made)
    return made


def update_binding(request: ApiRequest) -> Json:
    """Change the selector of a binding, which is all that can change."""
    identifier = _editable(request)
    _, patch = _masked(request, BINDING, ("tagSelector",))
    with request.state.writing() as db:
        message = _found(db, "bindings", identifier)
        changed = {**message, "tagSelector": _checked_selector(patch.get("tagSelector", {}))}
        _check_conflicts(db, changed)
        store.put_record(db, "bindings", changed)
        return _emitted_binding(db, changed)


def delete_binding(request: ApiRequest) -> Json:
    """Detach an overlay."""
    identifier = _editable(request)
    with request.state.writing() as db:
        _found(db, "bindings", identifier)
        store.delete_record(db, "bindings", identifier)
    return {}


def check_repository(db: sqlite3.Connection, identifier: str, overlay: Json | None) -> None:
    """Refuse a standard overlay of a repository that has bindings of its own."""
    if store.meaning(overlay) and any(each["repo"] == identifier for each in _bindings(db)):
        raise RpcError(RpcCode.FAILED_PRECONDITION, EXCLUSIVE)


def _page(request: ApiRequest, key: str, kind: Message, wanted: str) -> Json:
    _check_enrolled(request, writes=False)
    chosen = request.selection(LIST)
    with request.state.reading() as db:
        table, field = ("overlays", "name") if key == "overlays" else ("bindings", "overlay")
        found = [
            each for each in store.records(db, table) if chosen.matches(each["id"]) and wanted in ("", each[field])
        ]
        page = paginate(request.query, found, _ORDERS, request.now)
        items = [_emitted_binding(db, each) if kind is BINDING else _shown(kind, each) for each in page.items]
    return {key: items, **page.extra}


def _get(request: ApiRequest, table: str, kind: Message) -> Json:
    _check_enrolled(request, writes=False)
    identifier = request.uidp()
    request.caller.demand(LIST, identifier)
    with request.state.reading() as db:
        message = _found(db, table, identifier)
        return _emitted_binding(db, message) if kind is BINDING else _shown(kind, message)


def _editable(request: ApiRequest) -> str:
    """Return the id of the path of a write that the organization and the caller may make."""
    identifier = request.uidp()
    _check_enrolled(request, writes=True)
    request.caller.demand(EDIT, identifier)
    return identifier


def _check_enrolled(request: ApiRequest, *, writes: bool) -> None:
    state = request.settings.overlays
    if state != "on":
        raise RpcError(CODE_OF_STATUS[state], "the caller may not use overlays" if state == _DENIED else "Not Found")
    if writes and not request.enrolled("overlays"):
        raise _precondition(NOT_ENROLLED)


def _guarded(request: ApiRequest) -> bool:
    return request.enrolled("guarded_entrypoint")


def _found(db: sqlite3.Connection, table: str, identifier: str) -> Json:
    message = store.record(db, table, identifier)
    if message is None:
        raise not_found(f"{table.removesuffix('s')} {identifier} not found")
    return message


def _bindings(db: sqlite3.Connection) -> list[Json]:
    return store.records(db, "bindings")


def _resolved(db: sqlite3.Connection, scope: str, written: str) -> Json:
    """Return the overlay of an id, or of a name in the organization."""
    for overlay in store.records(db, "overlays"):
        if written == overlay["id"] or (written == overlay["name"] and uidp.root(overlay["id"]) == uidp.root(scope)):
            return overlay
    raise not_found(f'overlay "{written}" not found')


def _masked(request: ApiRequest, kind: Message, allowed: tuple[str, ...]) -> tuple[tuple[str, ...], Json]:
    """Return the fields that a patch changes and its body; a path below a field is refused."""
    body = protojson.parse(request.body)
    patch: Json = protojson.accept(kind, body, "body")
    mask = request.query.text("updateMask")
    paths = protojson.mask_paths(kind, mask) if mask else protojson.body_paths(kind, body)
    for path in paths:
        if len(path) > 1 or path[0] not in allowed:
            raise invalid(f'update_mask: "{".".join(path)}" cannot be updated')
    return tuple(path[0] for path in paths), patch


def _check_name(db: sqlite3.Connection, parent: str, name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise invalid(f'name: "{name}" is not a valid overlay name')
    if any(each["name"] == name and uidp.parent(each["id"]) == parent for each in store.records(db, "overlays")):
        raise RpcError(RpcCode.ALREADY_EXISTS, f'overlay "{name}" already exists')


def _check_config(config: Json | None, now: int, *, guarded: bool) -> None:
    """Refuse a configuration that is empty, or that the API does not take in an overlay."""
    if not store.meaning(config):
        raise invalid("Invalid argument: config: config must set at least one customization field")
    assert config is not None
    if config.get("certificates", {}).get("providers"):
        raise invalid(f"Invalid argument: config: config may set only {', '.join(_SETTABLE[:-1])}, and {_SETTABLE[-1]}")
    for field, items in _named(config):
        names = [name for name, _ in items]
        if len(names) != len(set(names)):
            raise invalid(f"Invalid argument: config: {field}: names must be unique")
    try:
        overlay_rules.check_overlay(config, now, guarded=guarded, prefix="config")
    except RpcError as error:
        if error.rpc_code is RpcCode.PERMISSION_DENIED:
            raise
        raise invalid(f"Invalid argument: config: {error.message}") from error


def _checked_selector(selector: Json) -> Json:
    kind, tags, variant = selector.get("kind"), selector.get("tags", []), selector.get("variantType")
    wanted = {"ALL": (False, False), "EXACT": (True, False), "VARIANT": (False, True)}.get(kind or "")
    if wanted is None:
        raise invalid("tag_selector.kind: must be set")
    if (bool(tags), bool(variant)) != wanted:
        raise invalid(f"tag_selector: tags and variant_type do not fit KIND_{kind}")
    return selector


def _check_conflicts(db: sqlite3.Connection, binding: Json, *, updated: bool = False) -> None:
    """Refuse a binding that sets something to another value than one of its kind in its scope for the same tag.

    `updated` says that the binding was there before, and its overlay is what has changed.
    """
    ours = _values(_found(db, "overlays", binding["overlay"])["config"])
    for other in _bindings(db):
        same = other["id"] != binding["id"] and uidp.parent(other["id"]) == uidp.parent(binding["id"])
        if same and _co_match(binding["tagSelector"], other["tagSelector"]):
            overlay = _found(db, "overlays", other["overlay"])
            theirs = _values(overlay["config"])
            fields = sorted(field for field in ours.keys() & theirs.keys() if ours[field] != theirs[field])
            if fields:
                named = f'overlay "{overlay["name"]}"'
                where = f'binding "{other["id"]}" ({named}, selector {other["tagSelector"]["kind"]}) on'
                problem = "overlay config does not merge commutatively with co-matching binding(s)"
                if updated:
                    pair = f'binding "{binding["id"]}" and binding "{other["id"]}" ({named})'
                    where = f'{pair} on repo "{binding["repo"]}" conflict on'
                    problem = "overlay config update does not merge commutatively with co-bound overlay(s)"
                raise _precondition(f"{problem}: {where} fields [{', '.join(fields)}]", CONFLICT)


def _co_match(one: Json, other: Json) -> bool:
    if one["kind"] != other["kind"]:
        return False
    return one["kind"] != "EXACT" or not set(one["tags"]).isdisjoint(other["tags"])


def _values(config: Json) -> dict[str, Any]:
    """Return the single values of a configuration by their path: what two overlays can disagree about."""
    found: dict[str, Any] = {}
    for section in ("environment", "annotations"):
        found |= {f'{section}["{key}"]': value for key, value in config.get(section, {}).items()}
    for field, items in _named(config):
        found |= {f'{field}["{name}"]': item for name, item in items}
    run_as = config.get("accounts", {}).get("runAs")
    single = {
        "accounts.run_as": run_as,
        "command_override": config.get("commandOverride"),
        "fail_mode": config.get("failMode"),
    }
    return found | {key: value for key, value in single.items() if value is not None}


def _named(config: Json) -> Iterator[tuple[str, list[tuple[str, Json]]]]:
    """Yield each list of a configuration whose entries have names, with them."""
    lists = (
        ("accounts", "users", "userName"),
        ("accounts", "groups", "groupName"),
        ("certificates", "additional", "name"),
        ("contents", "runtimeKeyring", "name"),
    )
    for section, field, key in lists:
        items = config.get(section, {}).get(field, [])
        yield f"{section}.{protojson.snake_case(field)}", [(each.get(key, ""), each) for each in items]


def _precondition(message: str, violation: str = "") -> RpcError:
    return RpcError(RpcCode.FAILED_PRECONDITION, f"Precondition failed: {message}", violation)


def _shown(kind: Message, message: Json) -> Json:
    answer: Json = emit(kind, message)
    return answer


def _emitted_binding(db: sqlite3.Connection, message: Json) -> Json:
    return _shown(BINDING, {**message, "overlay": _found(db, "overlays", message["overlay"])})
