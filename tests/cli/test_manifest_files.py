"""D33 and D37 at the command line: what a manifest may be."""

import os
import shutil
from pathlib import Path

import pytest

from tests.support.program import Program, write_manifest

CASES = Path(__file__).parents[1] / "manifest" / "cases"
HEAD = "organization: example.com\nrepositories:\n"


@pytest.mark.parametrize("command", ["validate", "plan"])
@pytest.mark.parametrize("order", [("new", "/new"), ("/new", "new")])
def test_entry_a6_two_entries_that_create_one_repository(
    program: Program, command: str, order: tuple[str, str]
) -> None:
    entries = "".join(f"  {name}: {{source: python, packages: [curl]}}\n" for name in order)
    result = program.run(command, str(write_manifest(HEAD + entries)))
    assert result.code == 1
    assert "would create the same repository" in result.err
    assert "web.yaml:4:3" in result.err


def test_entry_b24_the_first_hundred_problems_and_how_many_more(program: Program) -> None:
    path = write_manifest(f"{HEAD}  x:\n    packages:\n" + "      - '!'\n" * 5_000)
    result = program.run("validate", str(path))
    assert result.code == 1
    assert "[bad-package] (100 times: manifests/web.yaml:5:9, manifests/web.yaml:6:9, " in result.err
    assert "4900 more problems are not shown" in result.err
    assert "100 errors" in result.err


@pytest.mark.parametrize("command", ["validate", "plan", "fmt"])
def test_entry_b25_what_is_not_a_regular_file_is_refused_at_once(program: Program, command: str) -> None:
    os.mkfifo("pipe.yaml")
    for path in ("pipe.yaml", "/dev/zero"):
        result = program.run(command, path)
        assert result.code == 1
        assert "[not-a-file]" in result.err


@pytest.mark.parametrize("written", ["pipe", "folder", "zero"])
def test_entry_b25_files_that_a_manifest_names(program: Program, written: str) -> None:
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("zero").symlink_to("/dev/zero")
    for entry in (f"overlay: {written}", f"certificates: {{additional: [{{name: a, file: {written}}}]}}"):
        Path("m.yaml").write_text(f"{HEAD}  x: {{{entry}}}\n")
        result = program.run("validate", "m.yaml")
        assert result.code == 1
        assert "[not-a-file]" in result.err or "[path-outside]" in result.err


@pytest.mark.parametrize("text", ['"-----BEGIN PRIVATE\\x20KEY-----"', '"-----BEGIN RSA\n      PRIVATE KEY-----"'])
def test_entry_d29_private_keys_are_looked_for_in_values(program: Program, text: str) -> None:
    for place in ("environment: {A: %s}", "annotations: {a: %s}", "packages: [%s]", "environment: {? %s : x}"):
        path = write_manifest(f"{HEAD}  x:\n    {place % text}\n")
        result = program.run("validate", str(path))
        assert result.code == 1
        assert "[private-key]" in result.err


def test_entry_d32_certificates_and_keys_that_apko_would_not_read(program: Program) -> None:
    shutil.copytree(CASES / "pem-of-go", "m")
    result = program.run("validate", "m/m.yaml")
    assert result.code == 1
    for code, count in (("bad-certificate", 2), ("bad-key", 2), ("bad-certificate-name", 4), ("bad-key-name", 1)):
        assert result.err.count(f"[{code}]") == count
    assert "CryptographyDeprecationWarning" not in result.err


def test_entry_d32_a_serial_number_of_zero_warns_nobody(program: Program, recwarn: pytest.WarningsRecorder) -> None:
    shutil.copy(CASES / "pem-of-go" / "zero.pem", "c.pem")
    Path("m.yaml").write_text(f"{HEAD}  x: {{certificates: {{additional: [{{name: corp, file: c.pem}}]}}}}\n")
    assert program.run("validate", "m.yaml").code == 0
    assert not recwarn.list


@pytest.mark.parametrize("uid", ["0", '"0"'])
def test_entry_d32_a_user_with_uid_0(program: Program, uid: str) -> None:
    path = write_manifest(f"{HEAD}  x: {{accounts: {{users: [{{username: app, uid: {uid}}}]}}}}\n")
    result = program.run("validate", str(path))
    assert result.code == 1
    assert "[root-user]" in result.err
    assert "run-as: 0" in result.err


def test_entry_d33_extensions_in_any_case(program: Program) -> None:
    for name in ("TEAM.YAML", "a.Yml"):
        write_manifest(
            HEAD + f"  custom-{'nginx' if name == 'a.Yml' else 'python'}: {{packages: [curl]}}\n", f"m/{name}"
        )
    result = program.run("validate", "m")
    assert (result.code, result.out) == (0, "m: valid, 2 repositories\n")


def test_entry_d33_a_manifest_that_is_not_read_is_named_and_refuses_prune(program: Program) -> None:
    write_manifest(HEAD + "  custom-nginx: {packages: [curl]}\n", "m/a.yaml")
    write_manifest(HEAD + "  custom-python: {packages: [curl]}\n", "m/team/b.yaml")
    write_manifest("kind: Deployment\n", "m/team/other.yaml")
    for command in ("validate", "plan"):
        result = program.run(command, "m")
        assert result.code == 0
        assert "warning: m/team/b.yaml:1:1: " in result.err
        assert "other.yaml" not in result.err
    result = program.run("plan", "m", "--prune")
    assert result.code == 1
    assert "[unread-with-prune]" in result.err
    assert result.out == ""
    write_manifest("settings: {prune: true}\n" + HEAD + "  custom-nginx: {packages: [curl]}\n", "m/a.yaml")
    for command in ("validate", "plan"):
        assert program.run(command, "m").code == 1
    shutil.rmtree("m/team")
    assert program.run("validate", "m").code == 0


def test_entry_d37_what_an_editor_or_git_left_in_a_file_is_named(program: Program) -> None:
    for name, message in (
        ("merge-conflict.yaml", "merge-conflict.yaml:3:1: unresolved merge conflict"),
        ("no-break-space.yaml", "no-break-space.yaml:5:1: U+00A0 (a no-break space) in the indentation"),
    ):
        shutil.copy(CASES / name, name)
        for command in ("validate", "plan"):
            result = program.run(command, name)
            assert result.code == 1
            assert message in result.err


def test_entry_d37_a_path_with_a_line_break_stays_on_one_line(program: Program) -> None:
    name = "m\n::error::x.yaml"
    Path(name).write_text(f"{HEAD}  x: {{packages: ['!']}}\n")
    for path in (name, f"{name}.yaml"):
        result = program.run("validate", path)
        assert result.code == 1
        assert "\n::error::" not in result.err + result.out
    Path(name).write_text(f"{HEAD}  x: {{packages: [curl]}}\n")
    assert "\n::error::" not in program.run("validate", name).out


def test_entry_d32_a_plan_shows_a_serial_number_of_zero_without_a_warning(
    program: Program, recwarn: pytest.WarningsRecorder
) -> None:
    shutil.copy(CASES / "pem-of-go" / "zero.pem", "c.pem")
    Path("m.yaml").write_text(HEAD + "  custom-nginx: {certificates: {additional: [{name: corp, file: c.pem}]}}\n")
    result = program.run("plan", "m.yaml")
    assert result.code == 0
    assert "serial zero" in result.out
    assert not recwarn.list
