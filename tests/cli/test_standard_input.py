"""`-` as a file: manifests, saved plans and snapshots from standard input and to standard output."""

import io
import json
from pathlib import Path

import pytest

from reconciler.cli import main
from tests.support.program import Program, Result, Stream, write_manifest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"


def run(program: Program, text: str, *argv: str) -> Result:
    """Run a command line with a text on standard input."""
    world = program.world()
    world.stdin = Stream(text)
    code = main(list(argv), world)
    return Result(code, world.stdout.getvalue(), world.stderr.getvalue())  # type: ignore[attr-defined]


def test_a_manifest_from_standard_input(program: Program) -> None:
    assert run(program, ONE, "validate", "-").out == "<stdin>: valid, 1 repository\n"
    assert run(program, ONE, "plan", "-", "--detailed-exitcode").code == 2
    assert "<stdin>:3" in run(program, ONE, "explain", "custom-nginx", "-").out
    assert "named" in run(program, ONE, "repos", "--manifest", "-").out
    applied = run(program, ONE, "apply", "-", "--yes", "--no-wait")
    assert applied.code == 0, applied.err
    (recorded,) = json.loads(program.run("history", "--json").out)["runs"]
    assert recorded["source"] == "<stdin>"


def test_bytes_that_are_no_text_are_reported_as_in_a_file(program: Program) -> None:
    world = program.world()
    world.stdin = io.TextIOWrapper(io.BytesIO(b"organization: \xff\n"), encoding="utf-8")
    assert main(["validate", "-"], world) == 1
    assert "<stdin>:1:15: the file is not UTF-8" in world.stderr.getvalue()  # type: ignore[attr-defined]


def test_problems_have_their_place_and_files_are_those_of_the_working_folder(program: Program) -> None:
    wrong = run(program, "organization: example.com\nrepositories: {a: {package: [x]}}\n", "validate", "-")
    assert wrong.code == 1
    assert "error: <stdin>:2:20:" in wrong.err
    write_manifest("contents: {packages: [jq]}\n", "overlays/nginx.yaml")
    entry = "organization: example.com\nrepositories: {custom-nginx: {overlay: overlays/nginx.yaml}}\n"
    assert run(program, entry, "validate", "-").code == 0
    assert "+jq" in run(program, entry, "plan", "-").out
    outside = run(program, entry.replace("overlays/", "../overlays/"), "validate", "-")
    assert (outside.code, "overlays/nginx.yaml" in outside.err) == (1, True)
    assert run(program, "", "validate", "-").code == 1


def test_a_file_of_the_name_is_a_file(program: Program) -> None:
    write_manifest(ONE, "<stdin>")
    assert program.run("validate", "<stdin>").code == 0
    assert program.run("validate", "./-").code == 1


def test_an_apply_of_standard_input_cannot_ask(program: Program) -> None:
    result = run(program, ONE, "apply", "-")
    assert result.code == 5
    assert "--yes" in result.err


def test_a_plan_goes_through_a_pipe(program: Program) -> None:
    write_manifest(ONE)
    saved = program.run("plan", "-o", "-")
    assert saved.code == 0
    assert "custom-nginx" in saved.err, "the plan for people goes to standard error"
    assert json.loads(saved.out.splitlines()[0])["reconciler"] == "plan"
    program.run("plan", "-o", "plan.jsonl")
    assert saved.out == Path("plan.jsonl").read_text(encoding="utf-8")
    assert run(program, saved.out, "show", "-").out == program.run("show", "plan.jsonl").out
    cut = run(program, saved.out[:-40], "show", "-")
    assert (cut.code, "<stdin>" in cut.err) == (1, True)
    assert run(program, saved.out, "apply", "-", "--no-wait").code == 0
    assert program.run("plan", "--detailed-exitcode").code == 0


def test_a_snapshot_goes_through_a_pipe(program: Program) -> None:
    write_manifest(ONE)
    snapshot = program.run("snapshot", "-o", "-")
    assert snapshot.code == 0
    assert "plan --against -" in snapshot.err
    assert run(program, snapshot.out, "plan", "--against", "-", "--detailed-exitcode").code == 2


@pytest.mark.parametrize(
    "argv",
    [
        ["plan", "-o", "-", "--format", "json"],
        ["plan", "-o", "-", "--format", "text=-"],
        ["plan", "-", "--against", "-"],
        ["plan", "-", "--base", "-"],
        ["import", "-o", "-"],
        ["init", "-o", "-"],
    ],
)
def test_a_stream_serves_once(argv: list[str], program: Program) -> None:
    assert run(program, ONE, *argv).code == 64


def test_standard_output_next_to_formats_in_files(program: Program) -> None:
    write_manifest(ONE)
    result = program.run("plan", "-o", "-", "--format", "json=plan.json")
    assert result.code == 0
    assert '"reconciler":"plan"' in result.out
    assert json.loads(Path("plan.json").read_text(encoding="utf-8"))["counts"]["update"] == 1


def test_formatting_standard_input(program: Program) -> None:
    ragged = "organization:   example.com\nrepositories:\n      custom-nginx:   {packages: [curl]}   # why\n"
    result = run(program, ragged, "fmt", "-")
    assert result.code == 0
    assert result.out.startswith("organization: example.com\n")
    assert "# why" in result.out
    assert run(program, result.out, "fmt", "-").out == result.out
    assert run(program, ragged, "fmt", "-", "--check").code == 1
    assert run(program, result.out, "fmt", "-", "--check").code == 0
    assert run(program, "a: [", "fmt", "-").code == 1
