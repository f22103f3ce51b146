"""Identity: tokens and whose they are, exchanging one, what the caller may do, organizations and their folders.

Unless the settings say otherwise, a caller owns the organization `example.com` and is a guest anywhere else. Issued
tokens are JWTs; their signature is a digest with no secret in it: it tells them from others and protects nothing.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from reconciler.emulator import store, timestamps, uidp
from reconciler.emulator.errors import RpcCode, RpcError, invalid
from reconciler.emulator.messages import GROUP, GROUP_V2, RAW_TOKEN, WHO_AM_I
from reconciler.emulator.protojson import emit
from reconciler.emulator.query import ApiRequest, Caller, Claims, Orders, paginate
from reconciler.emulator.settings import OWNER, VIEWER, EmulatorSettings
from reconciler.emulator.store import Json

ISSUER = "https://issuer.enforce.dev"
AUDIENCE = "https://console-api.enforce.dev"
_HEADER = {"alg": "RS256", "typ": "JWT", "kid": "emulator"}
_LATEST = 253_402_300_799  # the last second of the year 9999, beyond which there is no timestamp


def issue(subject: str, audience: tuple[str, ...], now: int, expires: int) -> str:
    """Return a token for an identity, whole seconds of life."""
    payload = {
        "iss": ISSUER,
        "sub": subject,
        "aud": list(audience),
        "iat": now // timestamps.SECOND,
        "exp": expires // timestamps.SECOND,
    }
    signed = f"{_encode(_HEADER)}.{_encode(payload)}"
    return f"{signed}.{_signature(signed)}"


def is_issued(token: str) -> bool:
    """Return whether the emulator made this token."""
    signed, _, signature = token.rpartition(".")
    return bool(signed) and signature == _signature(signed)


def read_token(token: str) -> Claims | None:
    """Return the claims of a JWT; None for a token of another kind."""
    parts = token.split(".")
    try:
        payload = json.loads(base64.urlsafe_b64decode(_padded(parts[1]))) if len(parts) == 3 else None  # noqa: PLR2004 - header, claims, signature
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(payload, dict) or not _is_time(payload.get("exp")):
        return None
    audience = payload.get("aud", [])
    return Claims(
        issuer=_text(payload.get("iss")),
        subject=_text(payload.get("sub")),
        audience=tuple(map(_text, audience)) if isinstance(audience, list) else (_text(audience),),
        issued=_instant(payload.get("iat")),
        expires=_instant(payload["exp"]),
    )


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LATEST


def _instant(value: Any) -> int:
    return timestamps.from_seconds(value) if _is_time(value) else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _signature(signed: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(uidp.digest("emulator", signed))).decode().rstrip("=")


def authenticate(authorization: str, settings: EmulatorSettings, now: int) -> Caller:
    """Return the caller that an `Authorization` header names, or refuse it (code 16)."""
    token = _bearer(authorization)
    claims = read_token(token)
    if settings.tokens is not None and token not in settings.tokens and not is_issued(token):
        raise RpcError(RpcCode.UNAUTHENTICATED, "invalid token")
    if settings.expiring_tokens and claims is not None and claims.expires <= now:
        raise RpcError(RpcCode.UNAUTHENTICATED, "token is expired")
    names = {token, claims.subject} if claims else {token}
    return Caller(
        token=token, read_only=not names.isdisjoint(settings.viewers), claims=claims, grants=_grants(settings)
    )


def present(authorization: str, settings: EmulatorSettings) -> Caller:
    """Return the holder of another issuer's token, who may do nothing but exchange it, or refuse it (code 16)."""
    token = _bearer(authorization)
    if settings.oidc_tokens is not None and token not in settings.oidc_tokens:
        raise RpcError(RpcCode.UNAUTHENTICATED, "the token was not issued by a trusted issuer")
    return Caller(token=token, read_only=True, grants={})


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RpcError(RpcCode.UNAUTHENTICATED, "missing bearer token")
    return token.strip()


def _grants(settings: EmulatorSettings) -> Mapping[str, tuple[str, ...]] | None:
    if settings.grants is None:
        return None
    return {uidp.of_path(path): held for path, held in settings.grants.items()}


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
    token = issue(identity, audience, request.now, expires)
    return emit(
        RAW_TOKEN,
        {"token": token, "refreshToken": uidp.digest("refresh", token), "expiry": timestamps.to_text(expires)},
    )


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
    return emit(WHO_AM_I, identity)


def _assumed(request: ApiRequest) -> Claims:
    """Return the claims of a token that is not a JWT: half of its hour has always passed."""
    return Claims(
        issuer=ISSUER,
        subject=uidp.of_child(uidp.of_root("identities"), request.caller.token),
        audience=(AUDIENCE,),
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
