"""`reconciler drift`: what somebody else changed, what is not applied yet, and both, told apart."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.golden import check
from tests.support.program import Program, without_run, write_manifest

GOLDEN = Path(__file__).parent / "golden" / "drift"
MANIFEST = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl], environment: {API_TOKEN: "hunter2-hunter2"}}
  custom-redis: {packages: [jq]}
  orders-api: {packages: [git]}
"""


def applied(program: Program) -> None:
    write_manifest(MANIFEST)
    assert program.run("apply", "--yes", "--no-wait").code == 0


def change(program: Program, name: str, *packages: str, **more: Any) -> None:
    with program.emulator() as emulator:
        emulator.edit(name, {"contents": {"packages": list(packages)}, **more})


def kinds(program: Program, *argv: str) -> tuple[int, dict[str, str]]:
    result = program.run("drift", "--json", *argv)
    return result.code, {one["repository"]: one["kind"] for one in json.loads(result.out)["repositories"]}


def test_nothing_differs_after_an_apply(program: Program) -> None:
    applied(program)
    assert kinds(program) == (0, {})
    assert "No drift. The live state matches the manifest." in program.run("drift").out


def test_what_was_never_applied_alone_is_not_a_drift(program: Program) -> None:
    write_manifest(MANIFEST)
    code, found = kinds(program)
    assert (code, set(found.values())) == (0, {"not-applied"})


def test_the_three_kinds_are_distinguished(program: Program) -> None:
    applied(program)
    change(program, "custom-nginx", "vim", environment={"API_TOKEN": "another-secret-77"})
    change(program, "orders-api", "git", "tcpdump")
    write_manifest(MANIFEST.replace("[git]", "[git, bash]").replace("[jq]", "[jq, yq]"))
    expected = {"custom-nginx": "changed", "custom-redis": "not-applied", "orders-api": "both"}
    assert kinds(program) == (2, expected)
    for name in ("text", "json", "markdown"):
        result = program.run("drift", "--format", name)
        assert result.code == 2
        assert "hunter2" not in result.out
        assert "secret-77" not in result.out
        check(GOLDEN / f"three-kinds.{name}", without_run(result.out))


def test_what_somebody_else_brought_to_the_manifest_is_not_a_drift(program: Program) -> None:
    applied(program)
    change(program, "orders-api", "git", "bash")
    write_manifest(MANIFEST.replace("[git]", "[git, bash]"))
    assert kinds(program) == (0, {})


def test_sections_that_the_manifest_does_not_manage_are_somebody_elses(program: Program) -> None:
    applied(program)
    change(program, "orders-api", "git", environment={"OTHER": "x"})
    assert kinds(program) == (0, {})


def test_an_apply_puts_it_back_and_an_import_takes_it_in(program: Program) -> None:
    applied(program)
    change(program, "orders-api", "git", "tcpdump")
    assert program.run("import", "orders-api", "-o", "manifests").code == 0
    assert kinds(program) == (0, {})
    write_manifest(MANIFEST)
    assert kinds(program) == (2, {"orders-api": "changed"})
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert kinds(program) == (0, {})


@pytest.mark.parametrize("option", [("--repo", "custom-*"), ("--exclude", "orders-api")])
def test_a_selection_narrows_it(program: Program, option: tuple[str, str]) -> None:
    applied(program)
    change(program, "orders-api", "git", "tcpdump")
    assert kinds(program, *option) == (0, {})


def test_what_cannot_be_planned_makes_it_incomplete(program: Program) -> None:
    write_manifest(MANIFEST + "  nowhere: {packages: [curl]}\n")
    assert program.run("drift").code == 1


def test_a_journal_that_cannot_be_read_is_not_an_empty_one(program: Program) -> None:
    applied(program)
    Path(".reconciler/journal.db").write_bytes(b"broken")
    for path in Path(".reconciler").glob("journal.db-*"):
        path.unlink()
    result = program.run("drift")
    assert (result.code, result.out) == (1, "")


def test_overlays_and_bindings_drift_as_repositories_do(program: Program) -> None:
    write_manifest(
        """\
organization: example.com
overlays:
  tools: {packages: [bash]}
repositories:
  custom-nginx: {overlays: {tools: dev}}
  orders-api: {overlays: {tools: all}}
"""
    )
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert kinds(program) == (0, {})
    with program.emulator() as emulator:
        emulator.bind("tools", "custom-nginx", "all", {"contents": {"packages": ["bash", "vim"]}})
        emulator.bind("tools", "orders-api", None)
    code, found = kinds(program)
    assert code == 2
    assert found == {
        "overlay tools": "changed",
        "binding tools on custom-nginx": "changed",
        "binding tools on orders-api": "changed",
    }
    text = program.run("drift").out
    assert "dev when written, all live, dev in the manifest" in text
    assert "all when written, none live, all in the manifest" in text
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert kinds(program) == (0, {})
