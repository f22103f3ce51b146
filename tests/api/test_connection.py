"""Requests as they go out: headers, paths, time-outs, the guard against writing, threads. Sockets: `test_sockets`."""

import contextlib
import json
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from reconciler import __version__
from reconciler.api import tls
from reconciler.api.client import connect
from reconciler.api.errors import AnswerLost, ApiError, Unreachable, WriteRefusedError
from reconciler.api.http import Call, Connection
from reconciler.api.transport import BoundedTransport, Sent, open_client, used_proxy
from reconciler.api.url import parse_address
from reconciler.core.overlay import EMPTY
from tests.api.fakes import (
    DATE,
    LOCAL_TIME,
    NODE,
    ORGANIZATION,
    SERVER_TIME,
    URL,
    Api,
    Told,
    credentials,
    reader,
    repository,
    unhurried,
    writer,
)

EMPTY_LIST = Told({"items": []})
LISTED = Told({"items": [repository()]})
WRITE = Call(method="PUT", action="x", capability="x", path="/x", body=b"{}")


def test_headers() -> None:
    client, api = reader(EMPTY_LIST)
    with client:
        client.read_live(ORGANIZATION)
    headers = api.only.headers
    assert headers["authorization"] == "Bearer sesame-3f9a"
    assert headers["user-agent"] == f"reconciler/{__version__}"
    assert headers["accept"] == "application/json"
    assert "content-type" not in headers


@pytest.mark.parametrize("url", ["http://localhost/gateway", "https://api.test/gateway///", "http://10.0.0.1/gateway/"])
def test_a_prefix_and_slashes_in_the_address(url: str) -> None:
    client, api = reader(EMPTY_LIST, url=url)
    with client:
        client.read_live(ORGANIZATION)
    assert api.only.path == "/gateway/registry/v1/repos"


def test_without_a_token_no_header_is_sent() -> None:
    api = Api(EMPTY_LIST)
    with connect(URL, None, wsgi_app=api) as client:
        client.read_live(ORGANIZATION)
    assert "authorization" not in api.only.headers


def test_a_client_that_reads_cannot_write() -> None:
    client, api = reader(EMPTY_LIST)
    with client:
        assert not hasattr(client, "write_overlay")
        for method in ("POST", "PUT", "PATCH", "DELETE", "put", "OPTIONS"):
            # What a call says of itself does not count.
            for without_effects in (False, True):
                with pytest.raises(WriteRefusedError):
                    client._connection.answer(replace(WRITE, method=method, without_effects=without_effects))
        assert client.sent == Sent(reads=0, writes=0)
    assert api.asked == []


def test_requests_are_counted() -> None:
    client, _ = writer(LISTED)
    with client:
        client.read_live(ORGANIZATION)
        reading = client.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        with contextlib.suppress(ApiError):
            client.write_overlay(reading, EMPTY)
        # The answer to the write shows no repository, so that one more read looks for it.
        assert client.sent == Sent(reads=3, writes=1)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (DATE, SERVER_TIME),
        ("Tue, 04 Aug 2026 12:00:00 +0200", SERVER_TIME),
        ("", LOCAL_TIME - 60),
        ("yesterday", LOCAL_TIME - 60),
        ("Tue, 99 Aug 2026 10:00:00 GMT", LOCAL_TIME - 60),
    ],
)
def test_the_servers_time(date: str, expected: float) -> None:
    client, _ = writer(Told({"items": [repository()]}, headers={"Date": date}))
    with client:
        reading = client.read_repository(NODE, ORGANIZATION)
    assert reading is not None
    assert reading.server_time == expected
    assert client.server_now() == (SERVER_TIME if expected == SERVER_TIME else LOCAL_TIME)


def test_an_answer_cut_short_in_process() -> None:
    body = json.dumps({"items": []}).encode()
    client, _ = reader(Told(body=body, headers={"Content-Length": str(len(body) + 1)}))
    with client, pytest.raises(Unreachable):
        client.read_live(ORGANIZATION)
    client, _ = reader(Told(body=body, headers={"Content-Length": str(len(body))}))
    with client:
        assert client.read_live(ORGANIZATION).repositories == ()


def test_other_faults_of_the_app_are_not_hidden() -> None:
    def broken(_: object) -> Told:
        raise KeyError("a mistake in the app")

    client, _ = reader(broken)
    with client, pytest.raises(KeyError):
        client.read_live(ORGANIZATION)


def test_twenty_threads_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    closed: list[object] = []
    genuine = httpx.Client.__init__

    def counting(self: httpx.Client, **options: Any) -> None:
        made.append(self)
        genuine(self, **options)

    monkeypatch.setattr(httpx.Client, "__init__", counting)
    monkeypatch.setattr(httpx.WSGITransport, "close", lambda self: closed.append(self))  # noqa: PLW0108 - a method, not a function of a list
    barrier = threading.Barrier(20, timeout=20)
    client, api = reader(LISTED)

    def work(number: int) -> int:
        barrier.wait()
        return sum(len(client.read_live(ORGANIZATION).repositories) for _ in range(10))

    with client, ThreadPoolExecutor(20) as pool:
        assert list(pool.map(work, range(20))) == [10] * 20
    assert client.sent == Sent(reads=200, writes=0)
    assert len(api.asked) == 200
    assert len(made) == 1
    assert len(closed) == 1


def test_one_tls_context_made_late_and_only_for_https(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []

    def counting(_: object) -> ssl.SSLContext:
        made.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return made[-1]

    monkeypatch.setattr(tls, "make_context", counting)
    for url in ("http://127.0.0.1:1", "https://api.test"):
        connection = Connection(parse_address(url), credentials(), writes=False)
        assert made == []
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda _, it=connection: it._client(READ), range(5)))
        connection.close()
    assert len(made) == 1


@pytest.mark.parametrize(("url", "expected"), [("http://127.0.0.1:1", None), ("https://api.test", "proxy:3128")])
def test_proxies_are_for_other_machines(monkeypatch: pytest.MonkeyPatch, url: str, expected: str | None) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "proxy:3128")
    with open_client(parse_address(url), BoundedTransport) as opened:
        found = used_proxy(opened, parse_address(url))
    assert (found and found.address) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("SSL_CERT_FILE", "/no/such/file"), ("ALL_PROXY", "gopher://me:hunter2@x"), ("ALL_PROXY", "socks5://x:1")],
)
def test_settings_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with connect("https://api.test", credentials()) as client, pytest.raises(Unreachable) as caught:
        client.read_live(ORGANIZATION)
    assert name in caught.value.diagnostic.hint
    assert "hunter2" not in repr(caught.value.diagnostic)
    assert caught.value.__context__ is None


def _over(transport: Callable[[httpx.Request], httpx.Response]) -> Connection:
    return Connection(
        parse_address("https://api.test"),
        credentials(),
        writes=True,
        retrier=unhurried(),
        transport=httpx.MockTransport(transport),
    )


READ = Call(action="read it", capability="x", path="/x", timeout=7)


@pytest.mark.parametrize(
    ("error", "says", "sent"),
    [
        (httpx.ConnectError("x"), "the connection closed", False),
        (httpx.ConnectTimeout("x"), "no connection within 10 s", False),
        (httpx.PoolTimeout("x"), "no connection within 10 s", False),
        (httpx.ProxyError("x"), "the proxy refused to connect", False),
        (httpx.LocalProtocolError("x"), "the connection closed", False),
        (httpx.InvalidURL("x"), "the connection closed", False),
        (httpx.ReadTimeout("x"), "no response within", True),
        (httpx.WriteTimeout("x"), "no response within", True),
        (httpx.ReadError("x"), "the connection closed", True),
        (httpx.WriteError("x"), "the connection closed", True),
        (httpx.CloseError("x"), "the connection closed", True),
        (httpx.RemoteProtocolError("x"), "the connection closed", True),
        (httpx.DecodingError("x"), "cannot decompress", True),
    ],
)
def test_what_the_library_raises(error: Exception, says: str, sent: bool) -> None:  # noqa: FBT001 - a case of the table
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    connection = _over(fail)
    for call, kind in ((READ, Unreachable), (WRITE, AnswerLost if sent else Unreachable)):
        with pytest.raises(ApiError) as caught:
            connection.answer(call)
        assert type(caught.value) is kind
        assert says in caught.value.diagnostic.detail
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_a_certificate_that_is_not_accepted() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        refusal = ssl.SSLCertVerificationError(1, "[SSL] sesame-3f9a")
        refusal.verify_message = "self-signed certificate"
        raise httpx.ConnectError("sesame-3f9a") from refusal

    with pytest.raises(Unreachable) as caught:
        _over(fail).answer(WRITE)
    found = caught.value.diagnostic
    assert "certificate not trusted: self-signed certificate" in found.detail
    assert "SSL_CERT_FILE" in found.hint
    assert "sesame" not in repr(found)


def test_every_request_error_of_the_library_is_known() -> None:
    pending = [httpx.HTTPError]
    leaves: list[type[Exception]] = []
    while pending:
        kind = pending.pop()
        theirs = [one for one in kind.__subclasses__() if one.__module__.startswith("httpx")]
        pending.extend(theirs)
        if not theirs:
            leaves.append(kind)
    assert {kind.__name__ for kind in leaves if kind.__module__.startswith("httpx")} == {
        "CloseError",
        "ConnectError",
        "ConnectTimeout",
        "DecodingError",
        "HTTPStatusError",
        "LocalProtocolError",
        "PoolTimeout",
        "ProxyError",
        "ReadError",
        "ReadTimeout",
        "RemoteProtocolError",
        "TooManyRedirects",
        "UnsupportedProtocol",
        "WriteError",
        "WriteTimeout",
    }, "a new kind of error needs a decision: was the request certainly not sent?"


def test_time_outs() -> None:
    seen: list[dict[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200, content=iter([b"{}"]))

    _over(answer).answer(READ)
    assert seen == [{"connect": 7, "read": 7, "write": 7, "pool": 7}]
