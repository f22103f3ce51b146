"""HTTP transports of the API client: proxies, the guard against writes, and bounds for every response.

A response is bounded as a whole, in time and in decompressed size; a waiting read ends soon after an interruption.
"""

import os
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from reconciler import __version__
from reconciler.api import tls
from reconciler.api.errors import WriteRefusedError, clean
from reconciler.api.url import ApiAddress

# Limits of the decompressed size of a response; the text of a failed one is at its beginning.
ONE_BYTES = 32 << 20
LIST_BYTES = 256 << 20
ERROR_BYTES = 256 << 10

# Timeout of a socket without one.
_SOCKET_TIMEOUT = 60.0
# Interval of checks for an interruption, and the time left for the response after one.
_SLICE = 0.2
_GRACE = 1.0
# Leaves room under a limit of 64 open files.
_LIMITS = httpx.Limits(max_connections=40, max_keepalive_connections=40, keepalive_expiry=30.0)


class TooLargeError(httpx.TransportError):
    """The response is larger than the call allows."""


class TooSlowError(httpx.TransportError):
    """The response was incomplete at the end of the call's time."""


class InterruptedReadError(httpx.TransportError):
    """The run was interrupted while a read waited."""


class SettingsError(Exception):
    """The environment names a proxy or certificates that cannot be used."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


def open_client(
    address: ApiAddress,
    wrap: Callable[[httpx.BaseTransport], httpx.BaseTransport],
    *,
    auth: httpx.Auth | None = None,
    transport: httpx.BaseTransport | None = None,
    environ: Mapping[str, str] = os.environ,
) -> httpx.Client:
    """Open a client for one address, through the proxy of the environment unless it is on this machine.

    `wrap` wraps the transports that httpx chooses by the environment. Raises `SettingsError`.
    """
    plain = address.scheme == "http" or transport is not None
    try:
        # Without TLS an empty context avoids loading the certificates.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else tls.make_context(environ)
    except tls.CertificatesError as error:
        fix = f"correct or unset {error.source}" if error.source in tls.VARIABLES else f"make {error.source} readable"
        raise SettingsError(f"cannot load the CA certificates: {error}", fix) from None
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
    # httpx creates the transports for the proxies of the environment itself, without a hook to wrap them.
    client._transport = wrap(client._transport)  # noqa: SLF001
    client._mounts = {key: made and wrap(made) for key, made in client._mounts.items()}  # noqa: SLF001
    return client


_PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def _unusable_proxy(environ: Mapping[str, str]) -> SettingsError:
    for name in _PROXIES:
        scheme, separator, _ = environ.get(name, "").partition("://")
        if separator and scheme.startswith("socks"):
            return SettingsError(
                f"{name} is a SOCKS proxy, but the Python package socksio is not installed",
                f"install it (pip install 'httpx[socks]'), or set {name} to an http:// proxy",
            )
        if separator and scheme not in ("http", "https"):
            return SettingsError(
                f'{name} has the unsupported proxy scheme "{clean(scheme, 20)}"',
                f"set {name} to an http:// proxy, or unset it",
            )
    return SettingsError("invalid proxy in the environment", "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySetting:
    """A proxy: its address without user info, and the variable that names it."""

    address: str
    variable: str


def used_proxy(client: httpx.Client, address: ApiAddress) -> ProxySetting | None:
    """Return the proxy for an address; None for a direct connection."""
    if client._transport_for_url(httpx.URL(address.root)) is client._transport:  # noqa: SLF001
        return None
    names = (f"{address.scheme}_proxy", f"{address.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    variable = next((name for name in names if os.environ.get(name)), "")
    written = os.environ.get(variable, "")
    host = written.partition("://")[2] or written
    shown = clean(host.rpartition("@")[2].rstrip("/"), 120)
    return ProxySetting(address=shown or "an address", variable=variable or "the system settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Number of requests sent by a client."""

    reads: int
    writes: int


class RequestCounter:
    """Counts requests; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = {False: 0, True: 0}

    def count(self, *, writes: bool) -> None:
        """Count one request."""
        with self._lock:
            self._numbers[writes] += 1

    @property
    def sent(self) -> Sent:
        """Return the number of counted requests."""
        with self._lock:
            return Sent(reads=self._numbers[False], writes=self._numbers[True])


class WriteGuard(httpx.BaseTransport):
    """Counts requests and refuses writes of a read-only client, as the last place that can stop one.

    A POST to a path that begins with `without_effects` is not a write.
    """

    def __init__(
        self, transport: httpx.BaseTransport, counter: RequestCounter, *, writes: bool, without_effects: bytes
    ) -> None:
        self._transport = transport
        self._counter = counter
        self._writes = writes
        self._without_effects = without_effects

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Forward a request; raises `WriteRefusedError`."""
        harmless = request.method == "POST" and request.url.raw_path.startswith(self._without_effects)
        writes = request.method != "GET" and not harmless
        if writes and not self._writes:
            raise WriteRefusedError(f"a read-only client was asked to {request.method}")
        self._counter.count(writes=writes)
        return self._transport.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _never() -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class Bounds:
    """Limits of one response: deadline, decompressed bytes, and a check for interruption."""

    ends_at: float
    max_bytes: int
    interrupted: Callable[[], bool] = _never
    monotonic: Callable[[], float] = time.monotonic
    interrupted_at: float | None = None
    began: bool = False

    def left(self) -> float:
        """Return the seconds left; raises if there are none."""
        now = self.monotonic()
        if self.interrupted_at is None and self.interrupted():
            self.interrupted_at = now
        if self.interrupted_at is not None and now - self.interrupted_at >= _GRACE:
            raise InterruptedReadError("interrupted")
        if now >= self.ends_at:
            raise TooSlowError("too slow") if self.began else httpx.ReadTimeout("no data")
        return self.ends_at - now


class BoundedTransport(httpx.BaseTransport):
    """Reads each response completely, within the `Bounds` in the extensions of its request, and decompresses it."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport
        self._current = threading.local()
        if isinstance(transport, httpx.HTTPTransport):
            # httpx has no timeout for a whole response and no parameter for this hook of httpcore.
            pool = transport._pool  # noqa: SLF001
            pool._network_backend = _BoundedBackend(pool._network_backend, self._current)  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its response."""
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
    """Return the decompressed body; a failed response is cut at the limit."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise httpx.DecodingError(f"unrequested content encoding: {encoding}")
    gzip = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    try:
        for piece in response.iter_raw():
            body += piece if gzip is None else gzip.decompress(piece, limit + 1 - len(body))
            if len(body) > limit and response.is_success:
                raise TooLargeError(f"the response is larger than {limit >> 20} MiB")
            if len(body) > limit:
                return bytes(body[:limit])
            bounds.left()
    except zlib.error:
        raise httpx.DecodingError("not gzip") from None
    declared = response.headers.get("content-length", "")
    # In-process there is no HTTP parser to detect a truncated response.
    if (declared.isdigit() and response.num_bytes_downloaded < int(declared)) or (gzip and body and not gzip.eof):
        raise httpx.ReadError("cut short")
    return bytes(body)


class _BoundedBackend(httpcore.NetworkBackend):
    """Connections whose reads end in time, however slowly bytes arrive, and soon after an interruption."""

    def __init__(self, backend: httpcore.NetworkBackend, current: threading.local) -> None:
        self._backend = backend
        self._current = current

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        """Open a TCP connection with bounded reads."""
        return _BoundedStream(self._backend.connect_tcp(*arguments, **options), self._current)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, current: threading.local) -> None:
        self._stream = stream
        self._current = current

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        bounds: Bounds = self._current.bounds
        deadline = bounds.monotonic() + (timeout or _SOCKET_TIMEOUT)
        while True:
            left = min(bounds.left(), deadline - bounds.monotonic())
            try:
                found = self._stream.read(max_bytes, max(0.001, min(_SLICE, left)))
            except httpcore.ReadTimeout:
                if bounds.monotonic() >= deadline:
                    raise
            else:
                bounds.began = True
                return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        bounds: Bounds = self._current.bounds
        self._stream.write(buffer, min(timeout or _SOCKET_TIMEOUT, bounds.left()))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._current)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
