"""Requests to the API over one `httpx.Client`: what is sent, how long and how much is read, what each failure means.

This module knows neither paths nor fields of the API. Every answer is bounded as a whole, in time and in size.
"""

import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from reconciler import __version__
from reconciler.api import errors, json_text, tls
from reconciler.api.auth.provider import BearerAuth, Credentials
from reconciler.api.errors import ApiError, ErrorContext, PermissionDenied, TokenRejected, WriteRefusedError
from reconciler.api.retry import Attempt, Kind, Retrier, RetryReason, retry_reason
from reconciler.api.url import Address
from reconciler.diagnostics import Diagnostic, Severity

Parameters = tuple[tuple[str, str], ...]

# How long the server may stay silent, and how long the whole answer may take; a list is given more of both.
ONE_SECONDS = 60.0
LIST_SECONDS = 120.0
LIST_DEADLINE = 300.0
# How large an answer may be when it is decompressed. What a failed answer says stands at its beginning.
ONE_BYTES = 32 << 20
LIST_BYTES = 256 << 20
ERROR_BYTES = 256 << 10
# Where a POST only asks: the one path that a client that only reads may POST to.
RESOLVE = "/apko/v1/resolve/"

_CONNECT_SECONDS = 10.0
# A waiting read looks so often whether the run was interrupted, and then gives its answer so long to come.
_SLICE = 0.2
_GRACE = 1.0
# So few that a limit of 64 open files leaves room for them.
_LIMITS = httpx.Limits(max_connections=40, max_keepalive_connections=40, keepalive_expiry=30.0)
# The server's clock is taken a little early where an answer does not tell it: too early loses no build.
_CLOCK_MARGIN = 60.0
# A server's clock that is further off than this is not believed.
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
# Of these, those that the request itself is the reason of.
_HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)


class TooLargeError(httpx.TransportError):
    """The answer is larger than the call allows."""


class TooSlowError(httpx.TransportError):
    """The answer was not whole when the time for the call was over."""


class InterruptedReadError(httpx.TransportError):
    """The run was interrupted while a read waited."""


_REASONS: dict[type[BaseException], str] = {
    InterruptedReadError: "the run was interrupted before the whole answer came",
    TooSlowError: "the answer was not whole in time",
    TooLargeError: "the answer is too large",
    ssl.SSLError: "no encrypted connection could be made",
    socket.gaierror: "the host name is not known",
    ConnectionRefusedError: "the connection was refused",
    httpx.ProxyError: "the proxy refused to connect",
    httpx.DecodingError: "the answer could not be decompressed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to the API.

    `action` completes "could not …" in a message; `capability` is what the token needs for it; `timeout` is how many
    seconds the answer may take. The answer to a `large` one is a list. What is `optional` is given up sooner when the
    API does not answer. `only_asks` marks a POST that changes nothing.
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
    only_asks: bool = False
    optional: bool = False

    @property
    def writes(self) -> bool:
        """Whether the request may change something."""
        return self.method != "GET" and not self.only_asks


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer, decoded; `server_time` is the server's clock, in seconds since the epoch."""

    document: dict[str, object] = field(repr=False)
    server_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How many requests a client has sent."""

    reads: int
    writes: int


class Connection:
    """Sends calls, from any number of threads. One that may not write stops a write before anything is sent.

    `lacks` tells whether the token lacks a capability as far as the identity call knows, None where it does not.
    """

    def __init__(
        self,
        address: Address,
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
        self._counter = Counter()
        self._writes = writes
        self._made: httpx.Client | None = None
        self._ahead = 0.0
        self._clock_noticed = False

    @property
    def sent(self) -> Sent:
        """How many requests were sent so far."""
        return self._counter.sent

    def close(self) -> None:
        """Close all connections; the object is of no use afterwards."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def limit(self, seconds: float | None) -> None:
        """Give all calls from now on so many seconds together; None for no limit."""
        self._retrier.limit(seconds)

    def answer(self, call: Call) -> Answer:
        """Send a call and return its answer, which is always a JSON object; raises `ApiError`."""
        response = self.reply(call)
        return Answer(document=self._document(call, response), server_time=self._server_time(response))

    def reply(self, call: Call) -> httpx.Response:
        """Send a call and return the response, whose content is whole, where it is a success; raises `ApiError`."""
        response = self._exchange(call, authorized=True)
        self._server_time(response)
        error = self._failure(call, response)
        if isinstance(error, PermissionDenied) and call.capability != "any":
            error = self._explained(call, error)
        if error is not None:
            raise error
        return response

    def ping(self, call: Call) -> float | None:
        """Whether the API answers at all, asked without a token: its clock, None where it does not tell the time.

        Being told that a token is needed is an answer. Raises `ApiError` for any other failure.
        """
        response = self._exchange(call, authorized=False)
        error = self._failure(call, response)
        if error is None:
            self._document(call, response)
        elif not isinstance(error, TokenRejected):
            raise error
        return errors.http_time(response.headers.get("date", ""))

    def server_now(self) -> float:
        """The time on the server's clock, by the last answer that told it; else that of this machine."""
        return self._retrier.timing.now() + self._ahead

    def incomplete(self, call: Call, problem: str) -> ApiError:
        """The error for an answer without what the API promises: after a write, nobody knows what that did."""
        if call.writes:
            return errors.answer_lost(self._context(call), problem)
        return errors.not_understood(self._context(call), problem)

    def no_object(self, call: Call, response: httpx.Response) -> ApiError:
        """The error for an answer that is not JSON, or another value than an object."""
        text = errors.body_text(response.content)
        return self.incomplete(call, f"the body is no JSON object: {text or 'it is empty'}")

    def _exchange(self, call: Call, *, authorized: bool) -> httpx.Response:
        """One call, one response, sent again where that is safe."""
        client = self._client(call)
        return self._retrier.run(
            lambda: self._attempt(client, call, authorized=authorized),
            action=call.action,
            writes=call.writes,
            optional=call.optional,
        )

    def _attempt(self, client: httpx.Client, call: Call, *, authorized: bool) -> Attempt[httpx.Response]:
        """One try. Nothing of httpx is raised or chained, as that holds the request and with it the token."""
        try:
            response = self._send(client, call, authorized=authorized)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # An OSError comes from the WSGI app: that is how it drops a connection.
            return self._failed(client, call, error)
        found = self._failure(call, response)
        return Attempt(result=response, reason=None if found is None else retry_reason(found))

    def _send(self, client: httpx.Client, call: Call, *, authorized: bool) -> httpx.Response:
        left = self._retrier.left()
        silence = min(LIST_SECONDS if call.large else call.timeout, left)
        deadline = min(LIST_DEADLINE if call.large else call.timeout, left)
        bounds = Bounds(
            ends_at=self._monotonic() + deadline,
            max_bytes=LIST_BYTES if call.large else ONE_BYTES,
            interrupted=_never if call.writes else self._retrier.timing.stopped,
            monotonic=self._monotonic,
        )
        return client.request(
            call.method,
            self._address.url(call.path, call.parameters),
            content=call.body,
            headers={"Content-Type": call.content_type} if call.body is not None else None,
            auth=httpx.USE_CLIENT_DEFAULT if authorized else None,
            timeout=httpx.Timeout(silence, connect=min(_CONNECT_SECONDS, silence)),
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
            kind = Kind.SILENT if isinstance(error, httpx.TimeoutException) else Kind.BROKEN
            reason = RetryReason(kind=kind, reason=text)
        return Attempt(error=errors.no_answer(context, text), reason=reason)

    def _failure(self, call: Call, response: httpx.Response) -> ApiError | None:
        if response.is_success:
            return None
        return errors.error_from_response(response.status_code, response.headers, response.content, self._context(call))

    def _explained(self, call: Call, error: PermissionDenied) -> PermissionDenied:
        """The same 403; a capability is called missing only where the identity call agrees."""
        context = self._context(call)
        found = errors.permission_denied(context, error.diagnostic.detail, missing=self.lacks(call.capability))
        found.status, found.code, found.message = error.status, error.code, error.message
        found.own_status = error.own_status
        return found

    def _context(self, call: Call) -> ErrorContext:
        about = ErrorContext(
            root=self._address.root,
            action=call.action,
            capability=call.capability,
            writes=call.writes,
            only_asks=call.only_asks,
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
        """The server's clock by a response; a time that is far off is ignored, and said so once."""
        found, now = errors.http_time(response.headers.get("date", "")), self._retrier.timing.now()
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
        """The one client of this connection, made when it is needed: until then the environment is not read."""
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
        return WriteGuard(BoundedTransport(transport), self._counter, writes=self._writes, only_asks=resolve)


class Counter:
    """Counts requests, from any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = {False: 0, True: 0}

    def count(self, *, writes: bool) -> None:
        """Count one request."""
        with self._lock:
            self._numbers[writes] += 1

    @property
    def sent(self) -> Sent:
        """How many requests were counted."""
        with self._lock:
            return Sent(reads=self._numbers[False], writes=self._numbers[True])


class WriteGuard(httpx.BaseTransport):
    """Counts what passes and refuses writes where there may be none: the last place at which one can be stopped.

    A POST to a path that begins with `only_asks` is no write.
    """

    def __init__(self, transport: httpx.BaseTransport, counter: Counter, *, writes: bool, only_asks: bytes) -> None:
        self._transport = transport
        self._counter = counter
        self._writes = writes
        self._only_asks = only_asks

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on; raises `WriteRefusedError`."""
        asks = request.method == "POST" and request.url.raw_path.startswith(self._only_asks)
        writes = request.method != "GET" and not asks
        if writes and not self._writes:
            raise WriteRefusedError(f"a client that only reads was asked to {request.method}")
        self._counter.count(writes=writes)
        return self._transport.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _never() -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class Bounds:
    """What one answer may take: until when, how many bytes when decompressed, and whether the run was interrupted."""

    ends_at: float
    max_bytes: int
    interrupted: Callable[[], bool] = _never
    monotonic: Callable[[], float] = time.monotonic
    interrupted_at: float | None = None
    began: bool = False

    def left(self) -> float:
        """The seconds that are left; raises where there are none."""
        now = self.monotonic()
        if self.interrupted_at is None and self.interrupted():
            self.interrupted_at = now
        if self.interrupted_at is not None and now - self.interrupted_at >= _GRACE:
            raise InterruptedReadError("interrupted")
        if now >= self.ends_at:
            raise TooSlowError("too slow") if self.began else httpx.ReadTimeout("silent")
        return self.ends_at - now


class BoundedTransport(httpx.BaseTransport):
    """Reads each answer whole, within the `Bounds` in the extensions of its request; its content is decompressed."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport
        self._current = threading.local()
        if isinstance(transport, httpx.HTTPTransport):
            # httpx has no time-out for a whole answer and no parameter for this hook of httpcore.
            pool = transport._pool  # noqa: SLF001
            pool._network_backend = _BoundedBackend(pool._network_backend, self._current)  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its answer."""
        bounds: Bounds = request.extensions["bounds"]
        self._current.bounds = bounds
        response = self._transport.handle_request(request)
        try:
            limit = bounds.max_bytes if response.is_success else ERROR_BYTES
            content = _read_body(response, bounds, limit)
        finally:
            response.close()
        headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-encoding"]
        return httpx.Response(response.status_code, headers=headers, content=content, extensions=response.extensions)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _read_body(response: httpx.Response, bounds: Bounds, limit: int) -> bytes:
    """The decompressed body. What a failed answer has beyond the limit is cut off."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise httpx.DecodingError(f"an encoding that was not asked for: {encoding}")
    gzip = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    try:
        for piece in response.iter_raw():
            body += piece if gzip is None else gzip.decompress(piece, limit + 1 - len(body))
            if len(body) > limit and response.is_success:
                raise TooLargeError(f"the answer is larger than {limit >> 20} MiB")
            if len(body) > limit:
                return bytes(body[:limit])
            bounds.left()
    except zlib.error:
        raise httpx.DecodingError("not gzip") from None
    promised = response.headers.get("content-length", "")
    # In-process there is no HTTP parser between us and the app that would notice an answer cut short.
    if (promised.isdigit() and response.num_bytes_downloaded < int(promised)) or (gzip and body and not gzip.eof):
        raise httpx.ReadError("cut short")
    return bytes(body)


class _BoundedBackend(httpcore.NetworkBackend):
    """Connections whose reads end in time, however slowly the bytes come, and soon after an interruption."""

    def __init__(self, backend: httpcore.NetworkBackend, current: threading.local) -> None:
        self._backend = backend
        self._current = current

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        """Connect."""
        return _BoundedStream(self._backend.connect_tcp(*arguments, **options), self._current)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, current: threading.local) -> None:
        self._stream = stream
        self._current = current

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        bounds: Bounds = self._current.bounds
        silent = bounds.monotonic() + (timeout or ONE_SECONDS)
        while True:
            left = min(bounds.left(), silent - bounds.monotonic())
            try:
                found = self._stream.read(max_bytes, max(0.001, min(_SLICE, left)))
            except httpcore.ReadTimeout:
                if bounds.monotonic() >= silent:
                    raise
            else:
                bounds.began = True
                return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        bounds: Bounds = self._current.bounds
        self._stream.write(buffer, min(timeout or ONE_SECONDS, bounds.left()))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._current)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class SettingsError(Exception):
    """The environment names a proxy or certificates that cannot be used."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


def open_client(
    address: Address,
    wrap: Callable[[httpx.BaseTransport], httpx.BaseTransport],
    *,
    auth: httpx.Auth | None = None,
    transport: httpx.BaseTransport | None = None,
    environ: Mapping[str, str] = os.environ,
) -> httpx.Client:
    """Open a client for one address, through the proxy that the environment names unless it is on this machine.

    `wrap` puts something around the transports that httpx chooses by the environment. Raises `SettingsError`.
    """
    plain = address.scheme == "http" or transport is not None
    try:
        # Where no TLS is spoken, an empty context spares loading the certificates.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else tls.make_context(environ)
    except tls.CertificatesError as error:
        fix = (
            f"correct {error.source}, or unset it" if error.source in tls.VARIABLES else f"make {error.source} readable"
        )
        raise SettingsError(f"whom to trust is not known: {error}", fix) from None
    try:
        client = httpx.Client(
            transport=transport,
            verify=context,
            trust_env=not address.loopback,
            limits=_LIMITS,
            auth=auth,
            headers={
                "User-Agent": f"reconciler/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
    except (OSError, ValueError, ImportError, httpx.InvalidURL):
        raise _unusable_proxy(environ) from None
    # httpx makes the transports for the proxies of the environment itself, and takes nothing to put around them.
    client._transport = wrap(client._transport)  # noqa: SLF001
    client._mounts = {key: made and wrap(made) for key, made in client._mounts.items()}  # noqa: SLF001
    return client


_PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def _unusable_proxy(environ: Mapping[str, str]) -> SettingsError:
    for name in _PROXIES:
        scheme, separator, _ = environ.get(name, "").partition("://")
        if separator and scheme.startswith("socks"):
            return SettingsError(
                f"{name} names a SOCKS proxy, and the Python package socksio is not installed",
                f"install it (pip install 'httpx[socks]'), or name an http:// proxy in {name}",
            )
        if separator and scheme not in ("http", "https"):
            return SettingsError(
                f'{name} names a proxy of the unknown kind "{errors.clean(scheme, 20)}"',
                f"name an http:// proxy in {name}, or unset it",
            )
    return SettingsError(
        "the proxy named in the environment cannot be used", "look at HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySetting:
    """The proxy that is used: its address without user info, and the variable that names it."""

    address: str
    variable: str


def used_proxy(client: httpx.Client, address: Address) -> ProxySetting | None:
    """The proxy through which a client reaches an address; None where it needs none."""
    if client._transport_for_url(httpx.URL(address.root)) is client._transport:  # noqa: SLF001
        return None
    names = (f"{address.scheme}_proxy", f"{address.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    variable = next((name for name in names if os.environ.get(name)), "")
    written = os.environ.get(variable, "")
    host = written.partition("://")[2] or written
    shown = errors.clean(host.rpartition("@")[2].rstrip("/"), 120)
    return ProxySetting(address=shown or "an address", variable=variable or "the system's settings")


def _not_sent(context: ErrorContext, error: Exception, text: str, proxy: ProxySetting | None) -> ApiError:
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLError):
        hint = "if a proxy ends TLS here, name its certificates in SSL_CERT_FILE"
        return errors.unreachable(context, text, hint=hint, sent=False)
    if proxy is None or isinstance(error, _HOPELESS):
        return errors.unreachable(context, text, sent=False)
    refused = isinstance(error, httpx.ProxyError)
    named = f"the proxy at {proxy.address} ({proxy.variable})"
    action = f"could not {errors.clean(context.action)}"
    found = errors.Unreachable(
        Diagnostic(
            code="proxy-unreachable",
            summary=f"{named} does not connect to the API" if refused else f"cannot reach {named}: {text}",
            detail=f"{text}; {action}" if refused else action,
            hint=f"check {proxy.variable}; name the host of the API in NO_PROXY to reach it without a proxy",
        )
    )
    found.sent, found.text = False, found.diagnostic.summary
    return found


def _reason_before_sending(error: Exception, text: str) -> RetryReason | None:
    """Why a request that was not sent may be sent again; None where the next one cannot fare better."""
    if isinstance(error, _HOPELESS):
        return None
    cause = _innermost(error)
    # A connection that breaks in the middle of agreeing on encryption is one that broke, nothing worse.
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None
    absent = isinstance(error, httpx.ProxyError) or isinstance(cause, socket.gaierror | ConnectionRefusedError)
    return RetryReason(kind=Kind.ABSENT if absent else Kind.UNSENT, reason=text)


def reason_of(error: BaseException, timeout: float = ONE_SECONDS) -> str:
    """Return why a request failed, in words of ours: the exceptions' own text may repeat a header."""
    if isinstance(error, httpx.TimeoutException):
        opening = isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
        return f"no connection within {_CONNECT_SECONDS:.0f} s" if opening else f"no answer within {timeout:.0f} s"
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {cause.verify_message}"
    if isinstance(error, httpx.ProxyError) and str(error)[:3].isdigit():
        return f"the proxy refused to connect (HTTP {str(error)[:3]})"
    found = (words for kind, words in _REASONS.items() if isinstance(error, kind) or isinstance(cause, kind))
    return next(found, "the connection ended before a whole answer came")


def _innermost(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _clock_notice(days: float) -> Diagnostic:
    direction = "ahead of" if days > 0 else "behind"
    return Diagnostic(
        code="clock-ignored",
        severity=Severity.WARNING,
        summary=f"ignoring the API's clock: it is {abs(days):,.0f} days {direction} the clock of this machine",
        hint="check the clock of this machine",
    )
