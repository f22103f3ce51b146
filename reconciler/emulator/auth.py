"""Identity and capabilities of the caller.

Unless the settings say otherwise, a caller owns the organization `example.com` and is a guest anywhere else. Issued
tokens are JWTs; their signature is a digest with no secret in it: it tells them from others and protects nothing.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator import timestamps, uidp
from reconciler.emulator.errors import RpcCode, RpcError
from reconciler.emulator.settings import OWNER, VIEWER, EmulatorSettings
from reconciler.emulator.store import HOME

ISSUER = "https://issuer.enforce.dev"
AUDIENCE = "https://console-api.enforce.dev"
_HEADER = {"alg": "RS256", "typ": "JWT", "kid": "emulator"}
_LATEST = 253_402_300_799  # the last second of the year 9999, beyond which there is no timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Claims of a JWT; instants in nanoseconds."""

    issuer: str
    subject: str
    audience: tuple[str, ...]
    issued: int
    expires: int


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


ORGANIZATION = uidp.of_root(HOME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The holder of an accepted token; `grants` are capabilities by group, None for the usual ones."""

    token: str = field(repr=False)
    read_only: bool
    claims: Claims | None = None
    grants: Mapping[str, tuple[str, ...]] | None = None

    def capabilities(self, record: str) -> tuple[str, ...]:
        """Return what the caller may do with a record: what is granted on it or anywhere above it."""
        if self.grants is None:
            return OWNER if uidp.root(record) == ORGANIZATION and not self.read_only else VIEWER
        granted = (held for group, held in self.grants.items() if record == group or uidp.is_below(record, group))
        return tuple(sorted({each for held in granted for each in held}))

    def may(self, capability: str, record: str) -> bool:
        """Return whether the caller has a capability for a record."""
        return capability in self.capabilities(record)

    def demand(self, capability: str, record: str) -> None:
        """Refuse a call for which the caller lacks the capability."""
        if not self.may(capability, record):
            raise RpcError(RpcCode.PERMISSION_DENIED, f"caller does not have capability {capability} on {record}")


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
