"""Ctrl-C, SIGTERM, and readers that go away: nothing that was written goes unreported."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main
from reconciler.cli.context import has_left, interruptible
from reconciler.cli.execution import confirm
from reconciler.emulator import EmulatorSettings
from reconciler.journal import RunRecord
from tests.support.program import Program, Stream, write_manifest

TWO = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl]}
  orders-api: {packages: [curl]}
"""


# Where nothing hangs up, the tests of it are those of SIGTERM once more.
HANGUP = getattr(signal, "SIGHUP", signal.SIGTERM)


@pytest.fixture(autouse=True)
def hanging_up() -> Iterator[None]:
    """Whoever runs the tests may ignore it."""
    before = signal.signal(HANGUP, signal.SIG_DFL)
    yield
    signal.signal(HANGUP, before)


def test_a_program_that_is_to_outlive_its_terminal_does(program: Program) -> None:
    signal.signal(HANGUP, signal.SIG_IGN)
    with interruptible(program.world()):
        assert HANGUP == signal.SIGTERM or signal.getsignal(HANGUP) is signal.SIG_IGN


class Gone(Stream):
    """A stream whose reader leaves after so many writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self._left = writes

    def write(self, text: str) -> int:
        if self._left == 0:
            raise BrokenPipeError
        self._left -= 1
        return super().write(text)


def text_of(stream: Any) -> str:
    found: str = stream.getvalue()
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, HANGUP])
def test_the_first_interruption_asks_to_stop_and_the_second_aborts(program: Program, number: int) -> None:
    world = program.world()

    def interrupt_twice() -> None:
        with interruptible(world):
            os.kill(os.getpid(), number)
            assert world.stop.wait(timeout=10)
            os.kill(os.getpid(), number)
            threading.Event().wait(timeout=10)

    with pytest.raises(KeyboardInterrupt):
        interrupt_twice()
    assert "Press Ctrl-C again to abort" in text_of(world.stderr)


def test_a_terminal_that_is_gone_does_not_keep_an_interruption_from_stopping_gently(program: Program) -> None:
    world = program.world()
    world.stderr = Gone(0)
    with interruptible(world):
        os.kill(os.getpid(), HANGUP)
        assert world.stop.wait(timeout=10)


def test_a_closed_terminal_loses_nothing_but_the_report(program: Program) -> None:
    """Every write to it fails from the end of the plan on; what was done is on record."""
    write_manifest(TWO)
    world = program.world()
    world.stdout, world.stderr = Gone(1), Gone(0)
    assert main(["apply", "--yes"], world) == 130
    history = program.run("history", "--format", "json")
    assert '"interrupted"' in history.out
    assert program.run("apply", "--yes", "--no-wait").code == 0


def test_a_second_interruption_says_how_to_settle_what_was_in_flight(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def aborted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reconciler.cli.execution.rollout", aborted)
    write_manifest(TWO)
    result = program.run("apply", "--yes")
    assert result.code == 130
    assert "some writes may or may not have arrived" in result.err
    assert "reconciler wait " in result.err
    (run,) = json.loads(program.run("history", "--format", "json").out)["runs"]
    assert (run["state"], run["exit_code"]) == ("interrupted", 130)


def test_the_handlers_of_before_come_back(program: Program) -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible(program.world()):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interruption_while_following_leaves_the_builds_running(program: Program) -> None:
    program.settings = EmulatorSettings(queue_delay=1000)
    write_manifest(TWO)
    world = program.world()
    program.clock.on_wait = lambda _: world.stop.set()
    code = main(["apply", "--yes"], world)
    assert code == 130
    said = text_of(world.stdout)
    assert said.splitlines()[-1].startswith("Apply interrupted: 2 updated, ")
    assert "To resume: `reconciler wait " in said


def test_an_interruption_before_anything_is_written(program: Program) -> None:
    write_manifest(TWO)
    world = program.world()
    world.stop.set()
    assert main(["apply", "--yes"], world) == 130
    said = text_of(world.stdout).splitlines()[-1]
    assert said == "Apply interrupted: 2 not attempted (custom-nginx, orders-api)."
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"] is None


def test_an_interruption_at_the_question(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(TWO)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reconciler.cli.execution.confirm", interrupted)
    assert confirm is not interrupted
    result = program.run("apply", answer="")
    assert (result.code, result.err) == (130, "")
    assert result.out.splitlines()[-1] == "Apply interrupted. Nothing was changed."


def test_a_reader_of_progress_that_leaves_stops_the_run_gently(program: Program) -> None:
    write_manifest(TWO)
    world = program.world()
    world.stderr = Gone(1)
    code = main(["apply", "--yes"], world)
    assert code == 130
    report = text_of(world.stdout).partition("\napplied:")[2]
    assert "Apply interrupted: " in report
    assert all(name in report for name in ("custom-nginx", "orders-api"))


def test_a_reader_of_the_result_that_leaves_gets_the_report_on_standard_error(program: Program) -> None:
    write_manifest(TWO)
    world = program.world()
    world.stdout = Gone(1)
    code = main(["apply", "--yes", "--no-wait"], world)
    assert code == 0
    assert text_of(world.stderr).splitlines()[-1].startswith("Apply complete: 2 repositories updated")


def test_a_reader_of_a_plan_that_leaves(program: Program) -> None:
    write_manifest(TWO)
    world = program.world()
    world.stdout = Gone(0)
    assert main(["plan"], world) == 1
    assert text_of(world.stderr) == ""


def test_a_reader_that_leaves_before_anything_is_written_keeps_it_from_being_written(program: Program) -> None:
    write_manifest(TWO)
    world = program.world()
    world.stdout = Gone(0)
    assert main(["apply", "--yes"], world) == 130
    assert program.run("history").out.startswith("No runs are recorded")


def test_a_reader_of_the_result_that_leaves_while_builds_are_followed_stops_the_run_gently(program: Program) -> None:
    """Nothing is written to it meanwhile, so that only the system can tell."""
    write_manifest(TWO)
    reading, writing = os.pipe()
    world = program.world()
    with os.fdopen(writing, "w", encoding="utf-8") as stdout:
        world.stdout = stdout

        def leave(_: float) -> None:
            program.clock.on_wait = None
            os.close(reading)

        program.clock.on_wait = leave
        assert main(["apply", "--yes"], world) == 130
    assert text_of(world.stderr).splitlines()[-1] == (
        "Apply interrupted: 2 updated, the reader of the output has left, 8 builds running."
    )


def test_whether_a_reader_is_there(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe, (tmp_path / "file").open("w") as file:
        assert [has_left(one) for one in (pipe, file)] == [False, False]
        assert not has_left(Stream())
        os.close(reading)
        assert has_left(pipe)
    assert not has_left(pipe), "a closed stream has no reader to lose"


@pytest.mark.parametrize("number", [signal.SIGTERM, HANGUP])
def test_a_signal_before_anything_is_written_ends_the_program_as_interrupted(number: int, tmp_path: Path) -> None:
    """CI systems end a job with SIGTERM while it plans as well."""
    program = (
        "import os, sys; from reconciler.cli import run; from reconciler.cli.commands import schema;"
        f" schema.execute = lambda *_: os.kill(os.getpid(), {int(number)}); sys.argv = ['reconciler', 'schema']; run()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


def test_an_interruption_on_a_terminal_stands_in_the_live_table_and_nowhere_else(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written beside the table, it would be painted over, and would leave a frame of the table behind."""
    monkeypatch.setenv("TERM", "xterm-256color")
    program.settings = EmulatorSettings(queue_delay=1000)
    write_manifest(TWO)
    world = program.world("yes\n")

    def interrupt(_: float) -> None:
        program.clock.on_wait = None
        os.kill(os.getpid(), signal.SIGINT)
        assert world.stop.wait(timeout=10)
        threading.Event().wait(timeout=1.2)  # the table is drawn twice a second

    program.clock.on_wait = interrupt
    assert main(["apply"], world) == 130
    err = text_of(world.stderr)
    (run,) = json.loads(program.run("history", "--format", "json").out)["runs"]
    assert "Interrupted: the builds continue on the server." in err
    assert f"To resume: reconciler wait {run['id']}" in err
    assert "finishing the writes" not in err, "no write is in progress"
    assert "\nInterrupted" not in err.replace("\r", ""), "only within the table"
    assert text_of(world.stdout).splitlines()[-1].startswith("Apply interrupted: 2 updated, ")


@pytest.mark.parametrize("command", [("apply", "--yes"), ("wait",)])
def test_an_interruption_that_stops_no_write_says_that_the_builds_continue(
    program: Program, command: tuple[str, ...]
) -> None:
    program.settings = EmulatorSettings(queue_delay=1000)
    write_manifest(TWO)
    if command == ("wait",):
        assert program.run("apply", "--yes", "--no-wait").code == 0
    world = program.world()

    def interrupt(_: float) -> None:
        program.clock.on_wait = None
        os.kill(os.getpid(), signal.SIGINT)
        assert world.stop.wait(timeout=10)

    program.clock.on_wait = interrupt
    assert main([*command], world) == 130
    (run,) = json.loads(program.run("history", "--format", "json").out)["runs"]
    said = text_of(world.stderr)
    assert f"\nInterrupted: the builds continue on the server.\nTo resume: reconciler wait {run['id']}\n" in said
    assert "finishing the writes" not in said


def test_an_interruption_that_the_interpreter_swallowed_is_no_success(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {}\n")
    world = program.world()
    world.stop.set()
    assert main(["validate"], world) == 130
    assert world.stderr.getvalue().endswith("Interrupted.\n")  # type: ignore[attr-defined]


@pytest.mark.parametrize("waves", [(), ("--batch", "1,rest")])
def test_a_second_interruption_while_builds_are_followed_says_that_all_writes_are_recorded(
    program: Program, waves: tuple[str, ...]
) -> None:
    program.settings = EmulatorSettings(queue_delay=1000)
    write_manifest(TWO)
    world = program.world()

    def interrupt_twice(_: float) -> None:
        program.clock.on_wait = None
        os.kill(os.getpid(), signal.SIGINT)
        assert world.stop.wait(timeout=10)
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(timeout=10)

    program.clock.on_wait = interrupt_twice
    assert main(["apply", "--yes", *waves], world) == 130
    (run,) = json.loads(program.run("history", "--format", "json").out)["runs"]
    said = text_of(world.stderr)
    assert "may or may not have arrived" not in said
    assert "Aborted: all writes are recorded; builds were not followed to completion.\n" in said
    assert f"\nTo follow them: reconciler wait {run['id']}\n" in said
    ending = f"all writes of run {run['id']} are recorded; builds were not followed to completion."
    assert text_of(world.stdout).splitlines()[-1] == f"Apply interrupted: {ending}"


def test_a_second_interruption_during_a_write_says_that_it_may_have_arrived(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(TWO)
    finished = RunRecord.finished

    def lost(record: RunRecord, outcome: Any) -> None:
        if outcome.step.label != "orders-api":
            finished(record, outcome)

    def aborted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RunRecord, "finished", lost)
    monkeypatch.setattr(RunRecord, "seen", aborted)
    result = program.run("apply", "--yes")
    (run,) = json.loads(program.run("history", "--format", "json").out)["runs"]
    assert result.code == 130
    assert "some writes may or may not have arrived" in result.err
    assert result.out.splitlines()[-1] == f"Apply interrupted: writes of run {run['id']} may be unfinished."
