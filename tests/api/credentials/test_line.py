"""Requests for tokens over real sockets on this machine: what goes out, and that no redirect is followed."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reconciler import __version__
from reconciler.api.address import parse_address
from reconciler.api.call import Reply
from reconciler.api.credentials.line import Broken, Request, sender


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        redirected = self.path.startswith("/redirect")
        answer = json.dumps({"token": "x"}).encode()
        self.send_response(307 if redirected else 200)
        if redirected:
            self.send_header("Location", f"http://{self.headers['Host']}/stolen")
        self.send_header("Content-Length", str(len(answer) + (9 if self.path == "/cut" else 0)))
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


def request(port: int, path: str, form: bytes | None = None) -> Request:
    root = f"http://127.0.0.1:{port}"
    return Request(place=parse_address(root), url=f"{root}{path}", bearer="sesame", form=form)


def test_a_question_and_a_form(server: _Server) -> None:
    send = sender({})
    for form in (None, b"aud=x"):
        reply = send(request(server.server_port, "/a?b=c%2Fd", form))
        assert isinstance(reply, Reply)
        assert (reply.status, json.loads(reply.body)) == (200, {"token": "x"})
    asked, posted = server.seen
    assert asked[:2] == ("GET", "/a?b=c%2Fd")
    assert (posted[0], posted[3]) == ("POST", b"aud=x")
    assert posted[2]["Content-Type"] == "application/x-www-form-urlencoded"
    for _, _, headers, _ in server.seen:
        assert headers["Authorization"] == "Bearer sesame"
        assert headers["User-Agent"] == f"reconciler/{__version__}"


def test_a_redirect_is_not_followed(server: _Server) -> None:
    reply = sender({})(request(server.server_port, "/redirect", b"aud=x"))
    assert isinstance(reply, Reply)
    assert (reply.status, len(server.seen)) == (307, 1)


def test_an_answer_cut_short(server: _Server) -> None:
    assert sender({})(request(server.server_port, "/cut")) == Broken(reason="no whole answer came")


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = sender({})(request(taken.getsockname()[1], "/"))
    assert found == Broken(reason="the connection was refused")


def test_tls_where_none_is_spoken(server: _Server) -> None:
    root = f"https://127.0.0.1:{server.server_port}"
    found = sender({})(Request(place=parse_address(root), url=root, bearer="sesame"))
    assert found == Broken(reason="no encrypted connection could be made")


def test_settings_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    far = Request(place=parse_address("https://api.test"), url="https://api.test/x", bearer="sesame")
    found = sender({"SSL_CERT_FILE": "/no/such/file"})(far)
    assert isinstance(found, Broken)
    assert "SSL_CERT_FILE names /no/such/file" in found.reason
    monkeypatch.setenv("ALL_PROXY", "gopher://me:hunter2@x")
    found = sender({})(far)
    assert found == Broken(reason="the proxy named in the environment cannot be used")


def test_secrets_are_not_in_a_request_s_looks() -> None:
    shown = repr(Request(place=parse_address("https://x.test"), url="https://x.test/?t=hunter2", bearer="sesame"))
    assert "hunter2" not in shown
    assert "sesame" not in shown
