"""The commands of the first minutes: init, help, version, and completion in a shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import __version__
from tests.support.program import Program, write_manifest

ROOT = Path(__file__).parents[2]


def test_init_writes_a_manifest_that_plans_to_no_change(program: Program) -> None:
    result = program.run("init")
    assert result.code == 0, result.err
    assert "reconciler plan --api emulator" not in result.out, "the API is in the environment"
    assert "reconciler plan" in result.out
    assert "reconciler import" in result.out
    text = Path("manifests/manifest.yaml").read_text(encoding="utf-8")
    assert "organization: example.com" in text
    assert "custom-nginx" in text
    assert program.run("validate").code == 0
    assert program.run("plan", "--detailed-exitcode").code == 0


def test_what_init_comments_out_is_a_manifest(program: Program) -> None:
    program.run("init")
    path = Path("manifests/manifest.yaml")
    head, tail = path.read_text(encoding="utf-8").split("repositories: {}\n")
    entries = [line.removeprefix("# ") for line in tail.splitlines() if line.startswith("#   ")]
    path.write_text(head + "repositories:\n" + "\n".join(entries) + "\n", encoding="utf-8")
    assert program.run("validate").code == 0, program.run("validate").err


def test_init_never_replaces_a_manifest(program: Program) -> None:
    write_manifest("organization: example.com\n", "manifests/TEAM.YAML")
    result = program.run("init")
    assert result.code == 1
    assert "already holds a manifest" in result.err
    assert [path.name for path in Path("manifests").iterdir()] == ["TEAM.YAML"]


def test_init_of_another_folder(program: Program) -> None:
    assert program.run("init", "-o", "other", "--org", "example.com").code == 0
    assert program.run("validate", "other").code == 0


def test_version_and_help(program: Program) -> None:
    assert program.run("version").out == program.run("--version").out == f"reconciler {__version__}\n"
    assert program.run("help").out == program.run("--help").out
    assert program.run("help", "plan").out == program.run("plan", "--help").out
    assert program.run("help", "paln").code == 64


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script(program: Program, shell: str) -> None:
    result = program.run("completion", shell)
    assert result.code == 0
    assert "reconciler" in result.out


def completions(folder: Path, line: str) -> set[str]:
    """What the program answers a shell that asks for completions of a line."""
    answer = folder / "answer"
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    subprocess.run([sys.executable, "-m", "reconciler"], cwd=folder, env=environ, check=False, capture_output=True)
    return {word.strip() for word in answer.read_text(encoding="utf-8").split("\n")}


def test_completion_of_commands_options_and_repositories(program: Program, tmp_path: Path) -> None:
    write_manifest("organization: example.com\nrepositories:\n  new-thing: {source: python}\n")
    assert completions(tmp_path, "reconciler sna") == {"snapshot"}
    assert completions(tmp_path, "reconciler plan --det") == {"--detailed-exitcode"}
    assert completions(tmp_path, "reconciler logs new") == {"new-thing"}
    assert "custom-nginx" not in completions(tmp_path, "reconciler logs custom")
    program.run("snapshot", "-o", "s")
    assert "custom-nginx" in completions(tmp_path, "reconciler --api emulator logs custom")
    assert "custom-nginx" in completions(tmp_path, "reconciler plan --repo custom")
