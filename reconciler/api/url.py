"""The address of the API: parsing it, building URLs of calls, and deciding whether a token may be sent there.

Addresses that users write and URLs of calls are made here; nothing is sent.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from reconciler.api import API_URL
from reconciler.api.errors import BadAddress, clean
from reconciler.diagnostics import Diagnostic

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
_LIKE_NUMBERS = re.compile(r"[0-9.]+|.*:.*")
_UNFIT = re.compile(r"[\s\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAddress:
    """Address of the API: `root` is the URL without a trailing slash, including a path prefix."""

    root: str
    scheme: str
    host: str

    @property
    def loopback(self) -> bool:
        """Return whether the address is on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def private(self) -> bool:
        """Return whether the connection is private, so that a token may be sent."""
        return self.scheme == "https" or self.loopback

    def url(self, path: str, parameters: Iterable[tuple[str, str]] = ()) -> str:
        """Return the URL of a call. Slashes stay: the API takes the UIDPs in its paths unescaped."""
        query = urlencode(list(parameters), quote_via=quote, safe="/:")
        return self.root + quote(path, safe="/:") + (f"?{query}" if query else "")


def parse_address(text: str) -> ApiAddress:
    """Parse the URL from the user; raises `BadAddress`."""
    written = text.strip()
    try:
        parts = urlsplit(written)
        _ = parts.port  # reading the port validates it
    except ValueError:
        raise _bad(written, "invalid host or port") from None
    problem = _problem(written, parts)
    if problem:
        raise _bad(written, problem)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    return ApiAddress(root=f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}", scheme=scheme, host=host)


def require_privacy(address: ApiAddress) -> None:
    """Raise `BadAddress` if a token would be sent unencrypted."""
    if address.private:
        return
    raise BadAddress(
        Diagnostic(
            code="insecure-api-url",
            summary=f"refusing to send the token to {clean(address.root)}: the connection is not encrypted",
            hint="use an https URL; http is accepted only for this machine (127.0.0.1, ::1, localhost)",
        )
    )


def _problem(written: str, parts: SplitResult) -> str:
    faults = {
        "it is empty": not written,
        "it contains white space or control characters": _UNFIT.search(written) is not None,
        "it must start with https:// or http://": parts.scheme.lower() not in ("http", "https"),
        "it contains a user name or a password": "@" in parts.netloc,
        "it has no valid host": not _is_host(parts.hostname or ""),
        "it has a query or a fragment": bool(parts.query or parts.fragment),
    }
    return next((fault for fault, found in faults.items() if found), "")


def _is_host(name: str) -> bool:
    if _LIKE_NUMBERS.fullmatch(name) is None:
        return _HOST.fullmatch(name) is not None
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bad(written: str, problem: str) -> BadAddress:
    # The text before an @ may be a password.
    shown = clean(written.rpartition("@")[2], 120)
    return BadAddress(
        Diagnostic(
            code="bad-api-url",
            summary=f'invalid API URL "{shown}": {problem}',
            hint=f"use a URL such as {API_URL}",
        )
    )
