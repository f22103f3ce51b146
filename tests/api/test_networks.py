"""Companies' networks: certificates of their own, proxies, servers that stay silent. All on this machine."""

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.api import tls
from reconciler.api.client import ReadClient, connect
from reconciler.api.errors import Unreachable
from reconciler.api.http import Call, Connection
from reconciler.api.transport import BoundedTransport, open_client, used_proxy
from reconciler.api.url import parse_address
from tests.api.fakes import ORGANIZATION, credentials, repository, unhurried
from tests.support.authority import Authority

HERE = "127.0.0.1"


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"items": [repository()]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Proxy(BaseHTTPRequestHandler):
    """Connects to the one server behind it, whatever host it is asked for; 407 when `status` says so."""

    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, dict(self.headers)))
        if server.status != 200:
            self.send_error(server.status)
            return
        with socket.create_connection((HERE, server.behind)) as onward:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(onward, self.connection))
            back.start()
            _pump(self.connection, onward)
            back.join()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class _Server(ThreadingHTTPServer):
    def __init__(self, handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> None:
        super().__init__((HERE, 0), handler)
        self.context = context
        self.connections = 0
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.status = 200
        self.behind = 0

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        if self.context is None:
            super().finish_request(request, client_address)
            return
        with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextlib.contextmanager
def running(server: _Server) -> Iterator[_Server]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*tls.VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def api(authority: Authority) -> Iterator[_Server]:
    with running(_Server(_Api, authority.server_context(HERE, "api.test"))) as server:
        yield server


def client(url: str) -> ReadClient:
    return connect(url, credentials(url), retrier=unhurried())


def reads(url: str) -> bool:
    with client(url) as made:
        return len(made.read_live(ORGANIZATION).repositories) == 1


def refusal(url: str) -> Unreachable:
    with client(url) as made, pytest.raises(Unreachable) as caught:
        made.read_live(ORGANIZATION)
    return caught.value


def goes_through_proxy(url: str) -> bool:
    with open_client(parse_address(url), BoundedTransport) as opened:
        return used_proxy(opened, parse_address(url)) is not None


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(api: _Server) -> None:
    found = refusal(f"https://{HERE}:{api.port}").diagnostic
    assert "certificate not trusted" in found.detail
    assert "SSL_CERT_FILE" in found.hint
    assert api.connections == 1, "trying again would change nothing"


@pytest.mark.parametrize("variable", tls.VARIABLES)
def test_a_companys_certificate_is_named_in_the_environment(
    api: _Server, authority: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(authority.file.parent if variable == "SSL_CERT_DIR" else authority.file))
    assert reads(f"https://{HERE}:{api.port}")


def test_a_certificate_for_another_name_is_refused(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with running(_Server(_Api, authority.server_context("other.test"))) as server:
        assert "certificate not trusted" in refusal(f"https://{HERE}:{server.port}").diagnostic.detail


def _system(monkeypatch: pytest.MonkeyPatch, *, file: str = "/none", folder: str = "/none") -> None:
    paths = ssl.DefaultVerifyPaths("", "", "SSL_CERT_FILE", file, "SSL_CERT_DIR", folder)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)


def test_what_the_system_trusts_needs_no_variable(
    api: _Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    _system(monkeypatch, file=str(authority.file))
    assert reads(f"https://{HERE}:{api.port}")


def test_a_variable_adds_to_what_the_system_trusts(
    api: _Server, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    _system(monkeypatch, file=str(authority.file))
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path / "other").file))
    assert reads(f"https://{HERE}:{api.port}")


def test_a_system_without_any_store_has_the_usual_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    _system(monkeypatch)
    monkeypatch.setattr(tls, "_KNOWN_FILES", ("/none",))
    assert len(tls.make_context({}).get_ca_certs()) > 50


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_the_operating_system_judges(
    api: _Server, authority: Authority, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    import truststore

    monkeypatch.setattr(tls, "_PLATFORM", platform)
    assert type(tls.make_context({})) is truststore.SSLContext
    assert "certificate not trusted" in refusal(f"https://{HERE}:{api.port}").diagnostic.detail
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.file.parent))
    assert reads(f"https://{HERE}:{api.port}")


@pytest.mark.parametrize(
    ("variable", "content", "problem"),
    [
        ("SSL_CERT_FILE", None, ": No such file"),
        ("REQUESTS_CA_BUNDLE", None, ": No such file"),
        ("SSL_CERT_FILE", "no certificate", ", which contains no certificate"),
        ("SSL_CERT_FILE", "", ", which contains no certificate"),
    ],
)
def test_a_variable_that_names_nothing_of_use(tmp_path: Path, variable: str, content: str | None, problem: str) -> None:
    file = tmp_path / "named.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(tls.CertificatesError, match=re.escape(f"{variable} is {file}{problem}")):
        tls.make_context({variable: str(file)})


def test_folders_that_are_not_there_add_nothing(authority: Authority) -> None:
    folders = f"/none:{authority.file.parent}"
    assert len(tls.make_context({"SSL_CERT_DIR": folders}).get_ca_certs()) >= 1
    tls.make_context({"SSL_CERT_DIR": "/none"})


def test_certificates_are_checked_whatever_the_environment_says() -> None:
    context = tls.make_context({})
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_through_a_proxy(api: _Server, authority: Authority, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with running(_Server(_Proxy)) as proxy:
        proxy.behind = api.port
        monkeypatch.setenv(variable, f"http://me:hunter2@{HERE}:{proxy.port}")
        assert reads("https://api.test")
    ((asked, headers),) = proxy.asked
    assert asked == "api.test:443"
    assert headers["Proxy-Authorization"].startswith("Basic ")
    assert "sesame" not in repr(headers), "the token is for the API alone"


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with running(_Server(_Proxy)) as proxy:
        proxy.status = status
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@{HERE}:{proxy.port}")
        found = refusal("https://api.test").diagnostic
    assert "the proxy refused to connect" in found.detail
    assert len(proxy.asked) == 3
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("excepted", "proxied"),
    [
        ("api.test", False),
        ("test", False),
        (".test", False),
        ("a.b, API.test", False),
        ("*", False),
        ("a.b, *", False),
        ("api.test:8443", False),
        ("api.test:443", True),
        ("x.y", True),
        ("pi.test", True),
        ("", True),
    ],
)
def test_hosts_that_need_no_proxy(monkeypatch: pytest.MonkeyPatch, excepted: str, proxied: bool) -> None:  # noqa: FBT001 - a case of the table
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert goes_through_proxy("https://api.test:8443") is proxied


@pytest.mark.parametrize(("excepted", "proxied"), [("2001:db8::7", False), ("::7", True)])
def test_hosts_that_are_numbers(monkeypatch: pytest.MonkeyPatch, excepted: str, proxied: bool) -> None:  # noqa: FBT001 - a case of the table
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert goes_through_proxy("https://[2001:db8::7]:8443") is proxied


def test_a_server_that_stays_silent_is_asked_once_more() -> None:
    with socket.create_server((HERE, 0)) as silent:
        url = f"http://{HERE}:{silent.getsockname()[1]}"
        connection = Connection(parse_address(url), credentials(url), writes=False, retrier=unhurried())
        with pytest.raises(Unreachable) as caught:
            connection.answer(Call(action="x", capability="x", path="/x", timeout=0.05))
        assert connection.sent.reads == 2
        connection.close()
    assert "no response within" in caught.value.diagnostic.detail
