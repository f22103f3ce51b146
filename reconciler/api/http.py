"""Requests to the API over one `httpx.Client`: sending, limits of time and size, and the meaning of failures.

Paths and fields of the API are unknown here. Every response is bounded as a whole, in time and size.
"""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from reconciler.api import errors, json_text, status
from reconciler.api.auth.provider import BearerAuth, Credentials
from reconciler.api.errors import ApiError, ErrorContext, PermissionDenied, TokenRejected
from reconciler.api.retry import Attempt, Retrier, RetryKind, RetryReason, retry_reason
from reconciler.api.transport import (
    LIST_BYTES,
    ONE_BYTES,
    BoundedTransport,
    Bounds,
    InterruptedReadError,
    ProxySetting,
    RequestCounter,
    Sent,
    SettingsError,
    TooLargeError,
    TooSlowError,
    WriteGuard,
    open_client,
    used_proxy,
)
from reconciler.api.url import ApiAddress
from reconciler.diagnostics import Diagnostic, Severity

Parameters = tuple[tuple[str, str], ...]

# Limits of the time without data and of the whole response; higher for lists.
ONE_SECONDS = 60.0
LIST_SECONDS = 120.0
LIST_DEADLINE = 300.0
# The one path that a read-only client may POST to.
RESOLVE = "/apko/v1/resolve/"

_CONNECT_SECONDS = 10.0
# Without a date from the server its clock is assumed a little early, so that no build is missed.
_CLOCK_MARGIN = 60.0
# A server's clock further off than this is ignored.
_LARGEST_SKEW = 86_400.0

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
# Of these, the ones caused by the request itself.
_HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)

_REASONS: dict[type[BaseException], str] = {
    InterruptedReadError: "interrupted before the response was complete",
    TooSlowError: "the response took too long",
    TooLargeError: "the response is too large",
    ssl.SSLError: "TLS handshake failed",
    socket.gaierror: "cannot resolve the host name",
    ConnectionRefusedError: "connection refused",
    httpx.ProxyError: "the proxy refused to connect",
    httpx.DecodingError: "cannot decompress the response",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to the API.

    `action` completes "could not …" in a message; `capability` is the required one; `timeout` is the limit of the
    response in seconds. The response to a `large` one is a list. An `optional` one is retried less often. A POST
    `without_effects` only asks.
    """

    action: str
    capability: str
    path: str
    method: str = "GET"
    parameters: Parameters = ()
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    timeout: float = ONE_SECONDS
    large: bool = False
    without_effects: bool = False
    optional: bool = False

    @property
    def writes(self) -> bool:
        """Return whether the request may change something."""
        return self.method != "GET" and not self.without_effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful decoded response; `server_time` is the server's clock, in seconds since the epoch."""

    document: dict[str, object] = field(repr=False)
    server_time: float


class Connection:
    """Sends calls; thread-safe. A read-only connection stops a write before anything is sent.

    `lacks` returns whether the token lacks a capability according to the identity call, None if unknown.
    """

    def __init__(
        self,
        address: ApiAddress,
        credentials: Credentials | None,
        *,
        writes: bool,
        transport: httpx.BaseTransport | None = None,
        retrier: Retrier | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.credentials = credentials
        self.lacks: Callable[[str], bool | None] = lambda _: None
        self._address = address
        self._transport = transport
        self._environ = environ
        self._retrier = retrier or Retrier()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._counter = RequestCounter()
        self._writes = writes
        self._made: httpx.Client | None = None
        self._ahead: float | None = None
        self._clock_noticed = False

    @property
    def sent(self) -> Sent:
        """Return the number of requests sent so far."""
        return self._counter.sent

    def close(self) -> None:
        """Close all connections; the object cannot be used afterwards."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def limit(self, seconds: float | None) -> None:
        """Set a deadline for all further calls together, in seconds from now; None for no limit."""
        self._retrier.limit(seconds)

    def answer(self, call: Call) -> Answer:
        """Send a call and return its response, always a JSON object; raises `ApiError`."""
        response, server_time = self._succeed(call)
        return Answer(document=self._document(call, response), server_time=server_time)

    def reply(self, call: Call) -> httpx.Response:
        """Send a call and return the complete response of a success; raises `ApiError`."""
        return self._succeed(call)[0]

    def ping(self, call: Call) -> float | None:
        """Return the server's clock once the API responds without a token; None if it sends no time.

        A 401 is a response. Raises `ApiError` for any other failure.
        """
        response = self._exchange(call, authorized=False)
        error = self._failure(call, response)
        if error is None:
            self._document(call, response)
        elif not isinstance(error, TokenRejected):
            raise error
        return status.http_time(response.headers.get("date", ""))

    def server_now(self) -> float:
        """Return the time on the server's clock by the last response with a date; else this machine's time."""
        return self._retrier.timing.now() + (self._ahead or 0.0)

    def server_before(self) -> float:
        """Return a time on the server's clock just before now; earlier where no response had a date."""
        return self.server_now() - (_CLOCK_MARGIN if self._ahead is None else 0.0)

    def incomplete(self, call: Call, problem: str) -> ApiError:
        """Return the error for a response without required content: after a write, its effect is unknown."""
        if call.writes:
            return errors.unknown_effect(self._context(call), f"cannot parse the response: {problem}")
        return errors.not_understood(self._context(call), problem)

    def no_object(self, call: Call, response: httpx.Response) -> ApiError:
        """Return the error for a response that is not a JSON object."""
        text = status.body_text(response.content)
        body = f"the body is not a JSON object: {text or 'empty'}"
        return self.incomplete(call, f"HTTP {response.status_code}, but {body}" if call.writes else body)

    def _succeed(self, call: Call) -> tuple[httpx.Response, float]:
        """Return the response of a success and the server's clock; raises `ApiError`."""
        response = self._exchange(call, authorized=True)
        server_time = self._server_time(response)
        error = self._failure(call, response)
        if isinstance(error, PermissionDenied) and call.capability != "any":
            error = self._explained(call, error)
        if error is not None:
            raise error
        return response, server_time

    def _exchange(self, call: Call, *, authorized: bool) -> httpx.Response:
        """Send one call until it has a response, repeating it where that is safe."""
        client = self._client(call)
        return self._retrier.run(
            lambda: self._attempt(client, call, authorized=authorized),
            action=call.action,
            writes=call.writes,
            optional=call.optional,
        )

    def _attempt(self, client: httpx.Client, call: Call, *, authorized: bool) -> Attempt[httpx.Response]:
        """Send a call once. No httpx exception is raised or chained, as it holds the request and with it the token."""
        try:
            response = self._send(client, call, authorized=authorized)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # The WSGI app raises OSError to drop a connection.
            return self._failed(client, call, error)
        found = self._failure(call, response)
        return Attempt(result=response, reason=None if found is None else retry_reason(found))

    def _send(self, client: httpx.Client, call: Call, *, authorized: bool) -> httpx.Response:
        left = self._retrier.left()
        read_timeout = min(LIST_SECONDS if call.large else call.timeout, left)
        deadline = min(LIST_DEADLINE if call.large else call.timeout, left)
        bounds = Bounds(
            ends_at=self._monotonic() + deadline,
            max_bytes=LIST_BYTES if call.large else ONE_BYTES,
            interrupted=(lambda: False) if call.writes else self._retrier.timing.stopped,
            monotonic=self._monotonic,
        )
        return client.request(
            call.method,
            self._address.url(call.path, call.parameters),
            content=call.body,
            headers={"Content-Type": call.content_type} if call.body is not None else None,
            auth=httpx.USE_CLIENT_DEFAULT if authorized else None,
            timeout=httpx.Timeout(read_timeout, connect=min(_CONNECT_SECONDS, read_timeout)),
            extensions={"bounds": bounds},
        )

    def _failed(self, client: httpx.Client, call: Call, error: Exception) -> Attempt[httpx.Response]:
        context, text = self._context(call), reason_of(error, call.timeout)
        if isinstance(error, _NOT_SENT):
            proxy = used_proxy(client, self._address)
            return Attempt(error=_not_sent(context, error, text, proxy), reason=_reason_before_sending(error, text))
        if isinstance(error, TooLargeError):
            return Attempt(error=self.incomplete(call, str(error)))
        reason = None
        if not isinstance(error, TooSlowError | InterruptedReadError):
            kind = RetryKind.TIMED_OUT if isinstance(error, httpx.TimeoutException) else RetryKind.BROKEN
            reason = RetryReason(kind=kind, reason=text)
        return Attempt(error=errors.no_answer(context, text), reason=reason)

    def _failure(self, call: Call, response: httpx.Response) -> ApiError | None:
        if response.is_success:
            return None
        return errors.error_from_response(response.status_code, response.headers, response.content, self._context(call))

    def _explained(self, call: Call, error: PermissionDenied) -> PermissionDenied:
        """Return the 403 with the missing capability only if the identity call confirms it."""
        context = self._context(call)
        found = errors.permission_denied(context, error.diagnostic.detail, missing=self.lacks(call.capability))
        found.status, found.code, found.message = error.status, error.code, error.message
        found.own_status, found.violations = error.own_status, error.violations
        return found

    def _context(self, call: Call) -> ErrorContext:
        about = ErrorContext(
            root=self._address.root,
            action=call.action,
            capability=call.capability,
            writes=call.writes,
            without_effects=call.without_effects,
            optional=call.optional,
        )
        return about if self.credentials is None else self.credentials.described(about)

    def _document(self, call: Call, response: httpx.Response) -> dict[str, object]:
        try:
            document = json_text.decode(response.content)
        except ValueError:
            document = None
        if isinstance(document, dict):
            return document
        raise self.no_object(call, response)

    def _server_time(self, response: httpx.Response) -> float:
        """Return the server's clock by a response; a time that is far off is ignored, with one notice."""
        found, now = status.http_time(response.headers.get("date", "")), self._retrier.timing.now()
        if found is None:
            return now - _CLOCK_MARGIN
        if abs(found - now) <= _LARGEST_SKEW:
            self._ahead = found - now
            return found
        with self._lock:
            noticed, self._clock_noticed = self._clock_noticed, True
        if not noticed:
            self._retrier.on_notice(_clock_notice((found - now) / 86_400.0))
        return now - _CLOCK_MARGIN

    def _client(self, call: Call) -> httpx.Client:
        """Return the one client of this connection, created at first use: until then the environment is not read."""
        try:
            with self._lock:
                if self._made is None:
                    auth = None if self.credentials is None else BearerAuth(self.credentials)
                    self._made = open_client(
                        self._address, self._guard, auth=auth, transport=self._transport, environ=self._environ
                    )
                return self._made
        except SettingsError as error:
            problem, hint = str(error), error.hint
        raise errors.unreachable(self._context(call), problem, hint=hint, sent=False)

    def _guard(self, transport: httpx.BaseTransport) -> httpx.BaseTransport:
        resolve = httpx.URL(self._address.url(RESOLVE)).raw_path
        return WriteGuard(BoundedTransport(transport), self._counter, writes=self._writes, without_effects=resolve)


def _not_sent(context: ErrorContext, error: Exception, text: str, proxy: ProxySetting | None) -> ApiError:
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLError):
        hint = "set SSL_CERT_FILE to the CA certificates, if a proxy terminates TLS"
        return errors.unreachable(context, text, hint=hint, sent=False)
    if proxy is None or isinstance(error, _HOPELESS):
        return errors.unreachable(context, text, sent=False)
    refused = isinstance(error, httpx.ProxyError)
    named = f"the proxy at {proxy.address} ({proxy.variable})"
    action = f"could not {errors.clean(context.action)}"
    found = errors.Unreachable(
        Diagnostic(
            code="proxy-unreachable",
            summary=f"{named} cannot connect to the API" if refused else f"cannot reach {named}: {text}",
            detail=f"{text}; {action}" if refused else action,
            hint=f"check {proxy.variable}, or add the API host to NO_PROXY to bypass the proxy",
        )
    )
    found.sent, found.text = False, found.diagnostic.summary
    return found


def _reason_before_sending(error: Exception, text: str) -> RetryReason | None:
    """Return why an unsent request may be sent again; None if a retry cannot help."""
    if isinstance(error, _HOPELESS):
        return None
    cause = _innermost(error)
    # A connection that breaks during the TLS handshake is an ordinary broken connection.
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None
    absent = isinstance(error, httpx.ProxyError) or isinstance(cause, socket.gaierror | ConnectionRefusedError)
    return RetryReason(kind=RetryKind.ABSENT if absent else RetryKind.UNSENT, reason=text)


def reason_of(error: BaseException, timeout: float = ONE_SECONDS) -> str:
    """Return why a request failed, in our own words: the exceptions' text may repeat a header."""
    if isinstance(error, httpx.TimeoutException):
        opening = isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
        return f"no connection within {_CONNECT_SECONDS:.0f} s" if opening else f"no response within {timeout:.0f} s"
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {cause.verify_message}"
    if isinstance(error, httpx.ProxyError) and str(error)[:3].isdigit():
        return f"the proxy refused to connect (HTTP {str(error)[:3]})"
    found = (words for kind, words in _REASONS.items() if isinstance(error, kind) or isinstance(cause, kind))
    return next(found, "the connection closed before the response was complete")


def _innermost(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _clock_notice(days: float) -> Diagnostic:
    direction = "ahead of" if days > 0 else "behind"
    return Diagnostic(
        code="clock-ignored",
        severity=Severity.WARNING,
        summary=f"ignoring the API clock: it is {abs(days):,.0f} days {direction} the local clock",
        hint="check the local clock",
    )
