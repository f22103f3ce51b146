"""What a person at a terminal sees while a command reads for longer than a second."""

import threading
import time
from typing import Any

import pytest

from reconciler.api.client import ReadClient
from reconciler.cli import main
from reconciler.core.state import Live, Organization
from reconciler.views.live import Activity
from reconciler.views.text import Style
from tests.support.program import Program, Stream, write_manifest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"
LINE = "reading the repositories of example.com …"
PLAIN = Style(color=False, unicode=True)


def slow_read(program: Program, stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reading take two seconds by the test's clock, and as long as it takes until something is told of it."""
    read = ReadClient.read_live

    def slow(client: ReadClient, organization: Organization) -> Live:
        program.clock.time += 2.0
        give_up = time.monotonic() + 10.0
        while LINE not in stream.getvalue() and time.monotonic() < give_up:
            threading.Event().wait(timeout=0.02)
        return read(client, organization)

    monkeypatch.setattr(ReadClient, "read_live", slow)


@pytest.mark.parametrize(
    "argv", [["plan"], ["repos"], ["import", "custom-nginx", "-o", "here"], ["apply", "--no-wait"], ["builds"]]
)
def test_a_long_read_is_reported_and_gone_afterwards(
    argv: list[str], program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    write_manifest(ONE)
    if argv[0] == "import":
        argv = [*argv, "--org", "example.com"]
    world = program.world("yes\n")
    slow_read(program, world.stderr, monkeypatch)
    assert main(argv, world) == 0
    err = world.stderr.getvalue()  # type: ignore[attr-defined]
    assert f"{LINE} 2s" in err
    assert LINE not in world.stdout.getvalue()  # type: ignore[attr-defined]
    after = err[err.rindex(LINE) :]
    assert "\x1b[2K" in after, "erased"
    assert "\x1b[?25h" in after, "the cursor is back"


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_draw_gets_one_plain_line(
    term: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(ONE)
    program.environ["TERM"] = term
    world = program.world("yes\n")
    slow_read(program, world.stderr, monkeypatch)
    assert main(["apply"], world) == 0
    err = world.stderr.getvalue()  # type: ignore[attr-defined]
    assert err.count(f"{LINE}\n") == 1
    assert "\x1b" not in err, "the builds are followed in plain lines, too"
    assert "custom-nginx: written" in err


def test_a_short_read_and_one_without_a_terminal_say_nothing(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(ONE)
    short = program.world("")
    assert main(["plan"], short) == 0
    assert short.stderr.getvalue() == ""  # type: ignore[attr-defined]
    world = program.world()
    read = ReadClient.read_live

    def slow(client: ReadClient, organization: Organization) -> Live:
        program.clock.time += 2.0
        threading.Event().wait(timeout=0.3)
        return read(client, organization)

    monkeypatch.setattr(ReadClient, "read_live", slow)
    assert main(["plan"], world) == 0
    assert world.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_notes_stand_above_the_line_and_nothing_comes_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out, clock = Stream(terminal=True), [100.0]
    with Activity(out, "reading x", style=PLAIN, now=lambda: clock[0], size=(40, 10)) as line:
        line.note("before\n")
        line.tick()
        assert out.getvalue() == "before\n", "not within the first second"
        clock[0] += 65.0
        line.tick()
        assert "reading x … 1m05s" in out.getvalue()
        line.note("warning: trying again\n")
        assert "warning: trying again\n" in out.getvalue().replace("\r", "")
    ended = out.getvalue()
    line.tick()
    assert out.getvalue() == ended


def test_a_log_says_after_a_while_what_is_waited_for(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.cli.output._LOGGED_AFTER_SECONDS", 0.0)
    write_manifest(ONE)
    written = threading.Event()
    world = program.world()
    world.notify = lambda text: written.set() if "reading the overlay bindings of example.com ..." in text else None
    read = ReadClient.read_bindings

    def slow(client: ReadClient, organization: Organization) -> Any:
        assert written.wait(timeout=10)
        return read(client, organization)

    monkeypatch.setattr(ReadClient, "read_bindings", slow)
    assert main(["plan"], world) == 0
