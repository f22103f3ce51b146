"""Requests over the line: headers, time-outs, and what each exception of the HTTP library means.

Beside `transports`, `urls` and `credentials.line` the only module that imports httpx. It knows neither paths nor fields
of the API.
"""

import socket
import ssl
import threading
from wsgiref.types import WSGIApplication

import httpx

from reconciler import __version__
from reconciler.api import failures, json_text, retry, trust
from reconciler.api.address import Address
from reconciler.api.call import RESOLVE, Answer, Call, Parameters, Reply
from reconciler.api.credentials import Credentials
from reconciler.api.errors import ApiError, TokenRejected, WriteRefusedError
from reconciler.api.failures import Peer
from reconciler.api.repeating import Attempt, Repeater
from reconciler.api.retry import Fault, Kind
from reconciler.api.token import Token
from reconciler.api.transports import Transports
from reconciler.api.urls import Url
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

# Of these, those that the request itself is the reason of.
_HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")

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
        credentials: Credentials | None,
        *,
        writes: bool,
        wsgi_app: WSGIApplication | None = None,
        repeater: Repeater | None = None,
    ) -> None:
        self.peer = Peer(root=address.root, credentials=credentials)
        self.credentials = credentials
        self._address = address
        self._writes = writes
        self._transports = Transports(address, wsgi_app)
        self._repeater = repeater or Repeater()
        self._lock = threading.Lock()
        self._sent = {False: 0, True: 0}
        self._root = httpx.URL(address.root)
        self._headers = (
            (b"Host", self._root.netloc),
            (b"User-Agent", f"reconciler/{__version__}".encode()),
            (b"Accept", b"application/json"),
            (b"Accept-Encoding", b"gzip, deflate"),
        )
        self._ahead = 0.0

    @property
    def sent(self) -> Sent:
        """How many requests were sent so far."""
        with self._lock:
            return Sent(reads=self._sent[False], writes=self._sent[True])

    def close(self) -> None:
        """Close the connections of all threads; the object is of no use afterwards."""
        self._transports.close()

    def answer(self, call: Call) -> Answer:
        """Send a call and return its answer, which is always a JSON object; raises `ApiError`."""
        reply = self.reply(call)
        return Answer(document=self._document(call, reply), server_time=self._server_time(reply))

    def reply(self, call: Call) -> Reply:
        """Send a call and return what came back, where it succeeded; raises `ApiError`."""
        reply = self._authorized(call)
        error = failures.failure(call, reply, self.peer)
        if error is not None:
            error.status = reply.status
            raise error
        return reply

    def greet(self, call: Call) -> float | None:
        """Whether the API answers at all, asked without a token: its clock, None where it does not tell the time.

        Being told that a token is needed is an answer. Raises `ApiError` for any other failure.
        """
        reply = self._exchange(call, None)
        error = failures.failure(call, reply, self.peer)
        if error is None:
            self._document(call, reply)
        elif not isinstance(error, TokenRejected):
            raise error
        return failures.http_time(reply.headers.get("date", ""))

    def server_now(self) -> float:
        """The time on the server's clock, by the last answer that told it; else that of this machine."""
        return self._repeater.timing.now() + self._ahead

    def incomplete(self, call: Call, problem: str) -> ApiError:
        """The error for an answer without what the API promises: after a write, nobody knows what that did."""
        if call.writes:
            return failures.interrupted(call, self.peer, problem)
        return failures.not_understood(call, self.peer, problem)

    def no_object(self, call: Call, reply: Reply) -> ApiError:
        """The error for an answer that is not JSON, or another value than an object."""
        return self.incomplete(call, f"the body is no JSON object: {body_text(reply.body) or 'it is empty'}")

    def _authorized(self, call: Call) -> Reply:
        """The reply to a call with the token, or with a renewed one where the first is rejected.

        A rejected call did nothing, so that a write may be sent again as well.
        """
        if self.credentials is None:
            return self._exchange(call, None)
        token = self.credentials.token()
        reply = self._exchange(call, token)
        if not isinstance(failures.failure(call, reply, self.peer), TokenRejected):
            return reply
        fresh = self.credentials.renew(token)
        return reply if fresh is None else self._exchange(call, fresh)

    def _exchange(self, call: Call, token: Token | None) -> Reply:
        """One call, one reply, sent again where that is safe."""
        transport = self._transport(call)
        attempt = self._repeater.run(call, lambda: self._attempt(transport, call, token))
        if attempt.reply is not None:
            return attempt.reply
        assert attempt.error is not None
        raise attempt.error

    def _attempt(self, transport: httpx.BaseTransport, call: Call, token: Token | None) -> Attempt:
        """One try. Nothing is raised, as nothing of httpx, which holds the request and its token, may stay chained."""
        try:
            reply = self._send(transport, call, token)
        except _NOT_SENT as error:
            return Attempt(error=self._not_sent(call, error), fault=_fault_before_sending(error, call))
        except (httpx.HTTPError, OSError) as error:
            # An OSError comes from the WSGI app: that is how it drops a connection.
            reason = _reason(error, call)
            kind = Kind.SILENT if isinstance(error, httpx.TimeoutException) else Kind.BROKEN
            return Attempt(error=failures.interrupted(call, self.peer, reason), fault=Fault(kind=kind, reason=reason))
        return Attempt(reply=reply, fault=retry.fault_of(reply))

    def _send(self, transport: httpx.BaseTransport, call: Call, token: Token | None) -> Reply:
        request = self._request(call, token)
        self._before_sending(request)
        response = transport.handle_request(request)
        body = bytearray()  # joining the pieces of a long list would hold it twice
        try:
            for piece in response.iter_bytes():
                body += piece
        finally:
            response.close()
        # In-process there is no HTTP parser between us and the app that would notice an answer cut short.
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}
        promised = headers.get("content-length", "")
        if promised.isdigit() and response.num_bytes_downloaded < int(promised):
            raise httpx.ReadError("cut short")
        return Reply(status=response.status_code, headers=headers, body=body)

    def _request(self, call: Call, token: Token | None) -> httpx.Request:
        """A request that is whole: httpx adds headers only to what it makes a body of itself."""
        headers = list(self._headers)
        if token is not None:
            headers.append((b"Authorization", token.header().encode("ascii")))
        if call.body is not None:
            headers += ((b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(call.body)))
        seconds = {"read": call.patience, "write": call.patience, "connect": _CONNECT_SECONDS, "pool": _CONNECT_SECONDS}
        request = httpx.Request(
            call.method,
            self._root,
            headers=headers,
            stream=httpx.ByteStream(call.body or b""),
            extensions={"timeout": seconds},
        )
        request.url = self._url(call.path, call.parameters)
        return request

    def _url(self, path: str, parameters: Parameters = ()) -> Url:
        return Url(self._root, self._address.behind_root(path, parameters))

    def _document(self, call: Call, reply: Reply) -> dict[str, object]:
        try:
            document = json_text.decode(reply.body)
        except ValueError:
            document = None
        if isinstance(document, dict):
            return document
        raise self.no_object(call, reply)

    def _server_time(self, reply: Reply) -> float:
        told, now = failures.http_time(reply.headers.get("date", "")), self._repeater.timing.now()
        if told is None:
            return now - _CLOCK_MARGIN
        self._ahead = told - now
        return told

    def _not_sent(self, call: Call, error: Exception) -> ApiError:
        if isinstance(_innermost(error), ssl.SSLError):
            hint = "if a proxy ends TLS here, name its certificates in SSL_CERT_FILE"
            return failures.unreachable(self.peer, _reason(error, call), doing=call.doing, hint=hint)
        return failures.unreachable(self.peer, _reason(error, call), doing=call.doing)

    def _transport(self, call: Call) -> httpx.BaseTransport:
        problem = hint = ""
        try:
            return self._transports.mine()
        except trust.UnusableError as error:
            problem, hint = f"whom to trust is not known: {error}", f"correct {error.variable}, or unset it"
        except (OSError, ValueError, ImportError, httpx.InvalidURL):
            problem, hint = "the proxy named in the environment cannot be used", f"look at {', '.join(_PROXIES)}"
        raise failures.unreachable(self.peer, problem, doing=call.doing, hint=hint)

    def _before_sending(self, request: httpx.Request) -> None:
        """Called for each request: the last place at which a write can be stopped."""
        writes = request.method != "GET" and not self._only_asks(request)
        if writes and not self._writes:
            raise WriteRefusedError(f"a client that only reads was asked to {request.method}")
        with self._lock:
            self._sent[writes] += 1

    def _only_asks(self, request: httpx.Request) -> bool:
        """Whether it is the one POST that changes nothing."""
        return request.method == "POST" and request.url.raw_path.startswith(self._url(RESOLVE).raw_path)


def _fault_before_sending(error: Exception, call: Call) -> Fault | None:
    """The fault of a request that was not sent; None where the next one cannot fare better."""
    if isinstance(error, _HOPELESS):
        return None
    cause = _innermost(error)
    # A connection that breaks in the middle of agreeing on encryption is one that broke, nothing worse.
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None
    absent = isinstance(error, httpx.ProxyError) or isinstance(cause, socket.gaierror | ConnectionRefusedError)
    return Fault(kind=Kind.ABSENT if absent else Kind.UNSENT, reason=_reason(error, call))


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
