"""Result files appear whole, and only when nothing can refuse the run any more."""

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from reconciler.cli import main
from reconciler.cli.context import Context
from reconciler.cli.options import Options
from reconciler.cli.runs import locked_journal
from reconciler.emulator import Fault, Status
from tests.support.program import Program, write_manifest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"
BAD = "organization: example.com\nrepositories:\n  custom-nginx: {pakages: [curl]}\n"
OLD = "the report of the run before\n"


def leftovers() -> list[str]:
    return [path.name for path in Path().iterdir() if path.name.endswith(".partial")]


def test_a_refused_apply_leaves_the_report_of_the_running_one(program: Program) -> None:
    write_manifest(ONE)
    Path("report.json").write_text(OLD, encoding="utf-8")
    ctx: Context = program.world()
    with locked_journal(Options(journal=None), ctx, ()):
        result = program.run("apply", "--yes", "--format", "json=report.json")
    assert result.code == 5
    assert Path("report.json").read_text(encoding="utf-8") == OLD
    assert leftovers() == []


@pytest.mark.parametrize("name", ["json", "text"])
@pytest.mark.parametrize("failure", ["bad-manifest", "bad-flag", "no-token", "unreadable-live-state"])
@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"]])
def test_an_early_failure_leaves_the_old_file(program: Program, command: list[str], failure: str, name: str) -> None:
    write_manifest(BAD if failure == "bad-manifest" else ONE)
    Path("out").write_text(OLD, encoding="utf-8")
    if failure == "no-token":
        program.environ = {}
    if failure == "unreadable-live-state":
        program.play(Fault(effect=Status(status=500), times=None))
    words = ["--max-rps", "1e-300"] if failure == "bad-flag" else []
    assert program.run(*command, "--format", f"{name}=out", *words).code in (1, 8, 64)
    assert Path("out").read_text(encoding="utf-8") == OLD
    assert leftovers() == []


@pytest.mark.parametrize(
    ("command", "format_"), [("plan", "html"), ("plan", "json"), ("apply", "json"), ("apply", "text")]
)
def test_a_result_replaces_the_old_file_and_is_private(program: Program, command: str, format_: str) -> None:
    write_manifest(ONE)
    Path("out").write_text(OLD, encoding="utf-8")
    Path("out").chmod(0o644)
    words = ["--yes", "--no-wait"] if command == "apply" else []
    assert program.run(command, *words, "--format", f"{format_}=out").code == 0
    assert OLD not in Path("out").read_text(encoding="utf-8")
    assert stat.S_IMODE(Path("out").stat().st_mode) == 0o600
    assert leftovers() == []


def test_a_link_to_a_file_stays_a_link(program: Program) -> None:
    write_manifest(ONE)
    Path("real.json").write_text(OLD, encoding="utf-8")
    Path("link.json").symlink_to("real.json")
    assert program.run("plan", "--format", "json=link.json").code == 0
    assert Path("link.json").is_symlink()
    assert json.loads(Path("real.json").read_text(encoding="utf-8"))["format_version"]


def test_a_pipe_is_written_to_directly(program: Program) -> None:
    write_manifest(ONE)
    read, write = os.pipe()
    assert program.run("validate", "--format", f"json=/dev/fd/{write}").code == 0
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as stream:
        assert json.load(stream)["valid"] is True


def test_a_folder_is_refused(program: Program) -> None:
    write_manifest(ONE)
    result = program.run("plan", "--format", "json=manifests")
    assert result.code == 1
    assert "output-not-written" in result.err


@pytest.mark.parametrize("command", [["plan", "-o", "-", "--json"], ["init", "-o", "-"], ["import", "-o", "-"]])
def test_a_dash_is_not_a_file(program: Program, command: list[str]) -> None:
    write_manifest(ONE)
    assert program.run(*command).code == 64
    assert not Path("-").exists()


def test_a_dash_of_a_format_is_standard_output(program: Program) -> None:
    write_manifest(ONE)
    assert json.loads(program.run("plan", "--format", "json=-").out)["format_version"]
    assert not Path("-").exists()


@pytest.mark.parametrize("written", [["-out=p"], ["-out", "p"], ["--out", "p"], ["--out=p"], ["-o", "p"], ["-op"]])
def test_every_habit_of_naming_the_plan_file(program: Program, written: list[str]) -> None:
    write_manifest(ONE)
    assert program.run("plan", *written).code == 0
    assert Path("p").exists()
    assert not Path("ut=p").exists()


def test_a_plan_that_cannot_be_applied_has_no_hint_to_apply_it(program: Program) -> None:
    write_manifest(ONE + "  custom-ngin: {packages: [curl]}\n")
    result = program.run("plan", "-o", "p")
    assert result.code == 1
    assert "apply it with" not in result.err
    assert "It cannot be applied" in result.err


POSIX = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")


@POSIX
def test_a_named_pipe_without_a_reader_is_waited_for_and_reported(program: Program) -> None:
    write_manifest(ONE)
    os.mkfifo("pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text(encoding="utf-8")), daemon=True)
    world = program.world()
    said: list[str] = []

    def notify(text: str) -> None:
        said.append(text)
        reader.start()

    world.notify = notify
    assert main(["plan", "--format", "json=pipe"], world) == 0
    reader.join(timeout=10)
    assert said == ["waiting for a reader of pipe ...\n"]
    assert json.loads(read[0])["format_version"]


@POSIX
def test_a_named_pipe_with_a_reader_is_written_at_once(program: Program) -> None:
    write_manifest(ONE)
    os.mkfifo("pipe")
    descriptor = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        result = program.run("plan", "--format", "json=pipe")
        assert json.loads(os.read(descriptor, 1_000_000))["format_version"]
    finally:
        os.close(descriptor)
    assert "waiting for a reader" not in result.err
