"""Who the caller is, as `GET /auth/v1/ok` tells it."""

from reconciler.emulator import instants, records, uidp
from reconciler.emulator.calls.context import Context
from reconciler.emulator.messages import WHO_AM_I
from reconciler.emulator.protojson import emit
from reconciler.emulator.records import Json
from reconciler.emulator.settings import OWNER

HOUR = 3600 * instants.SECOND


def who_am_i(context: Context) -> Json:
    """Answer the identity behind the token and its role in each organisation."""
    with context.state.reading() as db:
        roots = [group for group in records.groups(db) if "/" not in group["id"]]
    identity: Json = {
        "issuer": "https://issuer.enforce.dev",
        "subject": uidp.of_child(uidp.of_root("identities"), context.caller.token),
        "audience": ["https://console-api.enforce.dev"],
        "issuedAt": instants.to_text(context.now - HOUR // 2),
        "expiry": instants.to_text(context.now + HOUR // 2),
        "capabilities": [_capability(context, root) for root in roots],
    }
    answer: Json = emit(WHO_AM_I, identity)
    return answer


def _capability(context: Context, root: Json) -> Json:
    held = context.caller.capabilities(root["id"])
    name = "owner" if held == OWNER else "viewer"
    role = {"id": uidp.of_child(uidp.of_root("roles"), name), "name": name, "capabilities": list(held)}
    return {"group": root, "role": role}
