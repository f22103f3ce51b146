"""One bearer token as a value: what it may look like, when it ends, and how it stays unseen.

Where tokens come from, and when another is fetched, belongs to `credentials`; nothing here sends one.
"""

import base64
import json
import re

# What an HTTP header can carry: visible ASCII.
_SENDABLE = re.compile(r"[!-~]+")
_PARTS_OF_A_JWT = 3
_LATEST = 253402300799.0  # the end of the year 9999: an `exp` beyond it is garbage


class Token:
    """A bearer token and the name of the place that it came from; shown nowhere.

    `expires` is when it ends, in seconds since the epoch: as the token itself says, else as whoever gave it said, else
    None.
    """

    __slots__ = ("_value", "expires", "source")

    def __init__(self, value: str, *, source: str, expires: float | None = None) -> None:
        self._value = value
        self.source = source
        found = expiry(value)
        self.expires = expires if found is None else found

    def __repr__(self) -> str:
        return f"Token(source={self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def header(self) -> str:
        """The value of the `Authorization` header."""
        return f"Bearer {self._value}"

    def secret(self) -> str:
        """The token itself, only for making it unreadable wherever else it turns up."""
        return self._value


def sendable(value: str) -> bool:
    """Whether a text can be a token at all."""
    return _SENDABLE.fullmatch(value) is not None


def expiry(value: str) -> float | None:
    """When a JWT ends, as its `exp` says; None for anything that is no JWT or does not say. Nothing is verified."""
    parts = value.split(".")
    if len(parts) != _PARTS_OF_A_JWT:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    found = claims.get("exp") if isinstance(claims, dict) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if 0 < found <= _LATEST else None
