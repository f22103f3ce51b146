"""Who the caller is, as `GET /auth/v1/ok` tells it."""

from reconciler.emulator import instants, records, tokens, uidp
from reconciler.emulator.calls.context import Context
from reconciler.emulator.messages import WHO_AM_I
from reconciler.emulator.protojson import emit
from reconciler.emulator.records import Json
from reconciler.emulator.settings import OWNER, VIEWER
from reconciler.emulator.tokens import Claims

HOUR = 3600 * instants.SECOND
_ROLES = {OWNER: "owner", VIEWER: "viewer"}


def who_am_i(context: Context) -> Json:
    """Answer the identity behind the token, and what it may do by group."""
    with context.state.reading() as db:
        groups = {group["id"]: group for group in records.groups(db)}
    claims = context.caller.claims or _assumed(context)
    identity: Json = {
        "issuer": claims.issuer,
        "subject": claims.subject,
        "audience": list(claims.audience),
        "issuedAt": instants.to_text(claims.issued),
        "expiry": instants.to_text(claims.expires),
        "capabilities": [_capability(groups[each], held) for each, held in _held(context, groups) if each in groups],
    }
    answer: Json = emit(WHO_AM_I, identity)
    return answer


def _assumed(context: Context) -> Claims:
    """Return the claims of a token that is no JWT: half of its hour has passed, whenever one asks."""
    return Claims(
        issuer=tokens.ISSUER,
        subject=uidp.of_child(uidp.of_root("identities"), context.caller.token),
        audience=(tokens.AUDIENCE,),
        issued=context.now - HOUR // 2,
        expires=context.now + HOUR // 2,
    )


def _held(context: Context, groups: Json) -> list[tuple[str, tuple[str, ...]]]:
    """Return the capabilities by group, one entry for each group that something is granted on."""
    if context.caller.grants is not None:
        return list(context.caller.grants.items())
    return [(each, context.caller.capabilities(each)) for each in groups if "/" not in each]


def _capability(group: Json, held: tuple[str, ...]) -> Json:
    """Return an entry with the role, or with the capabilities themselves where no role has exactly these."""
    name = _ROLES.get(tuple(sorted(held)))
    if name is None:
        return {"group": group, "capabilities": sorted(held)}
    role = {"id": uidp.of_child(uidp.of_root("roles"), name), "name": name, "capabilities": sorted(held)}
    return {"group": group, "role": role}
