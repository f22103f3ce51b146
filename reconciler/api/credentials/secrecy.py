"""Everything secret that a run has seen, and taking it out of texts. Cutting and cleaning them is `api.wording`."""

import re
import threading

from reconciler.api.token import Token

HIDDEN = "[token]"
# What looks like a JWT is hidden wherever it comes from: another program may print one that we were never given.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,2}")


class Secrets:
    """Remembers secrets, from any number of threads; shows none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "Secrets()"

    def remember(self, secret: Token | str) -> None:
        """Hide this from now on."""
        value = secret.secret() if isinstance(secret, Token) else secret.strip()
        if value:
            with self._lock:
                self._values |= {value}

    def hide(self, text: str) -> str:
        """The text with every secret taken out. Hide before cutting: half a secret would not be found."""
        # The longest first: one token may be the beginning of another.
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, HIDDEN)
        return _JWT.sub(HIDDEN, text)
