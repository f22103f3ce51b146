"""Requests over the line: connections, time-outs, and what each exception of the HTTP library means.

The only module that imports httpx. It knows neither paths nor fields of the API. Each worker thread has an
`httpx.Client` of its own over one TLS context: a client that threads share pays for every connection that it holds
with each request, and a TLS context costs some 35 ms to make.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from wsgiref.types import WSGIApplication

import httpx

from reconciler import __version__
from reconciler.api import failures, json_text
from reconciler.api.address import Address
from reconciler.api.call import Answer, Call, Reply
from reconciler.api.errors import ApiError, WriteRefusedError
from reconciler.api.failures import Peer
from reconciler.api.token import Token
from reconciler.api.values import Sent
from reconciler.api.wording import body_text

_CONNECT_SECONDS = 10.0
# The server's clock is taken a little early where an answer does not tell it: too early loses no build.
_CLOCK_MARGIN = 60.0

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)

_REASONS: dict[type[BaseException], str] = {
    ssl.SSLError: "no encrypted connection could be made",
    socket.gaierror: "the host name is not known",
    ConnectionRefusedError: "the connection was refused",
    httpx.ProxyError: "the proxy refused to connect",
    httpx.DecodingError: "the answer could not be decompressed",
}


class Connection:
    """Sends calls, from any number of threads. One that may not write stops a write before anything is sent."""

    def __init__(
        self,
        address: Address,
        token: Token | None,
        *,
        writes: bool,
        wsgi_app: WSGIApplication | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.peer = Peer(root=address.root, token=token)
        self._address = address
        self._writes = writes
        self._wsgi_app = wsgi_app
        self._now = now
        self._lock = threading.Lock()
        self._of_thread = threading.local()
        self._clients: list[httpx.Client] = []
        self._context: ssl.SSLContext | None = None
        self._sent = {False: 0, True: 0}

    @property
    def sent(self) -> Sent:
        """How many requests were sent so far."""
        with self._lock:
            return Sent(reads=self._sent[False], writes=self._sent[True])

    def close(self) -> None:
        """Close the connections of all threads; the object is of no use afterwards."""
        with self._lock:
            clients, self._clients = self._clients, []
        for client in clients:
            client.close()

    def answer(self, call: Call) -> Answer:
        """Send a call and return its answer, which is always a JSON object; raises `ApiError`."""
        reply = self._exchange(call)
        error = failures.failure(call, reply, self.peer)
        if error is not None:
            raise error
        return Answer(document=self._document(call, reply), server_time=self._server_time(reply))

    def incomplete(self, call: Call, problem: str) -> ApiError:
        """The error for an answer without what the API promises: after a write, nobody knows what that did."""
        if call.writes:
            return failures.interrupted(call, self.peer, problem)
        return failures.not_understood(call, self.peer, problem)

    def _exchange(self, call: Call) -> Reply:
        """One call, one reply. Repeating a read that failed belongs here and nowhere else."""
        client = self._client(call)
        try:
            return self._send(client, call)
        except _NOT_SENT as error:
            problem: ApiError = self._not_sent(call, error)
        except (httpx.HTTPError, OSError) as error:
            # An OSError comes from the WSGI app: that is how it drops a connection.
            problem = failures.interrupted(call, self.peer, _reason(error, call))
        # Outside the handlers, so that nothing of httpx, which holds the request and its token, stays chained.
        raise problem

    def _send(self, client: httpx.Client, call: Call) -> Reply:
        response = client.request(
            call.method,
            self._address.url(call.path, call.parameters),
            content=call.body,
            headers=self._headers(call),
            timeout=httpx.Timeout(call.patience, connect=_CONNECT_SECONDS, pool=_CONNECT_SECONDS),
        )
        # In-process there is no HTTP parser between us and the app that would notice an answer cut short.
        promised = response.headers.get("content-length", "")
        if promised.isdigit() and response.num_bytes_downloaded < int(promised):
            raise httpx.ReadError("cut short")
        return Reply(status=response.status_code, headers=dict(response.headers), body=response.content)

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self.peer.token is not None:
            headers["Authorization"] = self.peer.token.header()
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def _document(self, call: Call, reply: Reply) -> dict[str, object]:
        try:
            document = json_text.decode(reply.body)
        except ValueError:
            document = None
        if isinstance(document, dict):
            return document
        raise self.incomplete(call, f"the body is no JSON object: {body_text(reply.body) or 'it is empty'}")

    def _server_time(self, reply: Reply) -> float:
        told = failures.http_time(reply.headers.get("date", ""))
        return self._now() - _CLOCK_MARGIN if told is None else told

    def _not_sent(self, call: Call, error: Exception) -> ApiError:
        if isinstance(_innermost(error), ssl.SSLError):
            hint = "if a proxy ends TLS here, name its certificates in SSL_CERT_FILE"
            return failures.unreachable(self.peer, _reason(error, call), doing=call.doing, hint=hint)
        return failures.unreachable(self.peer, _reason(error, call), doing=call.doing)

    def _client(self, call: Call) -> httpx.Client:
        client: httpx.Client | None = getattr(self._of_thread, "client", None)
        if client is not None:
            return client
        try:
            client = self._new_client()
        except (OSError, ValueError, ImportError, httpx.InvalidURL):
            client = None
        if client is None:
            raise failures.unreachable(
                self.peer,
                "the proxy or the certificates named in the environment cannot be used",
                doing=call.doing,
                hint="look at HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
            )
        self._of_thread.client = client
        return client

    def _new_client(self) -> httpx.Client:
        client = httpx.Client(
            transport=None if self._wsgi_app is None else httpx.WSGITransport(app=self._wsgi_app),
            verify=self._tls(),
            trust_env=not self._address.loopback,
            headers={"User-Agent": f"reconciler/{__version__}"},
            follow_redirects=False,
            event_hooks={"request": [self._before_sending]},
        )
        with self._lock:
            self._clients.append(client)
        return client

    def _before_sending(self, request: httpx.Request) -> None:
        """Called by httpx for each request: the last place at which a write can be stopped."""
        writes = request.method != "GET"
        if writes and not self._writes:
            raise WriteRefusedError(f"a client that only reads was asked to {request.method}")
        with self._lock:
            self._sent[writes] += 1

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                # Where no TLS is spoken, an empty context spares loading the certificates.
                plain = self._address.scheme == "http" or self._wsgi_app is not None
                self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx.create_ssl_context()
            return self._context


def _innermost(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _reason(error: BaseException, call: Call) -> str:
    """Why a request failed, in words of ours: the exceptions' own text may repeat a header."""
    if isinstance(error, httpx.TimeoutException):
        opening = isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
        return (
            f"no connection within {_CONNECT_SECONDS:.0f} s" if opening else f"no answer within {call.patience:.0f} s"
        )
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {cause.verify_message}"
    found = (words for kind, words in _REASONS.items() if isinstance(error, kind) or isinstance(cause, kind))
    return next(found, "the connection ended before a whole answer came")
