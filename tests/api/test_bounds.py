"""No answer is unbounded: its size, its time, an interruption, the clock that it tells."""

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Self

import httpx
import pytest

from reconciler.api import transport
from reconciler.api.client import connect
from reconciler.api.errors import AnswerLost, ApiError, NotUnderstood, RateLimited, Unreachable
from reconciler.api.http import Call, Connection
from reconciler.api.retry import Retrier, Timing
from reconciler.api.url import parse_address
from reconciler.diagnostics import Diagnostic
from tests.api.fakes import LOCAL_TIME, NODE, ORGANIZATION, Told, credentials, reader, repository, unhurried, writer

READ = Call(action="read it", capability="any", path="/x")
WRITE = Call(method="PUT", action="write it", capability="any", path="/x", body=b"{}")
KIB = 1024


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.api.http.ONE_BYTES", 64 * KIB)
    monkeypatch.setattr("reconciler.api.http.LIST_BYTES", 256 * KIB)


def over(answer: httpx.Response | Callable[[], httpx.Response]) -> Connection:
    return Connection(
        parse_address("https://api.test"),
        credentials(),
        writes=True,
        retrier=unhurried(),
        transport=httpx.MockTransport(lambda _: answer() if callable(answer) else answer),
    )


def response(body: bytes, **headers: str) -> httpx.Response:
    return httpx.Response(200, headers={key.replace("_", "-"): value for key, value in headers.items()}, content=[body])


@pytest.mark.usefixtures("small")
def test_a_body_that_is_larger_when_it_is_decompressed() -> None:
    """One that would become far larger than the limit is never decompressed whole."""
    bomb = gzip.compress(b" " * (50 << 20))
    assert len(bomb) < 64 * KIB
    for call, kind in ((READ, NotUnderstood), (WRITE, AnswerLost)):
        connection = over(response(bomb, content_encoding="gzip"))
        with pytest.raises(kind, match="larger than"):
            connection.answer(call)
        assert connection.sent.reads + connection.sent.writes == 1, "asking again would change nothing"


@pytest.mark.usefixtures("small")
def test_a_body_without_end() -> None:
    sent: list[int] = []

    def pieces() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * KIB

    with pytest.raises(NotUnderstood, match="larger than"):
        over(httpx.Response(200, content=pieces())).answer(READ)
    assert len(sent) < 80


@pytest.mark.usefixtures("small")
def test_what_fits_is_taken() -> None:
    body = json.dumps({"x": "y" * (60 * KIB)}).encode()
    for answer in (response(body), response(gzip.compress(body), content_encoding="gzip")):
        assert over(answer).answer(READ).document["x"] == "y" * (60 * KIB)


def test_a_large_error_is_cut() -> None:
    page = b"<html><title>502 Bad Gateway</title>" + b"x" * (2 << 20)
    answer = httpx.Response(400, content=[page])
    with pytest.raises(ApiError) as caught:
        over(answer).answer(READ)
    assert '"502 Bad Gateway"' in caught.value.diagnostic.detail


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd", "deflate"])
def test_an_encoding_that_nobody_asked_for(encoding: str) -> None:
    with pytest.raises(Unreachable, match="cannot decompress"):
        over(response(b"{}", content_encoding=encoding)).answer(READ)


@pytest.mark.parametrize("cut", [gzip.compress(b"{}" * 999, mtime=0)[:-9], b"no gzip"], ids=["cut", "none"])
def test_compressed_text_that_is_cut_short_or_none(cut: bytes) -> None:
    connection = over(lambda: response(cut, content_encoding="gzip"))
    with pytest.raises(Unreachable):
        connection.answer(READ)


class Script:
    """A server that runs a function for each connection, until it is closed."""

    def __init__(self, act: Callable[[socket.socket, "Script"], None]) -> None:
        self._act = act
        self.over = threading.Event()
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in (self._accepting, *self._threads):
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                found, _ = self._server.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(found,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, found: socket.socket) -> None:
        with found, contextlib.suppress(OSError):
            found.recv(65536)
            self._act(found, self)


def drop_by_drop(head: bytes) -> Callable[[socket.socket, Script], None]:
    def act(found: socket.socket, script: Script) -> None:
        found.sendall(head)
        while not script.over.wait(0.01):
            found.sendall(b"x")

    return act


HEADERS = b"HTTP/1.1 200 OK\r\nX-Long: "
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize("head", [HEADERS, BODY], ids=["headers", "body"])
@pytest.mark.parametrize(("call", "kind"), [(READ, Unreachable), (WRITE, AnswerLost)])
def test_an_answer_that_comes_byte_by_byte(head: bytes, call: Call, kind: type[ApiError]) -> None:
    """It has a deadline as a whole, and one that was too slow is not asked for again."""
    ticks = iter(range(0, 10_000, 5))
    with Script(drop_by_drop(head)) as script:
        connection = Connection(
            parse_address(script.url),
            credentials(),
            writes=True,
            retrier=unhurried(),
            monotonic=lambda: float(next(ticks)),
        )
        with pytest.raises(kind, match="took too long"):
            connection.answer(call)
        connection.close()
    assert script.connections == 1


def test_a_call_gets_what_is_left_for_all_of_them() -> None:
    """Of `--wait-timeout` what is left."""
    now = [0.0]
    retrier = Retrier(timing=Timing(monotonic=lambda: now[0], sleep=lambda _: None))
    retrier.limit(90.0)
    assert retrier.left() == 90.0
    now[0] = 80.0
    assert retrier.left() == 10.0
    now[0] = 1000.0
    assert 0 < retrier.left() <= 5.0, "a call is given a little in any case"
    retrier.limit(None)
    assert retrier.left() == float("inf")


@pytest.mark.parametrize("head", [b"", HEADERS, BODY], ids=["silence", "headers", "body"])
def test_an_interruption_ends_a_read_that_waits(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first Ctrl-C."""
    monkeypatch.setattr(transport, "_SLICE", 0.01)
    monkeypatch.setattr(transport, "_GRACE", 0.05)
    stop = threading.Event()

    def act(found: socket.socket, script: Script) -> None:
        stop.set()
        found.sendall(head)
        script.over.wait(20)

    with Script(act) as script:
        retrier = Retrier(timing=Timing(stopped=stop.is_set, sleep=lambda _: None))
        connection = Connection(parse_address(script.url), credentials(), writes=False, retrier=retrier)
        began = time.monotonic()
        with pytest.raises(Unreachable, match="interrupted"):
            connection.answer(READ)
        assert time.monotonic() - began < 10
        connection.close()
    assert script.connections == 1


def test_an_interruption_does_not_end_a_write() -> None:
    def act(found: socket.socket, _: Script) -> None:
        body = json.dumps(repository()).encode()
        found.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with Script(act) as script:
        retrier = Retrier(timing=Timing(stopped=lambda: True))
        connection = Connection(parse_address(script.url), credentials(), writes=True, retrier=retrier)
        assert connection.answer(WRITE).document["id"] == NODE
        connection.close()


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Sat, 01 Jan 0001 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 01 Jan 99999 00:00:00 GMT",
        formatdate(LOCAL_TIME + 3 * 86_400, usegmt=True),
        formatdate(LOCAL_TIME - 3 * 86_400, usegmt=True),
        "nonsense",
        "4 4 4 4 4",
    ],
)
def test_a_clock_that_is_far_off_is_ignored_with_a_note(date: str) -> None:
    notices: list[Diagnostic] = []
    timing = Timing(now=lambda: LOCAL_TIME, monotonic=lambda: LOCAL_TIME, sleep=lambda _: None)
    retrier = Retrier(timing=timing, on_notice=notices.append)
    answer = Told({"items": [repository()]}, headers={"Date": date})
    client, _ = writer(answer, retrier=retrier)
    with client:
        reading = client.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        assert LOCAL_TIME - 86_400 <= reading.server_time <= LOCAL_TIME
        assert client.server_now() == LOCAL_TIME
    assert len(notices) <= 1
    assert all(notice.code == "clock-ignored" for notice in notices)


@pytest.mark.parametrize("skew", [3600.0, -3600.0])
def test_an_hour_of_skew_is_believed(skew: float) -> None:
    date = formatdate(LOCAL_TIME + skew, usegmt=True)
    client, _ = reader(Told({"items": []}, headers={"Date": date}))
    with client:
        client.read_live(ORGANIZATION)
        assert client.server_now() == LOCAL_TIME + skew


@pytest.mark.parametrize("wanted", ["99999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 99999 00:00:00 GMT"])
def test_a_wait_that_is_nonsense_is_bounded(wanted: str) -> None:
    """The same for other times from outside."""
    client, _ = reader(Told({"code": 8}, status=429, headers={"Retry-After": wanted}))
    with client, pytest.raises(RateLimited) as caught:
        client.read_live(ORGANIZATION)
    assert caught.value.retry_after is None or 0 <= caught.value.retry_after <= 86_400


def test_a_message_that_is_too_large_is_not_asked_for_again() -> None:
    """Waiting does not help, reading in pages does."""
    message = "grpc: received message larger than max (5242880 vs. 4194304)"
    client, api = reader(Told({"code": 8, "message": message}, status=429))
    with client, pytest.raises(RateLimited) as caught:
        client.read_live(ORGANIZATION)
    assert len(api.asked) == 1
    assert "--api-version v2" in caught.value.diagnostic.hint
    assert "received message larger than max" in caught.value.diagnostic.detail


def keep_alive(found: socket.socket, script: Script) -> None:
    body = json.dumps(repository()).encode()
    while True:
        found.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        if not found.recv(65536):
            return


def test_sixty_waves_share_the_sockets_of_one_pool() -> None:
    """New threads for each wave, and no more connections than threads at one time."""
    with Script(keep_alive) as script, connect(script.url, credentials(), retrier=unhurried()) as client:
        for _ in range(60):
            with ThreadPoolExecutor(5) as wave:
                list(wave.map(lambda _: client._connection.answer(READ), range(5)))
        assert client.sent.reads == 300
    assert script.connections <= 5


def test_more_threads_than_sockets_wait_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert transport._LIMITS.max_connections is not None
    assert transport._LIMITS.max_connections < 64
    with Script(keep_alive) as script, connect(script.url, credentials(), retrier=unhurried()) as client:
        with ThreadPoolExecutor(80) as pool:
            list(pool.map(lambda _: client._connection.answer(READ), range(160)))
        assert script.connections <= transport._LIMITS.max_connections
