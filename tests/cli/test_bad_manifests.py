"""Every kind of bad manifest with every command that reads one (entry D34): a message with its place, no success."""

import re
from pathlib import Path

import pytest

from tests.support.program import Program, write_manifest

HEAD = "organization: example.com\n"
# Each kind, and a word of the message that says what is wrong.
BROKEN = {
    "syntax": (HEAD + "repositories: {custom-nginx: [\n", "web.yaml"),
    "conflict-markers": (HEAD + "<<<<<<< HEAD\nrepositories: {}\n=======\n>>>>>>> b\n", "web.yaml"),
    "no-mapping": ("- a\n- b\n", "web.yaml:1"),
    "tab": (HEAD + "repositories:\n\tcustom-nginx: {}\n", "web.yaml:3"),
}
WRONG_ENTRY = {
    "unknown-key": (HEAD + "repositories:\n  custom-nginx: {pakages: [curl]}\n", "pakages"),
    "wrong-type": (HEAD + "repositories:\n  custom-nginx: {packages: curl}\n", "web.yaml:3"),
    "duplicate-key": (
        HEAD + "repositories:\n  custom-nginx: {reset: true}\n  custom-nginx: {reset: true}\n",
        "custom-nginx",
    ),
    "bad-value": (HEAD + "repositories:\n  custom-nginx: {environment: {CHAINGUARD_X: y}}\n", "CHAINGUARD_X"),
    "missing-profile": (HEAD + "repositories:\n  custom-nginx: {profiles: [nothing]}\n", "nothing"),
    "missing-file": (HEAD + "repositories:\n  custom-nginx: {overlay: none.yaml}\n", "none.yaml"),
}
# What a command needs beside its name, and how it names the manifest.
FULL = {
    "validate": ["manifests"],
    "plan": ["manifests"],
    "apply": ["manifests", "--yes"],
    "explain": ["custom-nginx", "manifests"],
    "repos": [],
}
ORGANIZATION_ONLY = {"builds": [], "logs": ["custom-python"], "snapshot": ["-o", "s"]}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("command", [*FULL, *ORGANIZATION_ONLY, "fmt", "import"])
def test_a_manifest_that_cannot_be_read(program: Program, command: str, kind: str) -> None:
    text, word = BROKEN[kind]
    write_manifest(text)
    words = {**FULL, **ORGANIZATION_ONLY, "fmt": ["manifests"], "import": ["-o", "manifests"]}[command]
    result = program.run(command, *words)
    assert result.code == 1, result.err
    assert word in result.err
    assert "Traceback" not in result.err
    assert "no manifest" not in result.err
    assert Path("manifests/web.yaml").read_text(encoding="utf-8") == text
    with program.emulator() as emulator:
        assert emulator.writes == 0


@pytest.mark.parametrize("kind", WRONG_ENTRY)
@pytest.mark.parametrize("command", FULL)
def test_an_entry_with_a_mistake_fails_what_needs_it(program: Program, command: str, kind: str) -> None:
    text, word = WRONG_ENTRY[kind]
    write_manifest(text)
    result = program.run(command, *FULL[command])
    assert result.code == 1, result.err
    assert word in result.err
    # What is not known is not said: whether the manifest names a repository cannot be told.
    assert "IN MANIFEST" not in result.out
    with program.emulator() as emulator:
        assert emulator.writes == 0


@pytest.mark.parametrize("kind", WRONG_ENTRY)
@pytest.mark.parametrize("command", ORGANIZATION_ONLY)
def test_a_mistake_elsewhere_is_one_warning_where_only_the_organization_is_needed(
    program: Program, command: str, kind: str
) -> None:
    write_manifest(WRONG_ENTRY[kind][0])
    result = program.run(command, *ORGANIZATION_ONLY[command])
    assert "manifest-has-errors" in result.err
    assert "reconciler validate manifests" in result.err
    assert not re.search("^error:", result.err, re.MULTILINE)
    assert program.run(command, *ORGANIZATION_ONLY[command], "--org", "example.com").err.count("manifest-has") == 0


@pytest.mark.parametrize("command", [*FULL, *ORGANIZATION_ONLY, "fmt"])
def test_no_manifest_at_all(program: Program, command: str) -> None:
    words = {**FULL, **ORGANIZATION_ONLY, "fmt": ["manifests"]}[command]
    result = program.run(command, *words)
    assert result.code == 1
    assert "manifests" in result.err
    assert "Traceback" not in result.err
