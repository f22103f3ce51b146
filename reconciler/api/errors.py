# ruff: noqa: N818 - each class is named after the failure, in the words of its message
"""Errors of the API client, and the one function that maps an HTTP response to one of them.

    ApiError
    ├── BadAddress          the address of the API cannot be used; nothing was sent
    ├── Unreachable         no whole answer to a read, or a write that was certainly not sent
    ├── TokenRejected       401: expired, for another API, or not a token
    │   └── NoToken         there is none to send
    ├── PermissionDenied    403: the token may not do this
    ├── NotFound            404, or a name that means nothing
    ├── Ambiguous           a name that means several things
    ├── RateLimited         429
    ├── Rejected            400, 409 and their like: the API says what is wrong with the request
    ├── ServerFault         500 and above
    ├── NotUnderstood       an answer that is not what the API documents: HTML, a redirect, JSON of another shape
    ├── SourceDropped       a creation took effect without the source that was asked for
    └── AnswerLost          a write was sent without an answer of the API: whether it took effect is not known

Callers act on the class and the attributes; the `Diagnostic` is for the user. No exception of the HTTP library is
chained or kept, because those hold the request and with it the token.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.api.status import body_text, retry_after, rpc_status
from reconciler.diagnostics import Diagnostic

LONGEST = 256
LONG = 2000

_NOT_IMPLEMENTED = 501  # the HTTP status that no retry changes

# Codes of google.rpc.Status.
UNKNOWN, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, DENIED, FAILED_PRECONDITION = 2, 4, 5, 6, 7, 9
EXHAUSTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 8, 13, 14, 16
# The API's own codes for "nothing was done": invalid argument, not found, already exists, permission denied, resource
# exhausted, failed precondition, aborted, out of range, unimplemented, unauthenticated. After any other response to a
# write, such as a proxy's page, its effect is unknown.
_NOT_DONE = frozenset({3, 5, 6, 7, 8, 9, 10, 11, 12, 16})
# Codes that may accompany a status of 500 and above, which contradicts any other.
_NOT_DONE_BY_SERVER_ERROR = frozenset({5, 7, 8, 12, 16})
# "Resource exhausted" is also gRPC's limit on message size; waiting does not help there.
_TOO_LARGE = "received message larger than max"
# The violation type for bindings that set one thing to different values. Other failed preconditions have no type, so
# their message decides.
BINDING_CONFLICT = "OVERLAY_BINDING_CONFLICT"
_NOT_ENROLLED = re.compile(r"not enrolled in (?P<feature>[^.]{1,80})")
_USES_OVERLAYS = re.compile(r"overlay bindings?\b|has bindings\b")
# The message of a 403 about a field of the overlay, and the name of the field's feature.
_NOT_ALLOWED = re.compile(r"using (?:\w+\.)*(?P<field>\w+) is not allowed")
_FEATURES = {
    "guarded_entrypoint": "Guarded Entrypoint",
    "runtime_repositories": "custom repositories",
    "runtime_keyring": "custom repositories",
}
_ENROLL = "ask your Chainguard account team to enroll the organization"


class ApiError(Exception):
    """A call to the API without a usable response.

    `status` is the HTTP status, None without a response; `code` and `message` are those of the response's
    google.rpc.Status, None and "" without one, `violations` the types of violated preconditions in its details;
    `own_status` is set if the body was such a status, which only the API itself sends; `sent` if any part of the
    request may have reached the server; `retry_after` is the wait requested by the server in seconds. `text` is the
    response's text, or why there is none, safe for a message.
    """

    status: int | None = None
    code: int | None = None
    message: str = ""
    violations: tuple[str, ...] = ()
    own_status: bool = False
    sent: bool = True
    retry_after: float | None = None
    text: str = ""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic

    def __str__(self) -> str:
        found = self.diagnostic
        return f"{found.summary}: {found.detail}" if found.detail else found.summary

    @property
    def too_large(self) -> bool:
        """Return whether the API refused to send or accept a message of that size."""
        return _TOO_LARGE in self.message


class BadAddress(ApiError):
    """The address of the API is malformed, or one that a token must not be sent to."""

    sent = False


class Unreachable(ApiError):
    """The API did not respond; a write that ends so was certainly not sent."""


class TokenRejected(ApiError):
    """The API does not accept the token, or the token is malformed."""


class NoToken(TokenRejected):
    """No token was found."""

    sent = False


class PermissionDenied(ApiError):
    """The token is accepted but lacks a permission; `capability` is the required one."""

    def __init__(self, diagnostic: Diagnostic, *, capability: str) -> None:
        super().__init__(diagnostic)
        self.capability = capability


class NotFound(ApiError):
    """The requested object does not exist, or the token cannot see it."""


class Ambiguous(ApiError):
    """A name matches several things, and the user has to choose."""


class RateLimited(ApiError):
    """The API requests a slower rate."""


class Rejected(ApiError):
    """The API understood the request and refuses it."""


class ServerFault(ApiError):
    """The API failed."""


class NotUnderstood(ApiError):
    """A response that is not from the API, or not understood by this version."""


class SourceDropped(ApiError):
    """A repository was created without its requested source."""


class AnswerLost(ApiError):
    """A write was sent without a complete response of the API; only reading back shows whether it took effect."""


class WriteRefusedError(AssertionError):
    """A read-only client was asked to write: a defect in this program, stopped before anything was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorContext:
    """The parts of an error message that do not come from the response.

    `root` is the URL of the API, `action` completes "could not …", `capability` is the required one, `redact` removes
    every secret of this run from a text.
    """

    root: str
    action: str
    capability: str = ""
    writes: bool = False
    without_effects: bool = False
    optional: bool = False
    token_source: str = "nowhere"  # noqa: S105 - a word for messages
    token_advice: str = "provide a token"  # noqa: S105 - a word for messages
    renewal_problem: str = ""
    redact: Callable[[str], str] = str

    def clean(self, text: str, most: int = LONGEST) -> str:
        """Return text from the server without secrets, safe for a message."""
        return clean(self.redact(text), most)

    def diagnostic(self, code: str, problem: str, *, detail: str, hint: str) -> Diagnostic:
        """Return the diagnostic that the action failed."""
        return Diagnostic(code=code, summary=f"could not {clean(self.action)}: {problem}", detail=detail, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Response:
    """A failed response, parsed once."""

    status: int
    headers: Mapping[str, str]
    message: str
    code: int | None
    text: str
    violations: tuple[str, ...]

    def message_or_status(self, context: ErrorContext, most: int = LONGEST) -> str:
        return context.clean(self.text, most) or f"HTTP {self.status} with no message"

    @property
    def with_status(self) -> str:
        if 300 <= self.status < 400:  # noqa: PLR2004 - the class of redirects
            target = self.headers.get("location", "") or "an unknown location"
            return f"HTTP {self.status}, a redirect to {target} (not followed, to protect the token)"
        return f"HTTP {self.status}, {self.text or 'empty body'}"


def error_from_response(status: int, headers: Mapping[str, str], body: bytes, context: ErrorContext) -> ApiError | None:
    """Map an HTTP response to its error; None for a success. Names of `headers` are lower-case."""
    if 200 <= status < 300:  # noqa: PLR2004 - the class of successful statuses
        return None
    rpc = rpc_status(body)
    response = _Response(status=status, headers=headers, text=body_text(body, rpc), **rpc._asdict())
    error = _error(response, context)
    error.status = status
    error.message, error.code, error.violations = rpc
    error.own_status = rpc.code is not None
    error.retry_after = retry_after(headers)
    error.text = context.clean(response.text)
    return error


def _error(response: _Response, context: ErrorContext) -> ApiError:
    status, code = response.status, response.code
    if context.writes and code not in (_NOT_DONE if status < 500 else _NOT_DONE_BY_SERVER_ERROR):  # noqa: PLR2004
        return unknown_effect(context, f"the API address answered {response.with_status}")
    if status < 400:  # noqa: PLR2004 - the class of redirects
        return not_understood(context, response.with_status)
    for its_status, its_code, make in _KINDS:
        if its_status == status or (its_code == code and status not in _STATUSES):
            return make(response, context)
    return (_server_fault if status >= 500 else _rejected)(response, context)  # noqa: PLR2004 - server errors


def not_understood(context: ErrorContext, problem: str) -> NotUnderstood:
    """Return the error for a response that cannot be understood."""
    return NotUnderstood(
        context.diagnostic(
            "not-understood",
            "cannot parse the response",
            detail=context.clean(problem),
            hint=f"check that {clean(context.root)} is the API address, and that no proxy answers for it",
        )
    )


def no_answer(context: ErrorContext, reason: str) -> ApiError:
    """Return the error for a request without a complete response."""
    if not context.writes:
        return unreachable(context, reason)
    return unknown_effect(context, f"the API response was lost: {reason}")


def unknown_effect(context: ErrorContext, answer: str) -> AnswerLost:
    """Return the error for a write with unknown effect; `answer` says what was answered."""
    return AnswerLost(
        context.diagnostic(
            "answer-lost",
            "it is unknown whether the write took effect",
            detail=context.clean(answer),
            hint="plan again: the write may have taken effect",
        )
    )


def unreachable(context: ErrorContext, reason: str, *, hint: str = "", sent: bool = True) -> Unreachable:
    """Return the error for an unanswered read, or a request that was not sent."""
    error = Unreachable(
        Diagnostic(
            code="api-unreachable",
            summary=f"cannot reach the API at {clean(context.root)}",
            detail=f"{clean(reason)}; could not {clean(context.action)}",
            hint=hint or "check the network and the address (--api, RECONCILER_API), then try again",
        )
    )
    error.sent, error.text = sent, clean(reason)
    return error


def permission_denied(context: ErrorContext, message: str, *, missing: bool | None) -> PermissionDenied:
    """Return the error for a 403; `missing` is whether the identity call lacks the capability, None if unknown.

    Unless it is missing, the refusal may concern a field whose feature the organization does not have.
    """
    capability = context.capability
    found = _NOT_ALLOWED.search(message)
    if found and not missing:
        feature = _FEATURES.get(found["field"], found["field"])
        return PermissionDenied(_not_enrolled(context, feature, message), capability=capability)
    lacks = f": it lacks the capability {capability}" if missing else ""
    if missing is False:
        hint = f"read the message for what else the API requires: the token has the capability {capability}"
    else:
        hint = f"ask an owner of the organization for a role with {capability}"
    return PermissionDenied(
        Diagnostic(
            code="permission-denied",
            summary=f"the token is not allowed to {clean(context.action)}{lacks}",
            detail=message,
            hint=hint,
        ),
        capability=capability,
    )


def _token_rejected(response: _Response, context: ErrorContext) -> TokenRejected:
    renewal = f"; token not renewed: {context.renewal_problem}" if context.renewal_problem else ""
    return TokenRejected(
        Diagnostic(
            code="token-rejected",
            summary=f"the API rejected the token (from {context.token_source})",
            detail=f"could not {clean(context.action)}: {response.message_or_status(context)}{renewal}",
            hint=f"renew the token (it may be expired or issued for another API): {context.token_advice}",
        )
    )


def _not_found(response: _Response, context: ErrorContext) -> ApiError:
    if not response.message and response.code is None:
        return not_understood(context, response.with_status)
    return NotFound(
        context.diagnostic(
            "not-found",
            "not found, or not visible to the token",
            detail=response.message_or_status(context),
            hint="ignore this if the API does not offer it"
            if context.optional
            else "check the name, and that it was not removed meanwhile",
        )
    )


def _rate_limited(response: _Response, context: ErrorContext) -> RateLimited:
    seconds = retry_after(response.headers)
    if _TOO_LARGE in response.message:
        problem, hint = "the response is too large for the API", "read it in pages: --api-version v2"
    else:
        problem = "rate limited by the API"
        hint = f"try again in {seconds:.0f} s" if seconds else "try again later, or with a lower --parallelism"
    return RateLimited(
        context.diagnostic("rate-limited", problem, detail=response.message_or_status(context), hint=hint)
    )


def _denied(response: _Response, context: ErrorContext) -> PermissionDenied:
    return permission_denied(context, response.message_or_status(context), missing=None)


def _server_fault(response: _Response, context: ErrorContext) -> ServerFault:
    detail = context.clean(response.with_status)
    if response.status == _NOT_IMPLEMENTED:
        hint = "check the API address: the API there does not offer this call"
    else:
        hint = "try again in a minute"
    return ServerFault(context.diagnostic("server-fault", "API error", detail=detail, hint=hint))


def _rejected(response: _Response, context: ErrorContext) -> Rejected:
    # Messages about conflicting packages are long, with the names at the end.
    long = context.without_effects or response.violations
    detail = response.message_or_status(context, LONG if long else LONGEST)
    if response.code == FAILED_PRECONDITION:
        return Rejected(_failed_precondition(response, context, detail))
    if response.code == ALREADY_EXISTS:
        return Rejected(context.diagnostic("already-exists", "it exists already", detail=detail, hint="plan again"))
    return Rejected(context.diagnostic("rejected", "rejected by the API", detail=detail, hint=""))


def _failed_precondition(response: _Response, context: ErrorContext, detail: str) -> Diagnostic:
    """Return why the organization's state forbids a request: by the type of the violation, else by the message."""
    if BINDING_CONFLICT in response.violations:
        hint = "give the overlays the same value, or bind them to different tags"
        return context.diagnostic("binding-conflict", "it conflicts with another binding", detail=detail, hint=hint)
    enrollment = _NOT_ENROLLED.search(response.message)
    if enrollment:
        return _not_enrolled(context, clean(enrollment["feature"]), detail)
    if _USES_OVERLAYS.search(response.message):
        return uses_overlays(context.action, "the repository has the other model of customization", detail)
    return context.diagnostic("rejected", "rejected by the API", detail=detail, hint="")


def _not_enrolled(context: ErrorContext, feature: str, detail: str) -> Diagnostic:
    problem = f"this organization is not enrolled in {feature}"
    return context.diagnostic("not-enrolled", problem, detail=detail, hint=_ENROLL)


def uses_overlays(action: str, problem: str, detail: str) -> Diagnostic:
    """Return whether the request needs the other customization model than the one that the repository uses."""
    return Diagnostic(
        code="uses-overlays",
        summary=f"could not {clean(action)}: {problem}",
        detail=detail,
        hint="a repository has a standard customization or bound overlays, never both: remove one of them first",
    )


# HTTP status, gRPC code if it differs, and the error for both.
_KINDS: tuple[tuple[int, int, Callable[[_Response, ErrorContext], ApiError]], ...] = (
    (401, UNAUTHENTICATED, _token_rejected),
    (403, DENIED, _denied),
    (404, NOT_FOUND, _not_found),
    (429, EXHAUSTED, _rate_limited),
)
_STATUSES = frozenset(status for status, _, _ in _KINDS)


def clean(text: str, most: int = LONGEST) -> str:
    """Return the text on one line, without control and direction characters, cut at `most` characters."""
    # Only the beginning is processed: a body can be megabytes long.
    shown = "".join(" " if unicodedata.category(char) in _UNFIT else char for char in text[: 8 * most])
    line = " ".join(shown.split())
    return line if len(line) <= most else line[: most - 1] + "…"


# Format characters change the direction or hide parts of a line; separators and controls break it.
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
