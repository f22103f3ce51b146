"""Exchanging another issuer's token for one of the API, as `/sts/exchange` does it."""

from reconciler.emulator import instants, tokens, uidp
from reconciler.emulator.calls.context import Context
from reconciler.emulator.errors import ApiError, Code
from reconciler.emulator.messages import RAW_TOKEN
from reconciler.emulator.protojson import emit
from reconciler.emulator.records import Json


def exchange(context: Context) -> Json:
    """Answer a token for the asked identity; the caller's own token must be allowed to assume it."""
    identity = context.query.text("identity")
    if not identity:
        raise ApiError(Code.UNAUTHENTICATED, "the token belongs to no identity; name one to assume")
    uidp.checked(identity, "identity")
    allowed = context.settings.identities
    if allowed is not None and identity not in allowed:
        raise ApiError(Code.PERMISSION_DENIED, f"the token may not assume identity {identity}")
    audience = context.query.texts("aud") or (tokens.AUDIENCE,)
    expires = context.now + round(context.settings.token_seconds * instants.SECOND)
    expires -= expires % instants.SECOND  # a JWT counts whole seconds
    token = tokens.issue(identity, audience, context.now, expires)
    answer: Json = emit(
        RAW_TOKEN,
        {"token": token, "refreshToken": uidp.digest("refresh", token), "expiry": instants.to_text(expires)},
    )
    return answer
