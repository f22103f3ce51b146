"""What a start of the program imports."""

import subprocess
import sys
from pathlib import Path

import pytest

_HEAVY = ("pydantic", "httpx", "rich", "yaml", "asyncio", "importlib.metadata", "cryptography")
_PROGRAM = """
import sys
from reconciler.cli import main
main(sys.argv[1:])
print(*[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["nonsense"]])
def test_help_and_version_import_nothing_heavy(argv: list[str]) -> None:
    program = _PROGRAM.format(heavy=_HEAVY)
    result = subprocess.run([sys.executable, "-c", program, *argv], capture_output=True, text=True, check=True)
    assert result.stderr.splitlines()[-1] == ""


def test_help_starts_no_program_and_suggests_nothing() -> None:
    program = _PROGRAM.format(heavy=("subprocess", "difflib", "dataclasses"))
    result = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == ""


def test_validate_needs_no_http() -> None:
    program = _PROGRAM.format(heavy=("httpx",))
    result = subprocess.run(
        [sys.executable, "-c", program, "validate", "manifests"], capture_output=True, text=True, check=True
    )
    assert result.stderr.strip() == ""


def test_a_run_without_a_shared_journal_needs_no_client_of_storages(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("organization: example.com\n", encoding="utf-8")
    program = _PROGRAM.format(heavy=("obstore",))
    for argv in (["apply", "web.yaml", "--api", "emulator", "--yes"], ["history"]):
        command = [sys.executable, "-c", program, *argv]
        result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        assert result.stderr.splitlines()[-1] == ""
