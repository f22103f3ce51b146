"""Tokens that the emulator issues: JWTs that only it recognises, and what any JWT says of itself.

Here belong making and reading; whether a token is accepted belongs to `access.py`. The signature is a digest with no
secret in it: it tells issued tokens from others and protects nothing.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from reconciler.emulator import instants, uidp

ISSUER = "https://issuer.enforce.dev"
AUDIENCE = "https://console-api.enforce.dev"
_HEADER = {"alg": "RS256", "typ": "JWT", "kid": "emulator"}
_LATEST = 253_402_300_799  # the last second of the year 9999, beyond which there is no timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a JWT says of itself; instants in nanoseconds."""

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
        "iat": now // instants.SECOND,
        "exp": expires // instants.SECOND,
    }
    signed = f"{_encode(_HEADER)}.{_encode(payload)}"
    return f"{signed}.{_signature(signed)}"


def is_issued(token: str) -> bool:
    """Say whether the emulator made this token."""
    signed, _, signature = token.rpartition(".")
    return bool(signed) and signature == _signature(signed)


def read(token: str) -> Claims | None:
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
    return instants.from_seconds(value) if _is_time(value) else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _signature(signed: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(uidp.digest("emulator", signed))).decode().rstrip("=")
