"""Nothing but `apply`, `resume` and `revert` can write, and nothing at all can delete a repository."""

import argparse
import ast
import re
from pathlib import Path

import pytest

from reconciler.api import endpoints
from reconciler.api.errors import WriteRefusedError
from reconciler.cli import client as client_module
from reconciler.cli import parser
from reconciler.cli.options import Options
from tests.support.program import Program, write_manifest

PACKAGE = Path(parser.__file__).parents[1]
WRITERS = {"apply", "resume", "revert"}
ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n  legacy-php: {reset: true}\n"


def commands() -> list[str]:
    (action,) = (one for one in parser.make_parser()._actions if isinstance(one, argparse._SubParsersAction))
    return sorted(action.choices)


# The words that a command needs beside its name; a new command that needs some is added here.
WORDS = {
    "builds": ["custom-nginx"],
    "comment": ["plan.json"],
    "completion": ["bash"],
    "emulator": ["reset"],
    "explain": ["custom-nginx"],
    "import": ["custom-*", "-o", "imported"],
    "journal": ["push", "--journal", "file:storage"],
    "logs": ["custom-python"],
    "migrate": ["-o", "overlays"],
    "show": ["p"],
    "snapshot": ["-o", "s"],
    "unlock": ["--journal", "file:storage"],
}


@pytest.mark.parametrize("command", sorted(set(commands()) - WRITERS))
def test_a_reading_command_sends_no_write(program: Program, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(ONE)
    program.run("plan", "-o", "p", "--format", "json=plan.json")
    with program.emulator() as emulator:
        before = [emulator.repository(name) for name in ("custom-nginx", "legacy-php")]
    monkeypatch.setattr(client_module, "connect_writer", lambda *_, **__: pytest.fail("a client that can write"))
    result = program.run(command, *WORDS.get(command, []), "--debug")
    assert result.code in (0, 1, 8), result.err
    assert "Traceback" not in result.err
    sent = re.findall(r"requests: \d+ reads, (\d+) writes", result.err)
    assert set(sent) <= {"0"}
    with program.emulator() as emulator:
        assert [emulator.repository(name) for name in ("custom-nginx", "legacy-php")] == before


@pytest.mark.parametrize("command", ["plan", "repos", "builds", "logs", "snapshot", "show"])
def test_debug_tells_what_was_sent(program: Program, command: str) -> None:
    write_manifest(ONE)
    program.run("plan", "-o", "p")
    result = program.run(command, *WORDS.get(command, []), "--debug")
    assert re.search(r"^requests: \d+ reads, 0 writes$", result.err, re.MULTILINE)


def test_the_client_of_a_reading_command_refuses_to_write(program: Program) -> None:
    """Whatever a reading command might try: its connection stops it before anything is sent."""
    write_manifest(ONE)
    from reconciler.api.http import Call

    options = Options(**vars(parser.parse(["plan", "--api", "emulator"])))
    with client_module.open_reader(options, program.world()) as client:
        assert not hasattr(client, "write_overlay")
        assert not hasattr(client, "create_repository")
        for method in ("PUT", "POST", "PATCH", "DELETE"):
            with pytest.raises(WriteRefusedError):
                client._connection.answer(Call(action="x", capability="x", path="/x", method=method))
        assert (client.sent.reads, client.sent.writes) == (0, 0)


def test_only_the_writers_ask_for_a_client_that_writes() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in (PACKAGE / "cli").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name | ast.Attribute)
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in ("open_writer", "connect_writer")
    }
    allowed = {"cli/client.py", *(f"cli/commands/{name}.py" for name in WRITERS)}
    assert "cli/commands/apply.py" in found
    assert found <= allowed


def test_only_overlays_and_bindings_can_be_deleted() -> None:
    """Every method of a call is a literal of `endpoints.py`; the emulator and code hosts are not the API's clients."""
    deleting: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith("emulator/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "delete"], name
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and "DELETE" in strings(function):
                deleting.add(f"{name}:{function.name}")
    assert deleting == {"api/endpoints.py:delete_binding", "api/endpoints.py:delete_overlay"}
    for call in (endpoints.delete_overlay("ID", "corp-ca"), endpoints.delete_binding("ID", "corp-ca on orders-api")):
        assert re.fullmatch(r"/registry/v2beta1/overlay(s|Bindings)/ID", call.path)


def strings(function: ast.FunctionDef) -> set[object]:
    return {node.value for node in ast.walk(function) if isinstance(node, ast.Constant)}


def test_an_apply_that_resets_and_prunes_sends_no_delete(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.emulator import Emulator

    seen: list[str] = []
    close = Emulator.close

    def note(emulator: Emulator) -> None:
        seen.extend(method for method, *_ in emulator.requests)
        close(emulator)

    monkeypatch.setattr(Emulator, "close", note)
    write_manifest(ONE)
    result = program.run("apply", "--yes", "--no-wait", "--prune", "--max-removal", "100%", "--no-resolve")
    assert result.code == 0
    assert set(seen) == {"GET", "PATCH"}
    assert seen.count("PATCH") > 1
