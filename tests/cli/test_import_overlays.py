"""`import` writes overlays and bindings that a plan has nothing to change about."""

from pathlib import Path

import pytest

from reconciler.emulator import EmulatorSettings
from tests.support.program import Program, Result, write_manifest

FILE = Path("manifests/overlays.yaml")


@pytest.fixture(autouse=True)
def _quiet(program: Program) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=False)


def bind(program: Program, overlay: str, to: str, tags: str | list[str] = "all") -> None:
    with program.emulator() as emulator:
        emulator.bind(overlay, to, tags)


def imported(program: Program, *more: str) -> Result:
    return program.run("import", "-o", "manifests", "--org", "example.com", *more)


def no_changes(program: Program) -> bool:
    result = program.run("plan", "--detailed-exitcode")
    return result.code == 0 and "No changes." in result.out


def test_what_is_imported_plans_to_no_change(program: Program) -> None:
    bind(program, "corp-ca", "example.com/")
    bind(program, "debug-tools", "example.com/team-a/", "dev")
    bind(program, "typer", "orders-api", ["24", "24-dev"])
    bind(program, "debug-tools", "orders-api", "dev")
    with program.emulator() as emulator:
        emulator.bind("free", config={"environment": {"ODD": "a: b # c"}})
    result = imported(program)
    assert result.code == 0, result.out + result.err
    assert "Imported 4 overlays and 4 bindings into manifests/overlays.yaml. A plan shows no changes." in result.out
    text = FILE.read_text(encoding="utf-8")
    assert "all_repositories:\n  overlays:\n    corp-ca: all\n" in text
    assert "folders:\n  team-a:\n    overlays:\n      debug-tools: dev\n" in text
    assert program.run("fmt", "--check").code == 0
    assert no_changes(program)


def test_a_second_import_leaves_them_to_the_user(program: Program) -> None:
    bind(program, "typer", "orders-api")
    assert imported(program).code == 0
    bind(program, "corp-ca", "example.com/")
    before = FILE.read_text(encoding="utf-8")
    result = imported(program)
    assert result.code == 0
    assert "[overlays-declared]" in result.err
    assert FILE.read_text(encoding="utf-8") == before


def test_nothing_of_them_is_imported_where_repositories_are_named(program: Program) -> None:
    bind(program, "typer", "orders-api")
    assert imported(program, "custom-go").code == 0
    assert not FILE.exists()


def test_a_repository_with_an_entry_keeps_it(program: Program) -> None:
    """An entry may not stand in two files, and what people wrote is not rearranged."""
    write_manifest("organization: example.com\nrepositories: {orders-api: {labels: {tier: canary}}}\n")
    bind(program, "typer", "orders-api")
    result = imported(program)
    assert "the bindings of orders-api are not imported: web.yaml has an entry for it already" in result.err
    assert "Imported 1 overlay and 0 bindings" in result.out


def test_an_organization_without_overlays_gets_no_file(program: Program) -> None:
    assert imported(program).code == 0
    assert not FILE.exists()
