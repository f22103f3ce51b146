"""Networks that fail, at the command line: servers that drip, many repositories, proxies, tokens. Loopback only."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.emulator import EmulatorSettings
from tests.api.auth.pieces import jwt
from tests.api.test_bounds import BODY, HEADERS, Script, drop_by_drop
from tests.support.clock import FakeClock
from tests.support.program import Program, write_manifest
from tests.support.served import served

MANIFEST = "organization: example.com\nrepositories: {custom-go: {packages: [git]}}\n"
PROGRAM = [sys.executable, "-m", "reconciler"]


@pytest.fixture(autouse=True)
def manifest(program: Program) -> None:
    write_manifest(MANIFEST)


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    root = str(Path(__file__).parents[2])
    return {**kept, "PYTHONPATH": root, "CHAINGUARD_TOKEN": "sesame-3f9a", **more}


Ran = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ran(executable: str) -> Ran:
    def run(*argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [executable, *argv], env=environment(**more), capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.mark.parametrize("head", [b"", HEADERS, BODY], ids=["silence", "headers", "body"])
def test_the_first_interruption_ends_a_plan_that_waits(head: bytes) -> None:
    asked = threading.Event()

    def act(found: socket.socket, script: Script) -> None:
        asked.set()
        if head:
            drop_by_drop(head)(found, script)
        else:
            script.over.wait(60)

    with Script(act) as script:
        process = subprocess.Popen(
            [*PROGRAM, "plan", "--api", script.url],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert asked.wait(20)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
            assert time.monotonic() - began < 15
    assert process.returncode == 130
    assert "Traceback" not in err


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_seventy_repositories_in_waves_need_the_sockets_of_one(program: Program) -> None:
    """A limit of 64 open files is enough, however many waves there are."""
    entries = "".join(f"  repo-{number:02}: {{source: custom-go, packages: [git]}}\n" for number in range(70))
    write_manifest(f"organization: example.com\nrepositories:\n{entries}")
    settings = EmulatorSettings(build_seconds=(1.0, 1.0), queue_delay=0.0, automatic_rebuilds=False)
    program.environ = {"CHAINGUARD_TOKEN": "sesame-3f9a"}
    seen: list[int] = []
    program.clock.on_wait = lambda _: seen.append(open_files())
    with served(program.clock, settings) as (url, emulator):
        before = open_files()
        result = program.run("apply", "--yes", "--batch", "1,5,10,10,10,10,10,rest", "--no-check", "--api", url)
        assert emulator.writes == 70, result.err
    assert result.code == 0, result.err
    # Each connection counts twice, as the server is in this process as well; the journal has a few files.
    assert max(seen) - before <= 2 * 10 + 10


@pytest.fixture
def closed() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_a_proxy_that_refuses_is_named_and_not_the_api(closed: str, ran: Ran) -> None:
    done = ran("plan", "--api", "https://api.test", HTTPS_PROXY=f"http://me:hunter2@{closed}")
    assert done.returncode == 1
    assert f"cannot reach the proxy at {closed} (HTTPS_PROXY): connection refused" in done.stderr
    assert "cannot reach the API" not in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
def test_a_socks_proxy_says_what_is_missing(kind: str, ran: Ran) -> None:
    done = ran("plan", "--api", "https://api.test", ALL_PROXY=f"{kind}://me:hunter2@127.0.0.1:1")
    assert done.returncode == 1
    assert "ALL_PROXY is a SOCKS proxy" in done.stderr
    assert "socksio" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_proxy_is_not_asked_for_this_machine(closed: str, program: Program, ran: Ran) -> None:
    with served(FakeClock(time.time()), EmulatorSettings()) as (url, _):
        done = ran(
            "repos", "--org", "example.com", "--api", url, HTTP_PROXY=f"http://{closed}", ALL_PROXY=f"http://{closed}"
        )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["missing", "not a certificate", "pipe"])
def test_certificates_that_cannot_be_read_are_not_blamed_on_the_proxy(tmp_path: Path, kind: str, ran: Ran) -> None:
    file = tmp_path / "ca.pem"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind != "missing":
        file.write_text("hello")
    done = ran("plan", "--api", "https://api.test", SSL_CERT_FILE=str(file), HTTPS_PROXY="http://127.0.0.1:1")
    assert done.returncode == 1
    assert f"SSL_CERT_FILE is {file}" in done.stderr
    assert "proxy" not in done.stderr


@pytest.mark.parametrize("variable", ["CHAINGUARD_TOKEN", "TOK"])
@pytest.mark.parametrize("prefix", ["Bearer ", "bearer "])
def test_a_token_with_its_scheme(program: Program, variable: str, prefix: str) -> None:
    program.environ = {variable: f"{prefix}{jwt('mine')}"}
    result = program.run("plan", "--api", "https://api.test")
    assert result.code == 8
    assert f"set {variable} to the token without `Bearer `" in result.err
    assert jwt("mine") not in result.err + result.out


@pytest.mark.parametrize("kind", ["pipe", "/dev/zero", "folder", "long"])
def test_a_token_file_that_is_none(program: Program, tmp_path: Path, kind: str) -> None:
    """It is refused at once."""
    file = Path("/dev/zero") if kind == "/dev/zero" else tmp_path / "token"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "long":
        file.write_text("x" * 1_000_000)
    program.environ = {"CHAINGUARD_IDENTITY": f"{'4' * 40}/{'a' * 16}", "CHAINGUARD_OIDC_TOKEN_FILE": str(file)}
    result = program.run("plan", "--api", "https://api.test")
    assert result.code == 8
    assert "CHAINGUARD_OIDC_TOKEN_FILE is" in result.err


def chainctl(folder: Path, script: str) -> Mapping[str, str]:
    """A folder for the PATH with a program of that name."""
    file = folder / "chainctl"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "CHAINGUARD_TOKEN": ""}


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_chainctl_that_never_stops_printing(tmp_path: Path, stream: str, ran: Ran) -> None:
    """It is cut and ended."""
    began = time.monotonic()
    done = ran("plan", "--api", "https://api.test", **chainctl(tmp_path, f"yes some-long-word >&{stream}"))
    assert done.returncode == 8
    assert "printed more than a token" in done.stderr
    assert time.monotonic() - began < 25


def test_a_chainctl_that_leaves_a_child_behind(tmp_path: Path, ran: Ran) -> None:
    token = jwt("mine", ends=time.time() + 3600)
    script = f"sleep 20 &\necho {token}"
    with served(FakeClock(time.time()), EmulatorSettings()) as (url, _):
        began = time.monotonic()
        done = ran("repos", "--org", "example.com", "--api", url, **chainctl(tmp_path, script))
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 15


def test_a_missing_capability_and_the_message(program: Program, ran: Ran) -> None:
    """Without the word of the identity call, a 403 says what the server says."""

    def act(found: socket.socket, _: Script) -> None:
        body = json.dumps({"code": 7, "message": "billing is overdue", "details": []}).encode()
        head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        found.sendall(head % len(body) + body)

    with Script(act) as script:
        done = ran("repos", "--org", "example.com", "--api", script.url)
    assert done.returncode == 1
    assert "billing is overdue" in done.stderr
    assert "lacks the capability" not in done.stderr
