"""The emulator on a loopback port: where to listen, who may ask, how to stop, how to break a connection."""

import contextlib
import io
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import urlsplit
from wsgiref.types import WSGIApplication, WSGIEnvironment

from werkzeug import Response
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from reconciler.emulator.app import LARGEST_BODY
from reconciler.emulator.errors import ConnectionDropped, RpcCode, status_response

_TIMEOUT = 60.0  # seconds that a connection may wait for the next bytes of a request
_POLL = 0.05  # seconds between two looks at whether to stop
_BROKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n{"


class Server:
    """A listening server: `run` blocks until `stop` is called from another thread, or a KeyboardInterrupt."""

    def __init__(self, application: WSGIApplication, host: str, port: int) -> None:
        self.host = loopback(host)
        # Opened here, because Werkzeug ends the process when the port is taken.
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.create_server((self.host, port), family=family, backlog=socket.SOMAXCONN) as listening:
            self._server = ThreadedWSGIServer(self.host, port, application, _Handler, fd=listening.fileno())
        self.port = int(self._server.server_address[1])

    def run(self) -> None:
        """Serve requests until `stop` is called, then free the port."""
        self._server.serve_forever(poll_interval=_POLL)

    def stop(self) -> None:
        """Let `run` return; callable from any thread."""
        self._server.shutdown()


def serve(application: WSGIApplication, host: str, port: int, on_ready: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` receives the real port once connections are accepted.

    ValueError when the host is no loopback address, OSError when the port is taken.
    """
    with _interruptible(), contextlib.suppress(KeyboardInterrupt):
        server = Server(application, host, port)
        on_ready(server.port)
        server.run()


def loopback(host: str) -> str:
    """Return the loopback address that a host names; ValueError when it is none: the emulator has no real lock."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(f"the emulator listens on loopback addresses only, not on {host!r}")
    return host


class _Handler(WSGIRequestHandler):
    """One connection. It is kept between requests, which the application lets: it reads every body to its end."""

    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT
    disable_nagle_algorithm = True  # the body, a write of its own, waited for the client to confirm the headers

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.make_environ()
        if not _is_loopback(self.headers.get("Host", "")):
            self._send(_foreign_host(), environ)
            self.close_connection = True  # with the body unread
            return
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            self._buffer_body(environ)
            body, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except ConnectionDropped:
            self.wfile.write(_BROKEN)
            self.close_connection = True
        except (ConnectionAbortedError, TimeoutError):
            self.close_connection = True
        else:
            self._send(Response(body, status, headers), environ)

    def _buffer_body(self, environ: WSGIEnvironment) -> None:
        """Read the body, so that the connection is at the next request whatever the application does."""
        length = self.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) <= LARGEST_BODY:
            body = self.rfile.read(int(length))
            if len(body) < int(length):
                raise ConnectionAbortedError("the request was not sent to its end")
            environ["wsgi.input"] = io.BytesIO(body)

    def _send(self, response: Response, environ: WSGIEnvironment) -> None:
        body, status, headers = response.get_wsgi_response(environ)
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        sent = b"".join(body)
        self.wfile.write(sent)
        if int(code) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or dict(headers).get("Content-Length") != str(len(sent)):
            self.close_connection = True  # the request's body is unread, or the client waits for more than comes

    def connection_dropped(self, *_: object) -> None:
        """Forget a client that has gone."""
        self.close_connection = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - Werkzeug's name
        """Log nothing: clients log their requests, and faults break connections on purpose."""


def _is_loopback(host: str) -> bool:
    """Return whether a Host header names this machine: a page on the web may lead a browser here under its own name."""
    try:
        loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
    return True


def _foreign_host() -> Response:
    return status_response(403, RpcCode.PERMISSION_DENIED, "the emulator answers on loopback host names only")


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM both end the server; only the main thread can say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, _interrupt) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
