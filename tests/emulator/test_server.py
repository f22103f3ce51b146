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

from reconciler.emulator import Delay, Drop, Emulator, Fault, Garble, When, serve
from reconciler.emulator.server import Server, loopback
from tests.support.emulated import GROUPS, REPOS, packages

TOKEN = {"Authorization": "Bearer secret"}


@contextlib.contextmanager
def running(emulator: Emulator, host: str = "127.0.0.1") -> Iterator[int]:
    server = Server(emulator, host, 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.port
    finally:
        server.stop()
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


def test_ids_keep_their_slashes_and_escaped_ones_are_none(emulator: Emulator) -> None:
    repo = emulator.repository("team-a/custom-node")
    body = {**repo, "customOverlay": packages("jq")}
    with running(emulator) as port:
        plain, _, _ = ask(port, "PUT", f"{REPOS}/{repo['id']}", body)
        escaped, _, _ = ask(port, "PUT", f"{REPOS}/{repo['id'].replace('/', '%2F')}", body)
    assert (plain, escaped) == (200, 404)
    assert emulator.writes == 1


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
    with Emulator(sleep=lambda _: bool(released.wait(10))) as emulator:  # type: ignore[arg-type]  # waits, and says nothing
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
