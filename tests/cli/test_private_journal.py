"""The working folder: private whatever was there before, no links, no pipes, and damage is told as damage."""

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.emulator import EmulatorSettings
from tests.support.program import Program, write_manifest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"
FOLDER = Path(".reconciler")
JOURNAL = FOLDER / "journal.db"


@pytest.fixture
def applied(program: Program) -> Program:
    """The program after an apply."""
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)
    write_manifest(ONE)
    assert program.run("apply", "--yes").code == 0
    return program


def modes() -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in FOLDER.iterdir()}


def test_everything_in_the_folder_is_private_whatever_was_there_before(program: Program) -> None:
    FOLDER.mkdir(mode=0o755)
    for name in ("journal.db", "apply.lock", "older"):
        (FOLDER / name).touch(mode=0o666)
        (FOLDER / name).chmod(0o666)
    before = os.umask(0)
    try:
        write_manifest(ONE)
        assert program.run("apply", "--yes").code == 0
        assert program.run("plan").code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(FOLDER.stat().st_mode) == 0o700
    found = modes()
    found.pop("emulator.db", None)
    assert set(found.values()) == {0o600}, found


@pytest.mark.parametrize("name", ["journal.db", "apply.lock"])
def test_links_are_not_followed(applied: Program, name: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(FOLDER / name, elsewhere)
    elsewhere.chmod(0o644)
    (FOLDER / name).symlink_to(elsewhere)
    result = applied.run("apply", "--yes")
    assert (result.code, "symbolic link" in result.err) == (1, True)
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644


def test_a_folder_that_is_a_link_is_refused(program: Program, tmp_path: Path) -> None:
    write_manifest(ONE)
    (tmp_path / "other").mkdir(mode=0o755)
    program.environ = {"RECONCILER_API": "http://127.0.0.1:1", "CHAINGUARD_TOKEN": "x"}
    FOLDER.symlink_to(tmp_path / "other")
    result = program.run("apply", "--yes")
    assert (result.code, "journal-unusable" in result.err) == (1, True)
    assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
@pytest.mark.parametrize("command", [("history",), ("wait",), ("apply", "--yes")])
def test_what_is_not_a_file_is_refused_at_once(applied: Program, kind: str, command: tuple[str, ...]) -> None:
    """Of journals."""
    for path in FOLDER.glob("journal.db*"):
        path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(JOURNAL)
        case "folder":
            JOURNAL.mkdir()
        case _:
            JOURNAL.symlink_to("/dev/zero")
    result = applied.run(*command)
    assert (result.code, "journal-unusable" in result.err) == (1, True), result.err


@pytest.mark.parametrize("command", [("show", "x"), ("apply", "x"), ("plan", "--against", "x")])
def test_plans_and_snapshots_that_are_no_files_are_refused_at_once(program: Program, command: tuple[str, ...]) -> None:
    """Of plans and snapshots."""
    write_manifest(ONE)
    os.mkfifo("x")
    assert program.run(*command).code == 1
    Path("x").unlink()
    Path("x").symlink_to("/dev/zero")
    assert program.run(*command).code == 1


DAMAGE = {
    "text": "UPDATE run SET user = CAST(x'dcff' AS TEXT)",
    "a type": "UPDATE run SET started = 'yesterday'",
    "a time": "UPDATE run SET started = 1e300",
    "a lost run": "UPDATE run SET id = 'other'",
    "an outcome": "UPDATE step SET outcome = substr(outcome, 1, 20)",
    "a table": "ALTER TABLE run RENAME COLUMN source TO sourxe",
}


@pytest.mark.parametrize("command", ["history", "wait"])
@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_reported_as_damage(applied: Program, how: str, command: str) -> None:
    with closing(sqlite3.connect(JOURNAL)) as db, db:
        db.execute(DAMAGE[how])
    result = applied.run(command)
    assert (result.code, "[journal-damaged]" in result.err) == (1, True), result.out + result.err


def test_every_changed_byte_of_the_tables_is_not_a_defect(applied: Program) -> None:
    """Whatever a disk does, it is told in words."""
    with closing(sqlite3.connect(JOURNAL)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = JOURNAL.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 120)):
        changed = bytearray(whole)
        changed[place] ^= 0x54
        JOURNAL.write_bytes(changed)
        for command in (("history",), ("wait",)):
            result = applied.run(*command)
            assert "internal-error" not in result.err, (place, command, result.err)


def test_history_counts_rows_of_earlier_versions_too(applied: Program) -> None:
    """What earlier versions recorded has no counts beside it."""
    now = applied.run("history").out
    assert "4 succeeded" in now
    with closing(sqlite3.connect(JOURNAL)) as db, db:
        db.execute("UPDATE step SET progress = json_remove(progress, '$.counts')")
    assert applied.run("history").out == now
