"""What a start of the program imports."""

import subprocess
import sys

import pytest

_HEAVY = ("pydantic", "httpx", "rich", "yaml", "asyncio", "importlib.metadata", "cryptography", "dataclasses")
_PROGRAM = """
import sys
from reconciler.cli import main
main(sys.argv[1:])
print(*[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["plan", "--help"], ["emulator", "serve", "--help"]])
def test_help_and_version_import_nothing_heavy(argv: list[str]) -> None:
    program = _PROGRAM.format(heavy=_HEAVY)
    result = subprocess.run([sys.executable, "-c", program, *argv], capture_output=True, text=True, check=True)
    assert result.stdout
    assert result.stderr.strip() == ""


def test_validate_needs_no_http() -> None:
    program = _PROGRAM.format(heavy=("httpx", "rich", "cryptography"))
    result = subprocess.run(
        [sys.executable, "-c", program, "validate", "manifests"], capture_output=True, text=True, check=True
    )
    assert result.stderr.strip() == ""


def test_a_plan_of_another_api_imports_no_emulator() -> None:
    program = _PROGRAM.format(heavy=("reconciler.emulator", "sqlite3", "cryptography"))
    argv = ["plan", "manifests", "--api", "nonsense://"]
    environ = {"PATH": "/usr/bin:/bin", "CHAINGUARD_TOKEN": "x"}
    result = subprocess.run(
        [sys.executable, "-c", program, *argv], capture_output=True, text=True, check=True, env=environ
    )
    assert "bad-api-url" in result.stderr
    assert result.stderr.splitlines()[-1] == ""
