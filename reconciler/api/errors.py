# ruff: noqa: N818 - each class is named by what happened, as the people who read its message would say it
"""What can go wrong between us and the API.

    ApiError
    ├── BadAddress          the address of the API cannot be used; nothing was sent
    ├── Unreachable         no whole answer to a read, or a write that was certainly not sent
    ├── TokenRejected       401: expired, for another API, or not a token
    │   └── NoToken         there is none to send
    ├── PermissionDenied    403: the token lacks a capability
    ├── NotFound            404, or a name that means nothing
    ├── Ambiguous           a name that means several things
    ├── RateLimited         429
    ├── Rejected            400, 409 and their like: the API says what is wrong with the request
    ├── ServerFault         500 and above
    ├── NotUnderstood       an answer that is not what the API documents: HTML, a redirect, JSON of another shape
    └── AnswerLost          a write was sent and no whole answer came: whether it took effect is not known

Callers act on the class; the `Diagnostic` that each carries is for the user. No exception of the HTTP library is
chained or kept, because those hold the request and with it the token. What each problem says is decided where it is
found (`failures`, `address`, `token`, `organizations`), not here.
"""

from reconciler.diagnostics import Diagnostic


class ApiError(Exception):
    """A call to the API that gave no usable answer; `status` is the HTTP status where the API gave one that failed."""

    status: int | None = None

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic

    def __str__(self) -> str:
        found = self.diagnostic
        return f"{found.summary}: {found.detail}" if found.detail else found.summary


class BadAddress(ApiError):
    """The address of the API is malformed, or one that a token must not be sent to."""


class Unreachable(ApiError):
    """The API did not answer; a write that ends so was certainly not sent."""


class TokenRejected(ApiError):
    """The API does not accept the token, or it cannot be one."""


class NoToken(TokenRejected):
    """No token was found."""


class PermissionDenied(ApiError):
    """The token is accepted and may not do this; `capability` is what it lacks."""

    def __init__(self, diagnostic: Diagnostic, *, capability: str) -> None:
        super().__init__(diagnostic)
        self.capability = capability


class NotFound(ApiError):
    """What was asked for does not exist, or the token cannot see it."""


class Ambiguous(ApiError):
    """A name means several things, and which one was meant is the user's decision."""


class RateLimited(ApiError):
    """The API asks to slow down; `retry_after` is its wish in seconds, None when it said nothing."""

    def __init__(self, diagnostic: Diagnostic, *, retry_after: float | None) -> None:
        super().__init__(diagnostic)
        self.retry_after = retry_after


class Rejected(ApiError):
    """The API understood the request and refuses it.

    `message` and `code` are those of its google.rpc.Status; empty and None where it gave none.
    """

    message: str = ""
    code: int | None = None


class ServerFault(ApiError):
    """The API failed."""


class NotUnderstood(ApiError):
    """An answer came that is not one of the API, or not one that this version understands."""


class AnswerLost(ApiError):
    """A write was sent and no whole answer came; reading back tells whether it took effect."""


class WriteRefusedError(AssertionError):
    """A client that only reads was made to write: a mistake in this program, stopped before anything was sent."""
