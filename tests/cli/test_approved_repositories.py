"""What was approved for one repository is written to that one and to no other, whatever names and clocks do."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import main
from reconciler.cli.client import STATE
from reconciler.emulator import EmulatorSettings
from tests.support.program import Program, Result, write_manifest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"
TWO = ONE + "  orders-api: {packages: [curl]}\n"
NEW = "organization: example.com\nrepositories:\n  fresh: {source: custom-nginx, packages: [curl]}\n"
FILE = Path("reviewed.plan")
QUIET = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)


@pytest.fixture(autouse=True)
def _quiet(program: Program) -> None:
    program.settings = QUIET


def rename(old: str, new: str, *, table: str = "repos") -> None:
    with closing(sqlite3.connect(STATE)) as db, db:
        db.execute(
            f"UPDATE {table} SET name = ?, message = json_set(message, '$.name', ?) WHERE name = ?",  # noqa: S608
            (new, new, old),
        )


def overlays(program: Program) -> dict[str, Any]:
    with closing(sqlite3.connect(STATE)) as db:
        rows = db.execute("SELECT name, json_extract(message, '$.customOverlay') FROM repos ORDER BY id").fetchall()
    return dict(rows)


def reseal(change: Callable[[list[Any]], object]) -> None:
    items = [json.loads(line) for line in FILE.read_bytes().splitlines()[:-1]]
    change(items)
    content = b"".join(json.dumps(item, separators=(",", ":")).encode() + b"\n" for item in items)
    FILE.write_bytes(content + b'{"seal":"sha256:' + hashlib.sha256(content).hexdigest().encode() + b'"}\n')


def plan(program: Program, manifest: str) -> None:
    write_manifest(manifest)
    assert program.run("plan", "-o", str(FILE)).code == 0


def refused_untouched(program: Program, result: Result, before: dict[str, Any]) -> None:
    assert result.code == 3, result.err
    assert "was renamed to" in result.out + result.err
    assert overlays(program) == before


def test_a_repository_that_was_renamed_since_the_plan_is_left_alone(program: Program) -> None:
    plan(program, ONE)
    rename("custom-nginx", "payments-prod")
    before = overlays(program)
    refused_untouched(program, program.run("apply", str(FILE)), before)


def test_a_repository_that_was_renamed_before_the_confirmation_is_left_alone(program: Program) -> None:
    """The same between plan and confirmation."""
    write_manifest(ONE)
    program.run("repos")
    before: dict[str, Any] = {}

    world = program.world("yes\n")
    ask = world.stdin.readline

    def renamed_first() -> str:
        rename("custom-nginx", "payments-prod")
        before.update(overlays(program))
        return ask()

    world.stdin.readline = renamed_first  # type: ignore[method-assign,assignment]

    code = main(["apply"], world)
    refused_untouched(program, Result(code, world.stdout.getvalue(), world.stderr.getvalue()), before)  # type: ignore[attr-defined]


def test_a_folder_that_was_renamed_before_the_confirmation(program: Program) -> None:
    """The folder is part of what was approved."""
    write_manifest("organization: example.com\nrepositories:\n  team-a/custom-node: {packages: [curl]}\n")
    assert program.run("plan").code == 0
    world = program.world("yes\n")
    ask, before = world.stdin.readline, overlays(program)

    def renamed_first() -> str:
        rename("team-a", "team-z", table="groups")
        return ask()

    world.stdin.readline = renamed_first  # type: ignore[method-assign,assignment]
    code = main(["apply"], world)
    refused_untouched(program, Result(code, world.stdout.getvalue(), world.stderr.getvalue()), before)  # type: ignore[attr-defined]


def test_a_source_that_was_renamed_makes_nothing(program: Program) -> None:
    """Of a creation."""
    plan(program, NEW)
    rename("custom-nginx", "payments-prod")
    before = overlays(program)
    refused_untouched(program, program.run("apply", str(FILE)), before)


def test_a_plan_of_an_earlier_version_is_held_to_its_labels(program: Program) -> None:
    """Without locations the labels must still fit."""
    plan(program, ONE)
    reseal(lambda items: [item["step"].pop("location", None) for item in items if "step" in item])
    rename("custom-nginx", "payments-prod")
    before = overlays(program)
    refused_untouched(program, program.run("apply", str(FILE)), before)


def steps(items: list[Any]) -> list[Any]:
    return [item["step"] for item in items if "step" in item and item["step"]["action"] == "update"]


def swap_ids(items: list[Any]) -> None:
    one, other = steps(items)
    one["id"], other["id"] = other["id"], one["id"]


def swap_labels(items: list[Any]) -> None:
    one, other = steps(items)
    one["repository"], other["repository"] = other["repository"], one["repository"]


def test_labels_that_are_not_those_of_the_ids(program: Program) -> None:
    for change, code in ((swap_ids, 3), (swap_labels, 1)):
        plan(program, TWO)
        before = overlays(program)
        reseal(change)
        result = program.run("apply", str(FILE))
        assert result.code == code, result.err
        assert overlays(program) == before


def test_two_steps_with_one_id(program: Program) -> None:
    plan(program, TWO)
    before = overlays(program)
    reseal(lambda items: steps(items)[1].update(id=steps(items)[0]["id"]))
    result = program.run("apply", str(FILE))
    assert (result.code, "several steps write to the same repository" in result.err) == (1, True)
    assert overlays(program) == before


def test_a_reset_of_content_that_is_not_known_is_taken_back(program: Program) -> None:
    """What is not known comes back as it was."""
    with program.emulator() as emulator:
        emulator.edit("custom-nginx", {"contents": {"packages": ["curl"]}, "guardedEntrypoint": True}, replace=True)
    before = overlays(program)
    write_manifest("organization: example.com\nrepositories: {custom-nginx: {reset: true}}\n")
    assert program.run("apply", "--yes", "--max-removal", "100%").code == 0
    assert overlays(program) != before
    run = json.loads(program.run("history", "--format", "json").out)["runs"][0]["id"]
    result = program.run("revert", run, "--yes", "--no-wait")
    assert result.code == 0, result.err
    with program.emulator() as emulator:
        found = emulator.repository("custom-nginx")["customOverlay"]
    assert (found["contents"]["packages"], found["guardedEntrypoint"]) == (["curl"], True)


def test_a_clock_that_goes_back_hides_no_run(program: Program) -> None:
    """The newest run is the one that was recorded last."""
    write_manifest(ONE)
    assert program.run("apply", "--yes").code == 0
    program.clock.time -= 3600
    write_manifest(ONE.replace("curl", "jq"))
    assert program.run("apply", "--yes", "--no-wait").code == 0
    runs = json.loads(program.run("history", "--format", "json").out)["runs"]
    assert runs[0]["started"] < runs[1]["started"]
    waited = program.run("wait", "--format", "json")
    assert json.loads(waited.out.splitlines()[-1])["run"] == runs[0]["id"]


def test_a_crashed_run_is_matched_by_id_after_a_rename(program: Program) -> None:
    """What was in flight is found under its new name."""
    write_manifest(ONE)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    with closing(sqlite3.connect(".reconciler/journal.db")) as db, db:
        db.execute("UPDATE step SET outcome = NULL")
        db.execute("UPDATE run SET ended = NULL, exit_code = NULL")
    rename("custom-nginx", "payments-prod")
    write_manifest(ONE.replace("custom-nginx", "payments-prod"))
    assert program.run("apply", "--yes", "--no-wait").code == 0
    first = json.loads(program.run("history", "--format", "json").out)["runs"][-1]["id"]
    waited = program.run("wait", first, "--format", "json")
    assert json.loads(waited.out.splitlines()[-1])["applied"] == ["custom-nginx"]
