"""The emulator behind a real socket."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator import Delay, Drop, Emulator, Fault, Garble, When, serve, server
from reconciler.emulator.server import Server, loopback
from tests.support.emulated import GROUPS, REPOS, packages

TOKEN = {"Authorization": "Bearer secret"}


@contextlib.contextmanager
def running(emulator: Emulator, host: str = "127.0.0.1") -> Iterator[int]:
    made = Server(emulator, host, 0)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made.port
    finally:
        made.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as made:
        yield made


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=TOKEN)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def test_a_request_over_a_socket(emulator: Emulator) -> None:
    with running(emulator) as port:
        status, headers, body = ask(port, "GET", f"{GROUPS}?name=example.com&uidp.inRoot=true")
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert len(json.loads(body)["items"]) == 1
    assert emulator.requests == [("GET", GROUPS, "name=example.com&uidp.inRoot=true")]


def test_ids_may_have_their_slashes_escaped(emulator: Emulator) -> None:
    repo = emulator.repository("team-a/custom-node")
    body = {**repo, "customOverlay": packages("jq")}
    with running(emulator) as port:
        plain, _, _ = ask(port, "PUT", f"{REPOS}/{repo['id']}", body)
        escaped, _, _ = ask(port, "PUT", f"{REPOS}/{repo['id'].replace('/', '%2F')}", body)
    assert (plain, escaped) == (200, 200)
    assert emulator.writes == 2


def test_a_kept_connection_serves_several_requests(emulator: Emulator) -> None:
    with running(emulator) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("GET", GROUPS, headers=TOKEN)
            assert connection.getresponse().read()
        assert connection.sock is first
        connection.close()


@pytest.mark.parametrize(("when", "after"), [("before", None), ("after", ["jq"])])
def test_a_dropped_connection_breaks_for_real(emulator: Emulator, when: When, after: list[str] | None) -> None:
    emulator.faults.add(Fault(effect=Drop(when=when), method="PUT"))
    repo = emulator.repository("orders-api")
    with running(emulator) as port:
        with pytest.raises(http.client.IncompleteRead):
            ask(port, "PUT", f"{REPOS}/{repo['id']}", {**repo, "customOverlay": packages("jq")})
        assert ask(port, "GET", GROUPS)[0] == 200
    overlay = emulator.repository("orders-api")["customOverlay"]
    assert (overlay and overlay["contents"]["packages"]) == after


def test_a_truncated_body_arrives_whole_as_far_as_http_goes(emulator: Emulator) -> None:
    emulator.faults.add(Fault(effect=Garble(truncated=True)))
    with running(emulator) as port:
        status, _, body = ask(port, "GET", REPOS)
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_a_delayed_request_holds_up_nobody_else() -> None:
    released = threading.Event()
    with Emulator(sleep=lambda _: bool(released.wait(10))) as emulator:
        emulator.faults.add(Fault(effect=Delay(seconds=60), path=REPOS))
        with running(emulator) as port:
            slow = threading.Thread(target=ask, args=(port, "GET", REPOS))
            slow.start()
            assert ask(port, "GET", GROUPS)[0] == 200
            released.set()
            slow.join(10)
            assert not slow.is_alive()


def test_the_port_is_free_after_stopping(emulator: Emulator) -> None:
    with running(emulator) as port:
        pass
    with socket.socket() as probe:
        probe.settimeout(5)
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_that_is_taken_is_an_error(emulator: Emulator) -> None:
    with running(emulator) as port, pytest.raises(OSError, match="in use"):
        Server(emulator, "127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "example.com", ""])  # noqa: S104 - refused here
def test_only_loopback_addresses_are_served(emulator: Emulator, host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        serve(emulator, host, 0, lambda port: pytest.fail(f"listening on {port}"))


@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("127.1.2.3", "127.1.2.3"), ("::1", "::1")],
)
def test_loopback_addresses(host: str, address: str) -> None:
    assert loopback(host) == address


def send(port: int, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_an_absolute_request_target_is_understood(emulator: Emulator) -> None:
    with running(emulator) as port:
        target = f"http://localhost:{port}{GROUPS}"
        answer = send(port, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.3.2.1", "[::1]:8080"])
def test_a_loopback_host_is_answered(emulator: Emulator, host: str) -> None:
    with running(emulator) as port:
        answer = send(port, f"GET {GROUPS} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:80", "10.0.0.1", "localhost.example", "[", ""])
def test_a_foreign_host_is_refused(emulator: Emulator, host: str) -> None:
    """Entry 31: a web page that leads a browser here under its own name gets nothing."""
    repo = emulator.repository("orders-api")
    with running(emulator) as port:
        request = f"PUT {REPOS}/{repo['id']} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer x\r\n"
        answer = send(port, f"{request}Content-Length: 2\r\n\r\n{{}}")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"loopback" in answer
    assert emulator.writes == 0
    assert emulator.requests == []


def test_half_open_connections_block_nobody(emulator: Emulator) -> None:
    """Entry 31: 200 clients that send half a request."""
    with running(emulator) as port, contextlib.ExitStack() as open_ones:
        for _ in range(200):
            half = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            half.sendall(b"GET /iam/v1/groups HTTP/1.1\r\nHost: local")
        assert ask(port, "GET", GROUPS)[0] == 200


def test_a_connection_that_says_nothing_is_closed(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry 31: timeouts, before a request and in the middle of its body."""
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    head = f"PUT {REPOS}/{emulator.repository('orders-api')['id']} HTTP/1.1\r\nHost: localhost\r\n"
    with running(emulator) as port:
        for text in ("", "GET /", f"{head}Authorization: Bearer x\r\nContent-Length: 9\r\n\r\n{{"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(text.encode())
                assert connection.recv(4096) == b""
    assert emulator.writes == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import sys, pathlib; from reconciler.emulator import Emulator, serve\n"
        "with Emulator(pathlib.Path(sys.argv[1])) as emulator:\n"
        "    serve(emulator, 'localhost', 0, lambda port: print(port, flush=True))\n"
        "print('done')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "s.db"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    assert ask(port, "GET", GROUPS)[0] == 200
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "done\n", "")
