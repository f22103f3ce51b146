"""From an answer, or from its absence, to the error that says so.

Here are the status codes and all wording about them; which exception of the HTTP library means what is decided in
`connection`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache

from reconciler.api.call import Call, Reply
from reconciler.api.credentials import Credentials
from reconciler.api.errors import (
    AnswerLost,
    ApiError,
    NotFound,
    NotUnderstood,
    PermissionDenied,
    RateLimited,
    Rejected,
    ServerFault,
    TokenRejected,
    Unreachable,
)
from reconciler.api.wording import LONG, LONGEST, body_text, clean, rpc_status
from reconciler.diagnostics import Diagnostic

# The codes of google.rpc.Status by which the API itself says that it did nothing: invalid argument, not found, already
# exists, permission denied, resource exhausted, failed precondition, aborted, out of range, unimplemented,
# unauthenticated. Whatever else answers a write, a proxy's page of any status among it, leaves open what became of it.
_NOT_DONE = frozenset({3, 5, 6, 7, 8, 9, 10, 11, 12, 16})
# Those that may stand under a status of 500 and above, where any other contradicts it.
_NOT_DONE_BY_SERVER_ERROR = frozenset({5, 7, 8, 12, 16})
_BY_STATUS = {401: TokenRejected, 403: PermissionDenied, 404: NotFound, 429: RateLimited}
_BY_CODE = {5: NotFound, 7: PermissionDenied, 8: RateLimited, 16: TokenRejected}
_READ_BACK = "it may have taken effect or not: plan again to see"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Whom we talk to, as messages need it."""

    root: str
    credentials: Credentials | None

    @property
    def token_source(self) -> str:
        """Where the token came from."""
        return self.credentials.source if self.credentials else "nowhere"

    @property
    def advice(self) -> str:
        """What to type to get another token."""
        return self.credentials.advice if self.credentials else "give a token"

    @property
    def renewal(self) -> str:
        """Why the token was not renewed, for the end of a sentence."""
        problem = self.credentials.renewal_problem if self.credentials else ""
        return f"; it was not renewed, {problem}" if problem else ""

    def clean(self, text: str, most: int = LONGEST) -> str:
        """Text from the server made fit for a message, without any token of this run, should it repeat one."""
        return clean(self.credentials.secrets.hide(text) if self.credentials else text, most)


def failure(call: Call, reply: Reply, peer: Peer) -> ApiError | None:
    """The error that an answer stands for; None for an answer that is a success."""
    if 200 <= reply.status < 300:  # noqa: PLR2004 - the class of successful statuses
        return None
    message, code = rpc_status(reply.body)
    if call.writes and not _says_not_done(reply.status, code):
        return _answer_lost(call, peer, _answer_text(reply))
    if reply.status < 400:  # noqa: PLR2004 - the class of redirects
        return not_understood(call, peer, _answer_text(reply))
    if reply.status >= 500 and code not in _BY_CODE:  # noqa: PLR2004 - the class of server errors
        return _server_fault(call, reply, peer)
    kind = _BY_STATUS.get(reply.status) or (_BY_CODE.get(code) if code is not None else None) or Rejected
    if kind is NotFound and not message and code is None:
        return not_understood(call, peer, _answer_text(reply))
    return _WORDING[kind](call, reply, peer)


def not_understood(call: Call, peer: Peer, problem: str) -> NotUnderstood:
    """An answer came that means nothing to us."""
    return NotUnderstood(
        _diagnostic(
            call,
            "not-understood",
            "the answer was not understood",
            detail=peer.clean(problem),
            hint=f"is {clean(peer.root)} the address of the API, and does no proxy answer in its place?",
        )
    )


def interrupted(call: Call, peer: Peer, reason: str) -> ApiError:
    """The request was sent and no whole answer came back."""
    if call.writes:
        return _answer_lost(call, peer, reason)
    return unreachable(peer, reason, doing=call.doing)


def unreachable(peer: Peer, reason: str, *, doing: str, hint: str = "") -> Unreachable:
    """The API did not answer a read, or the request was not sent at all."""
    return Unreachable(
        Diagnostic(
            code="api-unreachable",
            summary=f"cannot reach the API at {clean(peer.root)}",
            detail=f"{clean(reason)}; could not {clean(doing)}",
            hint=hint or "check the network and the address (--api, RECONCILER_API), then try again",
        )
    )


def _says_not_done(status: int, code: int | None) -> bool:
    return code in (_NOT_DONE if status < 500 else _NOT_DONE_BY_SERVER_ERROR)  # noqa: PLR2004 - the class of server errors


def _answer_text(reply: Reply) -> str:
    if 300 <= reply.status < 400:  # noqa: PLR2004 - the class of redirects
        target = reply.headers.get("location", "") or "an unnamed place"
        return f"HTTP {reply.status}, a redirect to {target}: it is not followed, so that the token stays here"
    return f"HTTP {reply.status}, {body_text(reply.body) or 'without a body'}"


def _server_fault(call: Call, reply: Reply, peer: Peer) -> ApiError:
    detail = peer.clean(_answer_text(reply))
    return ServerFault(_diagnostic(call, "server-fault", "the API failed", detail=detail, hint="try again in a minute"))


def _answer_lost(call: Call, peer: Peer, reason: str) -> AnswerLost:
    return AnswerLost(
        _diagnostic(call, "answer-lost", "the answer of the API was lost", detail=peer.clean(reason), hint=_READ_BACK)
    )


def _token_rejected(call: Call, reply: Reply, peer: Peer) -> ApiError:
    return TokenRejected(
        Diagnostic(
            code="token-rejected",
            summary=f"the API does not accept the token (from {peer.token_source})",
            detail=f"could not {clean(call.doing)}: {_said(reply, peer)}{peer.renewal}",
            hint=f"it may have expired or be for another API: {peer.advice}",
        )
    )


def _permission_denied(call: Call, reply: Reply, peer: Peer) -> ApiError:
    return PermissionDenied(
        Diagnostic(
            code="permission-denied",
            summary=f"the token may not {clean(call.doing)}: it lacks the capability {call.capability}",
            detail=_said(reply, peer),
            hint=f"ask an owner of the organisation for a role with {call.capability}",
        ),
        capability=call.capability,
    )


def _not_found(call: Call, reply: Reply, peer: Peer) -> ApiError:
    return NotFound(
        _diagnostic(
            call,
            "not-found",
            "it does not exist, or the token cannot see it",
            detail=_said(reply, peer),
            hint="this API may not offer it"
            if call.dispensable
            else "check its name, and whether it was removed meanwhile",
        )
    )


def _rate_limited(call: Call, reply: Reply, peer: Peer) -> ApiError:
    seconds = retry_after(reply)
    return RateLimited(
        _diagnostic(
            call,
            "rate-limited",
            "the API asks to slow down",
            detail=_said(reply, peer),
            hint=f"try again in {seconds:.0f} s" if seconds else "try again later, or with a lower --parallelism",
        ),
        retry_after=seconds,
    )


def _rejected(call: Call, reply: Reply, peer: Peer) -> ApiError:
    # Why packages do not go together takes more room than other refusals, and the names stand at its end.
    said = _said(reply, peer, most=LONG if call.only_asks else LONGEST)
    error = Rejected(_diagnostic(call, "rejected", "the API refuses it", detail=said, hint=""))
    error.message, error.code = rpc_status(reply.body)
    return error


_WORDING: dict[type[ApiError], Callable[[Call, Reply, Peer], ApiError]] = {
    TokenRejected: _token_rejected,
    PermissionDenied: _permission_denied,
    NotFound: _not_found,
    RateLimited: _rate_limited,
    Rejected: _rejected,
}


def _diagnostic(call: Call, code: str, problem: str, *, detail: str, hint: str) -> Diagnostic:
    return Diagnostic(code=code, summary=f"could not {clean(call.doing)}: {problem}", detail=detail, hint=hint)


def _said(reply: Reply, peer: Peer, *, most: int = LONGEST) -> str:
    return peer.clean(body_text(reply.body), most) or f"HTTP {reply.status} without a message"


def retry_after(reply: Reply) -> float | None:
    """The wait that the server asks for in seconds, also where it names a time of day on its own clock."""
    text = reply.headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    wanted, now = http_time(text), http_time(reply.headers.get("date", ""))
    return max(0.0, wanted - now) if wanted is not None and now is not None else None


# Answers come by the hundred in a second, and all of them name it.
@lru_cache(maxsize=16)
def http_time(text: str) -> float | None:
    """A time as HTTP headers write it, in seconds since the epoch; None when it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
