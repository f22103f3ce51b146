"""Parse a failed response: its google.rpc.Status, the text of any other body, and the times in its headers."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

# Longer waits requested by a server are cut to a day.
_LONGEST_WAIT = 86_400.0


class RpcStatus(NamedTuple):
    """A google.rpc.Status: `code` is None without one; `violations` are types of violated preconditions."""

    message: str = ""
    code: int | None = None
    violations: tuple[str, ...] = ()


def rpc_status(body: bytes) -> RpcStatus:
    """Read a google.rpc.Status body; an empty status for any other body."""
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        return RpcStatus()
    if not isinstance(status, dict):
        return RpcStatus()
    message, code = status.get("message"), status.get("code")
    return RpcStatus(
        message=message if isinstance(message, str) else "",
        code=code if type(code) is int else None,
        violations=tuple(_violations(status.get("details"))),
    )


def _violations(details: Any) -> Iterator[str]:
    for detail in _objects(details):
        if str(detail.get("@type", "")).endswith("google.rpc.PreconditionFailure"):
            yield from (str(each.get("type", "")) for each in _objects(detail.get("violations")))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())


def body_text(body: bytes, status: RpcStatus | None = None) -> str:
    """Return the text of a failed response: the API's message, the title of an HTML page, or its beginning.

    Not yet safe for a message, and not cut: half a token would not be found and hidden.
    """
    message, code, _ = status or rpc_status(body)
    if message or code is not None:
        return message or f"code {code} with no message"
    if body.lstrip().startswith(b"<"):
        title = _html_title(body)
        return f'an HTML page, "{title}"' if title else "an HTML page"
    return body.decode("utf-8", "replace")


def _html_title(body: bytes) -> str:
    """Return the title of a page. Each search continues after the one before: linear in the size of the page."""
    lower = body.lower()
    begin = lower.find(b">", lower.find(b"<title")) + 1 if b"<title" in lower else 0
    end = lower.find(b"</title", begin) if begin else -1
    return " ".join(body[begin:end].decode("utf-8", "replace").split()) if end >= 0 else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the wait requested by the server in seconds, a day at most; a date is relative to its own clock."""
    text = headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT)
    wanted, now = http_time(text), http_time(headers.get("date", ""))
    return min(max(0.0, wanted - now), _LONGEST_WAIT) if wanted is not None and now is not None else None


def http_time(text: str) -> float | None:
    """Return an HTTP date in seconds since the epoch; None if malformed."""
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
