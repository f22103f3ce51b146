"""Overlays and bindings (v2beta1): lists, single reads, creation, masked updates, deletion.

A write that changes what a tag gets starts the builds of that tag; what it gets is the business of `overlay_store`.
"""

import re
import sqlite3
from collections.abc import Sequence

from reconciler.emulator import overlay_rules, overlay_store, protojson, schedule, store, uidp
from reconciler.emulator.effects import LateConflicts
from reconciler.emulator.errors import CODE_OF_STATUS, RpcCode, RpcError, invalid, not_found
from reconciler.emulator.messages import BINDING, CREATE_BINDING, NAMED_OVERLAY
from reconciler.emulator.overlay_store import BoundOverlay, Table
from reconciler.emulator.protojson import Message, emit
from reconciler.emulator.query import ApiRequest, Orders, paginate
from reconciler.emulator.store import Json

LIST, EDIT = "registry.overlays.list", "registry.overlays.edit"
CONFLICT = "OVERLAY_BINDING_CONFLICT"
EXCLUSIVE = "repository custom overlay and overlay binding not allowed"
NOT_ENROLLED = (
    "this organization is not enrolled in Custom Assembly Overlays. Contact your Chainguard account team to enroll."
)
UNSEEN = "overlay config update conflicts with a binding outside the caller's view"
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
    return _page(request, "bindings", BINDING, request.query.text("overlay"))


def get_overlay(request: ApiRequest) -> Json:
    """Answer one overlay."""
    return _get(request, "overlays", NAMED_OVERLAY)


def get_binding(request: ApiRequest) -> Json:
    """Answer one binding."""
    return _get(request, "bindings", BINDING)


def create_overlay(request: ApiRequest) -> Json:
    """Create an overlay in the group of the path."""
    parent = _editable(request)
    given = protojson.accept(NAMED_OVERLAY, protojson.parse(request.body), "overlay")
    with request.state.writing() as db:
        if store.group(db, parent) is None:
            raise not_found(f"group {parent} not found")
        return emit(NAMED_OVERLAY, add_overlay(db, parent, given, request.now, guarded=_guarded(request)))


def add_overlay(db: sqlite3.Connection, parent: str, message: Json, now: int, *, guarded: bool = True) -> Json:
    """Insert an overlay with the name and the configuration of a message, or refuse it."""
    name = message.get("name", "")
    _check_name(db, parent, name)
    _check_config(message.get("config"), now, guarded=guarded)
    made = {"id": overlay_store.new_id(db, parent, "overlay", name), "name": name, "config": message["config"]}
    overlay_store.put_overlay(db, made, now)
    return made


def set_overlay(db: sqlite3.Connection, root: str, name: str, config: Json | None, now: int) -> Json:
    """Return the overlay of a name in an organization, made or given a configuration first; for others' edits."""
    found = overlay_store.named(db, root, name)
    if not found:
        return add_overlay(db, root, {"name": name, "config": config or {"contents": {"packages": ["curl"]}}}, now)
    changed = {**found[0], "config": config or found[0]["config"]}
    overlay_store.put_overlay(db, changed, now)
    return changed


def set_binding(db: sqlite3.Connection, parent: str, overlay: str, selector: Json | None, now: int) -> None:
    """Bind an overlay, change its selector or (None) detach it; for others' edits."""
    there = next((each for each in overlay_store.bindings_of(db, overlay) if uidp.parent(each["id"]) == parent), None)
    if there is None and selector is not None:
        for_all = store.group(db, parent) is not None
        add_binding(db, parent, {"overlay": overlay, "tagSelector": selector, "allRepos": for_all}, now)
    elif there is not None and selector is not None:
        overlay_store.put_binding(db, {**there, "tagSelector": selector}, now)
    elif there is not None:
        overlay_store.delete(db, "bindings", there["id"], now)


def located(db: sqlite3.Connection, to: str) -> str:
    """Return the id of a repository, or of a group, whose path ends in a slash; LookupError when there is none."""
    if to.endswith("/"):
        group = uidp.of_path(to.rstrip("/"))
        found = group if store.group(db, group) else ""
    else:
        repo = store.locate(db, to)
        found = repo.id if repo else ""
    if not found:
        raise LookupError(f"nothing is named {to!r}")
    return found


def selector(tags: str | list[str]) -> Json:
    """Return the selector (stored form) of `all` tags, of `dev`, or of a list of exact ones."""
    if isinstance(tags, list):
        return {"kind": "EXACT", "tags": tags}
    return {"kind": "ALL"} if tags == "all" else {"kind": "VARIANT", "variantType": tags.upper()}


def update_overlay(request: ApiRequest) -> Json:
    """Change the name or the whole configuration of an overlay, as the mask says."""
    identifier = _editable(request)
    paths, patch = _masked(request, NAMED_OVERLAY, ("name", "config"))
    with request.state.writing() as db:
        message = _found(db, "overlays", identifier)
        changed = {**message, **{path: patch.get(path) for path in paths}}
        if changed["name"] != message["name"]:
            _check_name(db, uidp.parent(identifier), changed["name"] or "")
        _check_config(changed["config"], request.now, guarded=_guarded(request))
        bindings = overlay_store.bindings_of(db, identifier)
        # Bindings refer to an overlay by its id: a new name starts nothing.
        scopes = [uidp.parent(each["id"]) for each in bindings] if "config" in paths else []
        with schedule.rebuilding(db, scopes, request.now, request.settings):
            overlay_store.put_overlay(db, changed, request.now)
        if not _late(request):
            _check_update(db, bindings, request)
        return emit(NAMED_OVERLAY, changed)


def delete_overlay(request: ApiRequest) -> Json:
    """Delete an overlay that is bound to nothing."""
    identifier = _editable(request)
    with request.state.writing() as db:
        _found(db, "overlays", identifier)
        bound = [each["id"] for each in overlay_store.bindings_of(db, identifier)]
        if bound:
            raise _precondition(f"overlay is still bound: {', '.join(bound)}")
        overlay_store.delete(db, "overlays", identifier, request.now)
    return {}


def create_binding(request: ApiRequest) -> Json:
    """Bind an overlay to the repository of the path, or to every repository of the group."""
    parent = _editable(request)
    given = protojson.accept(CREATE_BINDING, protojson.parse(request.body), "overlay_binding")
    with (
        request.state.writing() as db,
        schedule.rebuilding(db, (parent,), request.now, request.settings),
    ):
        return _emitted(db, BINDING, [add_binding(db, parent, given, request.now, late=_late(request))], request.now)[0]


def add_binding(db: sqlite3.Connection, parent: str, given: Json, now: int, *, late: bool = False) -> Json:
    """Insert a binding of a body's overlay (an id, or a name of the organization), or refuse it.

    `late` leaves conflicts with other bindings for the builds to find. The caller sees to the builds.
    """
    for_all = bool(given.get("allRepos"))
    if (store.group(db, parent) if for_all else store.repo(db, parent)) is None:
        raise not_found(f"{'group' if for_all else 'repository'} {parent} not found")
    overlay = _resolved(db, parent, given.get("overlay", ""))
    repo = None if for_all else store.repo(db, parent)
    if repo is not None and store.meaning(repo.overlay):
        raise RpcError(RpcCode.FAILED_PRECONDITION, EXCLUSIVE)
    if any(uidp.parent(each["id"]) == parent for each in overlay_store.bindings_of(db, overlay["id"])):
        raise RpcError(RpcCode.ALREADY_EXISTS, f"overlay {overlay['id']} is already bound to {parent}")
    made = {
        "id": overlay_store.new_id(db, parent, "binding", overlay["id"]),
        "repo": "" if for_all else parent,
        "allRepos": for_all,
        "overlay": overlay["id"],
        "tagSelector": _checked_selector(given.get("tagSelector", {})),
    }
    overlay_store.put_binding(db, made, now)
    if not late:
        _check_binding(db, made)
    return made


def update_binding(request: ApiRequest) -> Json:
    """Change the selector of a binding, which is all that can change."""
    identifier = _editable(request)
    _, patch = _masked(request, BINDING, ("tagSelector",))
    with (
        request.state.writing() as db,
        schedule.rebuilding(db, (uidp.parent(identifier),), request.now, request.settings),
    ):
        message = _found(db, "bindings", identifier)
        changed = {**message, "tagSelector": _checked_selector(patch.get("tagSelector", {}))}
        overlay_store.put_binding(db, changed, request.now)
        if not _late(request):
            _check_binding(db, changed)
        return _emitted(db, BINDING, [changed], request.now)[0]


def delete_binding(request: ApiRequest) -> Json:
    """Detach an overlay."""
    identifier = _editable(request)
    with (
        request.state.writing() as db,
        schedule.rebuilding(db, (uidp.parent(identifier),), request.now, request.settings),
    ):
        _found(db, "bindings", identifier)
        overlay_store.delete(db, "bindings", identifier, request.now)
    return {}


def check_repository(db: sqlite3.Connection, identifier: str, overlay: Json | None) -> None:
    """Refuse a standard overlay of a repository that has bindings of its own."""
    if store.meaning(overlay) and overlay_store.bound(db, (identifier,)):
        raise RpcError(RpcCode.FAILED_PRECONDITION, EXCLUSIVE)


def _page(request: ApiRequest, table: Table, kind: Message, wanted: str) -> Json:
    _check_enrolled(request, writes=False)
    chosen = request.selection(LIST)
    field = "name" if table == "overlays" else "overlay"
    with request.state.reading() as db:
        found = overlay_store.records_as_of(db, table, request.seen).values()
        asked = [each for each in found if chosen.matches(each["id"]) and wanted in ("", each[field])]
        page = paginate(request.query, asked, _ORDERS, request.now)
        items = _emitted(db, kind, page.items, request.seen)
    return {"overlays" if table == "overlays" else "overlayBindings": items, **page.extra}


def _get(request: ApiRequest, table: Table, kind: Message) -> Json:
    _check_enrolled(request, writes=False)
    identifier = request.uidp()
    request.caller.demand(LIST, identifier)
    with request.state.reading() as db:
        message = overlay_store.record_as_of(db, table, identifier, request.seen)
        if message is None:
            raise not_found(f"{table.removesuffix('s')} {identifier} not found")
        return _emitted(db, kind, [message], request.seen)[0]


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


def _found(db: sqlite3.Connection, table: Table, identifier: str) -> Json:
    message = overlay_store.record(db, table, identifier)
    if message is None:
        raise not_found(f"{table.removesuffix('s')} {identifier} not found")
    return message


def _resolved(db: sqlite3.Connection, scope: str, written: str) -> Json:
    """Return the overlay of an id, or of a name, in the organization."""
    root = uidp.root(scope)
    by_id = overlay_store.record(db, "overlays", written)
    found = [by_id] if by_id and uidp.root(written) == root else overlay_store.named(db, root, written)
    if not found:
        raise not_found(f'overlay "{written}" not found')
    return found[0]


def _masked(request: ApiRequest, kind: Message, allowed: tuple[str, ...]) -> tuple[tuple[str, ...], Json]:
    """Return the fields that a patch changes and its body; a path below a field is refused."""
    body = protojson.parse(request.body)
    patch = protojson.accept(kind, body, "body")
    mask = request.query.text("updateMask")
    paths = protojson.mask_paths(kind, mask) if mask else protojson.body_paths(kind, body)
    for path in paths:
        if len(path) > 1 or path[0] not in allowed:
            raise invalid(f'update_mask: "{".".join(path)}" cannot be updated')
    return tuple(path[0] for path in paths), patch


def _check_name(db: sqlite3.Connection, parent: str, name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise invalid(f'name: "{name}" is not a valid overlay name')
    if any(uidp.parent(each["id"]) == parent for each in overlay_store.named(db, uidp.root(parent), name)):
        raise RpcError(RpcCode.ALREADY_EXISTS, f'overlay "{name}" already exists')


def _check_config(config: Json | None, now: int, *, guarded: bool) -> None:
    """Refuse a configuration that is empty, or that the API does not take in an overlay."""
    if not store.meaning(config):
        raise invalid("Invalid argument: config: config must set at least one customization field")
    assert config is not None
    if config.get("certificates", {}).get("providers"):
        raise invalid(f"Invalid argument: config: config may set only {', '.join(_SETTABLE[:-1])}, and {_SETTABLE[-1]}")
    for field, items in overlay_store.named_entries(config):
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


def _late(request: ApiRequest) -> bool:
    """Return whether conflicts between bindings are left for the builds to find."""
    return any(isinstance(effect, LateConflicts) for effect in request.effects)


def _conflicts(db: sqlite3.Connection, binding: Json) -> list[tuple[BoundOverlay, str]]:
    """Return the bindings of a binding's kind and scope that set something else for the same tag, with the fields."""
    neighbors = overlay_store.in_scope(db, uidp.parent(binding["id"]))
    ours = next(each for each in neighbors if each.binding == binding["id"])
    found = []
    for other in neighbors:
        if other is not ours and overlay_store.co_match(ours.selector, other.selector):
            fields = overlay_store.differing(ours.config, other.config)
            found.extend([(other, ", ".join(fields))] if fields else [])
    return found


def _check_binding(db: sqlite3.Connection, binding: Json) -> None:
    """Refuse a binding, which is written already, that does not go together with others."""
    found = [f"{overlay_store.described(other)} on fields [{fields}]" for other, fields in _conflicts(db, binding)]
    if found:
        raise _precondition(f"{overlay_store.DISAGREEMENT}: {', '.join(found)}", CONFLICT)


def _check_update(db: sqlite3.Connection, bindings: list[Json], request: ApiRequest) -> None:
    """Refuse the new configuration of an overlay if it conflicts with other overlays bound to the same tags."""
    found = []
    for binding in bindings:
        for other, fields in _conflicts(db, binding):
            if not request.caller.may(LIST, other.binding):
                raise _precondition(UNSEEN, CONFLICT)
            place = f'repo "{binding["repo"]}"' if binding["repo"] else f'all repos of "{uidp.parent(binding["id"])}"'
            pair = f'binding "{binding["id"]}" and binding "{other.binding}" (overlay "{other.name}")'
            found.append(f"{pair} on {place} conflict on fields [{fields}]")
    if found:
        problem = "overlay config update does not merge commutatively with co-bound overlay(s)"
        raise _precondition(f"{problem}: {', '.join(found)}", CONFLICT)


def _precondition(message: str, violation: str = "") -> RpcError:
    return RpcError(RpcCode.FAILED_PRECONDITION, f"Precondition failed: {message}", violation)


def _emitted(db: sqlite3.Connection, kind: Message, messages: Sequence[Json], seen: int) -> list[Json]:
    """Return overlays or bindings as the API shows them, bindings with the overlay that they had at that instant."""
    if kind is NAMED_OVERLAY:
        return [emit(kind, each) for each in messages]
    ids = {each["overlay"] for each in messages}
    named = {identifier: overlay_store.record_as_of(db, "overlays", identifier, seen) for identifier in ids}
    return [emit(kind, {**each, "overlay": named[each["overlay"]]}) for each in messages]
