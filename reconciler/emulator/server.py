"""The emulator on a loopback port.

Here belongs what only a socket needs: where to listen, how to stop, how to break a connection. The only importer of
waitress.
"""

import contextlib
import ipaddress
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from waitress import wasyncore
from waitress.server import create_server

from reconciler.emulator.errors import ConnectionDropped

_THREADS = 16  # more than the ten writers that clients run by default, so that a scripted delay holds up nobody else


class Server:
    """A listening server: `run` blocks until `stop` is called from another thread, or a KeyboardInterrupt."""

    def __init__(self, application: WSGIApplication, host: str, port: int) -> None:
        # waitress warns about every broken connection, and breaking them is what faults are for.
        logging.getLogger("waitress").setLevel(logging.ERROR)
        self.host = loopback(host)
        # Opened here, because waitress leaves its own socket behind when the port is taken.
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.create_server((self.host, port), family=family)
        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            breaking(application),
            map=self._sockets,
            sockets=[listening],
            threads=_THREADS,
            ident=None,
            log_socket_errors=False,
        )
        self.port = int(self._server.effective_port)

    def run(self) -> None:
        """Serve requests until told to stop, then free the port."""
        try:
            self._server.run()
        finally:
            self._server.task_dispatcher.shutdown()
            wasyncore.close_all(self._sockets, ignore_all=True)

    def stop(self) -> None:
        """Let `run` return; callable from any thread."""
        # The loop may wake for another reason between the order and the waking, and have freed all by then.
        with contextlib.suppress(OSError):
            self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._sockets, ignore_all=True))


def serve(application: WSGIApplication, host: str, port: int, on_ready: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` is told the real port once connections are accepted.

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


def breaking(application: WSGIApplication) -> WSGIApplication:
    """Return the application with dropped connections made real: the body ends before its announced length."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except ConnectionDropped:
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "1024")])
            return [b"{"]

    return wrapped


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
