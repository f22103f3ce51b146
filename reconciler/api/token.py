"""The bearer token: where it comes from and how it stays unseen.

Here belong finding a token and nothing that sends it. The further sources (a CI system's OIDC token, `chainctl`) are
to become functions beside `_from_environment`, asked in the order of `find_token`.
"""

import re
from collections.abc import Mapping

from reconciler.api.address import parse_address
from reconciler.api.defaults import API_URL
from reconciler.api.errors import NoToken, TokenRejected
from reconciler.diagnostics import Diagnostic

VARIABLES = ("CHAINGUARD_TOKEN", "TOK")
# What an HTTP header can carry: visible ASCII.
_SENDABLE = re.compile(r"[!-~]+")
_HIDDEN = "[token]"


class Token:
    """A bearer token and the name of the place that it came from; shown nowhere."""

    __slots__ = ("_value", "source")

    def __init__(self, value: str, *, source: str) -> None:
        self._value = value
        self.source = source

    def __repr__(self) -> str:
        return f"Token(source={self.source!r})"

    def header(self) -> str:
        """The value of the `Authorization` header."""
        return f"Bearer {self._value}"

    def hide(self, text: str) -> str:
        """The text with the token taken out, for whatever a server says."""
        return text.replace(self._value, _HIDDEN)


def find_token(environ: Mapping[str, str], *, api_url: str = API_URL) -> Token:
    """The token that the environment holds.

    Raises `NoToken`, `TokenRejected` for a value that cannot be one, and `BadAddress`, as the advice names the address.
    """
    root = parse_address(api_url).root
    token = _from_environment(environ, root)
    if token is None:
        raise NoToken(
            Diagnostic(
                code="no-token",
                summary="there is no token for the API",
                detail=f"looked at the environment variables {' and '.join(VARIABLES)}: neither is set",
                hint=advice(root),
            )
        )
    return token


def advice(api_url: str) -> str:
    """What to type to get a token."""
    return f"export {VARIABLES[0]}=$(chainctl auth token --audience {api_url})"


def _from_environment(environ: Mapping[str, str], api_url: str) -> Token | None:
    for source in VARIABLES:
        value = environ.get(source, "").strip()
        if value:
            return _checked(value, source, api_url)
    return None


def _checked(value: str, source: str, api_url: str) -> Token:
    if _SENDABLE.fullmatch(value) is None:
        raise TokenRejected(
            Diagnostic(
                code="bad-token",
                summary=f"the value of {source} is not a token",
                detail="it holds white space, control characters or letters that no token has; nothing was sent",
                hint=advice(api_url),
            )
        )
    return Token(value, source=source)
