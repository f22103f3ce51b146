"""Requests for tokens over real sockets on this machine: what goes out, and that no redirect is followed."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from reconciler import __version__
from reconciler.api.auth.sources import TokenClient, TokenRefused
from reconciler.api.auth.token import Secrets, Token
from reconciler.api.retry import Timing
from reconciler.api.url import parse_address


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        redirected = self.path.startswith("/redirect")
        answer = json.dumps({"token": "x"}).encode()
        self.send_response(307 if redirected else 200)
        if redirected:
            self.send_header("Location", f"http://{self.headers['Host']}/stolen")
        self.send_header("Content-Length", str(len(answer) + (9 if self.path.startswith("/cut") else 0)))
        self.end_headers()
        self.wfile.write(answer)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def client(environ: Mapping[str, str] | None = None) -> TokenClient:
    timing = Timing(sleep=lambda _: None)
    return TokenClient(environ=environ or {}, timing=timing, secrets=Secrets(), jitter=lambda: 0.0)


def ask(port: int, path: str = "", *, environ: Mapping[str, str] | None = None) -> str | TokenRefused:
    issuer = parse_address("https://issuer.test")
    return client(environ).from_github(f"http://127.0.0.1:{port}{path}", "sesame", issuer)


def exchange(issuer: str, environ: Mapping[str, str] | None = None) -> Token | TokenRefused:
    place = parse_address(issuer)
    return client(environ).exchange("sesame", identity="me", api=place, issuer=place, source="x")


def test_a_question_and_a_form(server: _Server) -> None:
    assert ask(server.server_port, "/a?b=c%2Fd") == TokenRefused(
        why=f'the response of http://127.0.0.1:{server.server_port}/a has no usable "value"'
    )
    assert exchange(f"http://127.0.0.1:{server.server_port}") == Token("x", source="x")
    asked, posted = server.seen
    assert asked[0] == "GET"
    assert parse_qs(asked[1].partition("?")[2]) == {"b": ["c/d"], "audience": ["https://issuer.test"]}
    assert (posted[0], posted[1]) == ("POST", "/sts/exchange")
    assert posted[2]["Content-Type"] == "application/x-www-form-urlencoded"
    for _, _, headers, _ in server.seen:
        assert headers["Authorization"] == "Bearer sesame"
        assert headers["User-Agent"] == f"reconciler/{__version__}"


def test_a_redirect_is_not_followed(server: _Server) -> None:
    found = ask(server.server_port, "/redirect")
    assert isinstance(found, TokenRefused)
    assert "HTTP 307, a redirect (not followed" in found.why
    assert len(server.seen) == 1


def test_an_answer_cut_short(server: _Server) -> None:
    found = ask(server.server_port, "/cut")
    assert isinstance(found, TokenRefused)
    assert "/cut: the connection closed before the response was complete" in found.why


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = ask(taken.getsockname()[1])
    assert isinstance(found, TokenRefused)
    assert "cannot reach http" in found.why
    assert found.why.endswith(": connection refused")


def test_tls_where_none_is_spoken(server: _Server) -> None:
    found = exchange(f"https://127.0.0.1:{server.server_port}")
    assert isinstance(found, TokenRefused)
    assert ": TLS handshake failed" in found.why


def test_settings_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    found = exchange("https://api.test", {"SSL_CERT_FILE": "/no/such/file"})
    assert isinstance(found, TokenRefused)
    assert "SSL_CERT_FILE is /no/such/file" in found.why
    monkeypatch.setenv("ALL_PROXY", "gopher://me:hunter2@x")
    found = exchange("https://api.test", {"ALL_PROXY": "gopher://me:hunter2@x"})
    assert isinstance(found, TokenRefused)
    assert 'ALL_PROXY has the unsupported proxy scheme "gopher"' in found.why
    assert "hunter2" not in found.why
