"""Standard streams that are closed before the program starts."""

import subprocess
import sys
from pathlib import Path

import pytest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"


def run(folder: Path, words: str, redirections: str) -> subprocess.CompletedProcess[str]:
    (folder / "manifests").mkdir(exist_ok=True)
    (folder / "manifests/web.yaml").write_text(ONE, encoding="utf-8")
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m reconciler {words} --api emulator {redirections}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.mark.parametrize("words", ["plan", "repos", "apply --yes --no-wait"])
def test_a_result_that_nobody_can_see_is_an_error(tmp_path: Path, words: str) -> None:
    result = run(tmp_path, words, ">&-")
    assert result.returncode == 1, result.stderr
    assert "standard output is closed" in result.stderr
    assert "Traceback" not in result.stderr


def test_closed_standard_error_changes_no_exit_code(tmp_path: Path) -> None:
    assert run(tmp_path, "plan --detailed-exitcode", "2>&-").returncode == 2
    assert run(tmp_path, "apply --yes --no-wait", "2>&-").returncode == 0
    assert run(tmp_path, "plan nothing-there", "2>&-").returncode == 1
    assert run(tmp_path, "plan --detailed-exitcode", "2>&-").returncode == 0


def test_closed_standard_input_is_not_a_terminal(tmp_path: Path) -> None:
    result = run(tmp_path, "apply", "<&-")
    assert result.returncode == 5
    assert "no-terminal" in result.stderr


def test_a_journal_never_becomes_a_standard_stream(tmp_path: Path) -> None:
    assert run(tmp_path, "apply --yes --no-wait", "<&- 2>&-").returncode == 0
    result = run(tmp_path, "plan --detailed-exitcode", "")
    assert result.returncode == 0, result.stderr
