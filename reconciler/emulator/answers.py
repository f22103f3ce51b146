"""An answer before it is sent: status, body, and the bodies that every call shares."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.emulator.errors import CODE_OF_STATUS, HTTP_STATUS, ApiError, Code

_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    409: "Conflict",
    425: "Too Early",
    429: "Too Many Requests",
    499: "Client Closed Request",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back to the client; `retry_after` is a header, left out when empty."""

    status: int
    body: bytes
    content_type: str = "application/json"
    retry_after: str = ""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The status line as WSGI wants it."""
        return f"{self.status} {_REASONS.get(self.status, 'Error')}"

    def headers(self, date: str) -> list[tuple[str, str]]:
        """Return the headers, with the server's time."""
        optional = [("Retry-After", self.retry_after)] if self.retry_after else []
        usual = {"Content-Type": self.content_type, "Content-Length": str(len(self.body)), "Date": date}
        return [*{**usual, **self.more}.items(), *optional]


def of_json(value: object) -> Answer:
    """Return a success."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Answer(status=200, body=text.encode())


def of_error(error: ApiError) -> Answer:
    """Return a refusal as the gateway words it."""
    return Answer(status=HTTP_STATUS[error.code], body=_status_body(error.code, error.message, []))


def of_status(
    status: int, message: str, retry_after: str, *, code: int | None = None, details: Sequence[object] = ()
) -> Answer:
    """Return an error with an HTTP status, and the code that usually goes with it unless another is given."""
    usual = CODE_OF_STATUS.get(status, Code.INTERNAL)
    body = _status_body(usual if code is None else code, message, details)
    return Answer(status=status, body=body, retry_after=retry_after)


def of_balancer(status: int, retry_after: str) -> Answer:
    """Return the page that a load balancer in front of the API would send."""
    reason = _REASONS.get(status, "Error")
    page = (
        "<!DOCTYPE html>\n"
        f"<html><head><title>{status} {reason}</title></head>\n"
        f"<body><h1>Error: {reason}</h1><p>The server could not be reached.</p></body></html>\n"
    )
    return Answer(status=status, body=page.encode(), content_type="text/html; charset=UTF-8", retry_after=retry_after)


def _status_body(code: int, message: str, details: Sequence[object]) -> bytes:
    value = {"code": int(code), "message": message, "details": list(details)}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
