"""API errors in the gateway's form, and the emulator's own failures."""

import json
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from werkzeug import Response
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES


class RpcCode(IntEnum):
    """The google.rpc codes that the API answers with."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


HTTP_STATUS: dict[RpcCode, int] = {
    RpcCode.CANCELLED: 499,
    RpcCode.UNKNOWN: 500,
    RpcCode.INVALID_ARGUMENT: 400,
    RpcCode.DEADLINE_EXCEEDED: 504,
    RpcCode.NOT_FOUND: 404,
    RpcCode.ALREADY_EXISTS: 409,
    RpcCode.PERMISSION_DENIED: 403,
    RpcCode.RESOURCE_EXHAUSTED: 429,
    RpcCode.FAILED_PRECONDITION: 400,
    RpcCode.ABORTED: 409,
    RpcCode.OUT_OF_RANGE: 400,
    RpcCode.UNIMPLEMENTED: 501,
    RpcCode.INTERNAL: 500,
    RpcCode.UNAVAILABLE: 503,
    RpcCode.UNAUTHENTICATED: 401,
}

# The reverse is not a function (400 and 409 have several codes each): the commonest one stands for a bare status.
CODE_OF_STATUS: dict[int, RpcCode] = {
    400: RpcCode.INVALID_ARGUMENT,
    401: RpcCode.UNAUTHENTICATED,
    403: RpcCode.PERMISSION_DENIED,
    404: RpcCode.NOT_FOUND,
    405: RpcCode.UNIMPLEMENTED,
    409: RpcCode.ABORTED,
    413: RpcCode.INVALID_ARGUMENT,
    429: RpcCode.RESOURCE_EXHAUSTED,
    499: RpcCode.CANCELLED,
    500: RpcCode.INTERNAL,
    501: RpcCode.UNIMPLEMENTED,
    502: RpcCode.UNAVAILABLE,
    503: RpcCode.UNAVAILABLE,
    504: RpcCode.UNAVAILABLE,
}


class RpcError(HTTPException):
    """A refusal that the client sees as a google.rpc.Status body, with the type of a violated precondition if any."""

    def __init__(self, code: RpcCode, message: str, violation: str = "") -> None:
        super().__init__(message, status_response(HTTP_STATUS[code], code, message, _details(violation, message)))
        self.rpc_code = code
        self.message = message


def _details(violation: str, message: str) -> list[Any]:
    if not violation:
        return []
    failure = {"type": violation, "subject": "", "description": message}
    return [{"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [failure]}]


class ConnectionDropped(ConnectionError):  # noqa: N818 - named for what the client sees, as ConnectionError's kin are
    """A scripted fault cut the connection; in-process callers get it raised, a server breaks the socket."""


class StateError(Exception):
    """The state file cannot be used; the message is one line for the user."""


class FaultsError(ValueError):
    """A fault script cannot be read; the message is one line for the user."""


def invalid(message: str) -> RpcError:
    """Return the refusal of a malformed request."""
    return RpcError(RpcCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> RpcError:
    """Return the answer for a record that is not there."""
    return RpcError(RpcCode.NOT_FOUND, message)


def json_response(value: object, status: int = 200) -> Response:
    """Return a response with a JSON body."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status=status, mimetype="application/json")


def status_response(status: int, code: int, message: str, details: Sequence[Any] = ()) -> Response:
    """Return an error response with a google.rpc.Status body."""
    return json_response({"code": int(code), "message": message, "details": list(details)}, status)


def balancer_response(status: int) -> Response:
    """Return the page that a load balancer in front of the API would send."""
    reason = HTTP_STATUS_CODES.get(status, "Error")
    page = (
        "<!DOCTYPE html>\n"
        f"<html><head><title>{status} {reason}</title></head>\n"
        f"<body><h1>Error: {reason}</h1><p>The server could not be reached.</p></body></html>\n"
    )
    return Response(page.encode(), status=status, content_type="text/html; charset=UTF-8")
