"""A bearer token as a value, and the secrets of a run, which are removed from every output."""

import base64
import json
import re
import stat
import threading
from pathlib import Path

from reconciler.core.secrets import redact

# Visible ASCII, the characters of an HTTP header.
_SENDABLE = re.compile(r"[!-~]+")
_PARTS_OF_A_JWT = 3
# Longer than any token: a file is read only up to this size.
_MOST = 65_536
HIDDEN = "[token]"
# Anything that looks like a JWT is hidden: another program may print one that was never given to us.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,2}")
_LATEST = 253402300799.0  # the end of the year 9999: a later `exp` is garbage


class Token:
    """A bearer token and the name of its source; never printed.

    `expires` is its expiry in seconds since the epoch: from the token itself, else from its issuer, else None.
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
        """Return the value of the `Authorization` header."""
        return f"Bearer {self._value}"

    def secret(self) -> str:
        """Return the token itself, only for hiding it elsewhere."""
        return self._value


class Secrets:
    """Remembers secrets to hide; thread-safe, never printed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "Secrets()"

    def remember(self, secret: Token | str) -> None:
        """Hide this text from now on."""
        value = secret.secret() if isinstance(secret, Token) else secret.strip()
        if value:
            with self._lock:
                self._values |= {value}

    def hide(self, text: str) -> str:
        """Return the text with every secret removed. Hide before cutting: half a secret would not be found."""
        # Longest first: one token may be a prefix of another.
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, HIDDEN)
        return redact(_JWT.sub(HIDDEN, text))


def sendable(value: str) -> bool:
    """Return whether a text has the form of a token."""
    return _SENDABLE.fullmatch(value) is not None


def read_token_file(file: Path) -> str:
    """Return the text of a file that holds a token; raises `OSError`, or `ValueError` if it cannot be one.

    Only regular files are opened: a pipe without a writer might block forever.
    """
    if stat.S_ISDIR(mode := file.stat().st_mode):
        raise IsADirectoryError(0, "Is a directory")
    if not stat.S_ISREG(mode):
        raise OSError(0, "it is not a regular file")
    with file.open(encoding="utf-8") as stream:
        value = stream.read(_MOST + 1)
    if len(value) > _MOST:
        raise ValueError("too long for a token")
    return value.strip()


def expiry(value: str) -> float | None:
    """Return the expiry (`exp`) of a JWT; None if it is not a JWT or has none. Nothing is verified."""
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
