"""Identity and groups: exchanging a token, who the caller is, organizations and their folders."""

from typing import Any

from reconciler.emulator import auth, store, timestamps, uidp
from reconciler.emulator.auth import Claims
from reconciler.emulator.errors import RpcCode, RpcError, invalid
from reconciler.emulator.messages import GROUP, GROUP_V2, RAW_TOKEN, WHO_AM_I
from reconciler.emulator.protojson import emit
from reconciler.emulator.query import ApiRequest, Orders, paginate
from reconciler.emulator.settings import OWNER, VIEWER
from reconciler.emulator.store import Json


def exchange(request: ApiRequest) -> Json:
    """Answer a token for the asked identity; the caller's own token must be allowed to assume it."""
    audience = request.query.texts("aud")
    if not audience:
        raise invalid("Audience must be specified")
    identity = request.query.text("identity")
    if not identity:
        raise RpcError(RpcCode.UNAUTHENTICATED, "the token belongs to no identity; name one to assume")
    uidp.checked(identity, "identity")
    allowed = request.settings.identities
    if allowed is not None and identity not in allowed:
        raise RpcError(RpcCode.PERMISSION_DENIED, f"the token may not assume identity {identity}")
    expires = request.now + round(request.settings.token_seconds * timestamps.SECOND)
    expires -= expires % timestamps.SECOND  # a JWT counts whole seconds
    token = auth.issue(identity, audience, request.now, expires)
    answer: Json = emit(
        RAW_TOKEN,
        {"token": token, "refreshToken": uidp.digest("refresh", token), "expiry": timestamps.to_text(expires)},
    )
    return answer


HOUR = 3600 * timestamps.SECOND
_ROLES = {OWNER: "owner", VIEWER: "viewer"}


def who_am_i(request: ApiRequest) -> Json:
    """Answer the identity behind the token, and what it may do by group."""
    with request.state.reading() as db:
        groups = {group["id"]: group for group in store.groups(db)}
    claims = request.caller.claims or _assumed(request)
    identity: Json = {
        "issuer": claims.issuer,
        "subject": claims.subject,
        "audience": list(claims.audience),
        "issuedAt": timestamps.to_text(claims.issued),
        "expiry": timestamps.to_text(claims.expires),
        "capabilities": [_capability(groups[each], held) for each, held in _held(request, groups) if each in groups],
    }
    answer: Json = emit(WHO_AM_I, identity)
    return answer


def _assumed(request: ApiRequest) -> Claims:
    """Return the claims of a token that is not a JWT: half of its hour has always passed."""
    return Claims(
        issuer=auth.ISSUER,
        subject=uidp.of_child(uidp.of_root("identities"), request.caller.token),
        audience=(auth.AUDIENCE,),
        issued=request.now - HOUR // 2,
        expires=request.now + HOUR // 2,
    )


def _held(request: ApiRequest, groups: Json) -> list[tuple[str, tuple[str, ...]]]:
    """Return the capabilities by group, one entry for each group that something is granted on."""
    if request.caller.grants is not None:
        return list(request.caller.grants.items())
    return [(each, request.caller.capabilities(each)) for each in groups if "/" not in each]


def _capability(group: Json, held: tuple[str, ...]) -> Json:
    """Return an entry with the role, or with the capabilities themselves where no role has exactly these."""
    name = _ROLES.get(tuple(sorted(held)))
    if name is None:
        return {"group": group, "capabilities": sorted(held)}
    role = {"id": uidp.of_child(uidp.of_root("roles"), name), "name": name, "capabilities": sorted(held)}
    return {"group": group, "role": role}


# v1 does not tell when a group was made, and nothing here makes any.
_FOUNDED = {"createTime": "2022-08-30T16:20:05Z", "updateTime": "2022-08-30T16:20:05Z"}
_ORDERS: Orders = {
    "uid": lambda group: str(group["id"]),
    "name": lambda group: str(group["name"]),
    "create_time": lambda _: 0,
    "update_time": lambda _: 0,
}


def list_groups(request: ApiRequest) -> Json:
    """Answer the groups that the filters ask for; a name is not unique."""
    return {"items": [emit(GROUP, group) for group in _found(request)]}


def page_groups(request: ApiRequest) -> Json:
    """Answer a page of the groups that the filters ask for."""
    found = paginate(request.query, _found(request), _ORDERS, request.now)
    return {"groups": [emit(GROUP_V2, {**_FOUNDED, **group}) for group in found.items], **found.extra}


def _found(request: ApiRequest) -> list[Json]:
    chosen = request.selection("groups.list")
    name = request.query.text("name")
    with request.state.reading() as db:
        groups = {group["id"]: group for group in store.groups(db)}
    found = (group for group in groups.values() if chosen.matches(group["id"]))
    return [{**group, **_inherited(groups[uidp.root(group["id"])])} for group in found if name in ("", group["name"])]


def _inherited(root: Json) -> dict[str, Any]:
    """Return what a folder has from its organization."""
    return {key: root[key] for key in ("kind", "status") if key in root}
