"""The client over real sockets on this machine: kept, dropped and cut connections, redirects, TLS where none is."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reconciler.api.auth.provider import fixed
from reconciler.api.auth.token import Token
from reconciler.api.client import connect
from reconciler.api.errors import AnswerLost, NotUnderstood, Unreachable
from reconciler.api.http import Call
from reconciler.api.transport import Sent
from reconciler.api.writer import connect_writer
from reconciler.core.overlay import EMPTY
from tests.api.fakes import NODE, ORGANIZATION, ROOT, credentials, repository, unhurried

READ = Call(action="read it", capability="x", path="/x")
WRITE = Call(method="PUT", action="x", capability="x", path="/x", body=b"{}")


class _Handler(BaseHTTPRequestHandler):
    """Answers by the first parameter of the query."""

    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.connections.add(self.client_address)  # type: ignore[attr-defined]
        body = json.dumps({"items": [repository()]} if self.command == "GET" else repository()).encode()
        way = self.server.way  # type: ignore[attr-defined]
        if way == "drop":
            self._drop()
        elif way == "redirect":
            self._answer(302, b"", {"Location": f"http://{self.headers['Host']}/x"})
        elif way == "cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:-3])
            self._drop()
        elif way == "chunked and cut":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\n" + body[:5] + b"\r\n")
            self._drop()
        else:
            self._answer(200, body, {})

    def do_PUT(self) -> None:
        self.do_GET()

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.server.answered += 1  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drop(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    way = ""
    answered = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections: set[object] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_over_a_socket(server: _Server) -> None:
    with connect_writer(server.url, credentials(), retrier=unhurried(), api_version="v1") as client:
        reading = client.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        for _ in range(3):
            assert client.write_overlay(reading, EMPTY).id == NODE
        assert len(server.connections) == 1, "the connection is kept"
        with ThreadPoolExecutor(20) as pool:
            assert len(list(pool.map(lambda _: client.write_overlay(reading, EMPTY), range(60)))) == 60
        assert client.sent == Sent(reads=1, writes=63)


@pytest.mark.parametrize("way", ["drop", "cut", "chunked and cut"])
def test_connections_dropped_over_a_socket(server: _Server, way: str) -> None:
    with connect_writer(server.url, credentials(), retrier=unhurried(), api_version="v1") as client:
        reading = client.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        server.way = way
        with pytest.raises(AnswerLost):
            client.write_overlay(reading, EMPTY)
        with pytest.raises(Unreachable):
            client.read_live(ORGANIZATION)
        server.way = ""
        assert client.read_live(ORGANIZATION).repositories != ()


def test_redirects_are_not_followed(server: _Server) -> None:
    server.way = "redirect"
    with connect(server.url, credentials(), retrier=unhurried()) as client, pytest.raises(NotUnderstood) as caught:
        client.read_live(ORGANIZATION)
    assert server.answered == 1
    assert "not followed" in caught.value.diagnostic.detail


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with connect_writer(url, fixed(Token("sesame", source="TOK")), retrier=unhurried(), api_version="v1") as client:
            for call in (READ, WRITE):
                with pytest.raises(Unreachable) as caught:
                    client._connection.answer(call)
                assert url in caught.value.diagnostic.summary
                assert "refused" in caught.value.diagnostic.detail


def test_tls_where_none_is_spoken(server: _Server) -> None:
    with (
        connect(server.url.replace("http:", "https:"), credentials(), retrier=unhurried()) as client,
        pytest.raises(Unreachable) as caught,
    ):
        client.find_organization(ROOT)
    assert "TLS handshake failed" in caught.value.diagnostic.detail
    assert "SSL_CERT_FILE" in caught.value.diagnostic.hint
