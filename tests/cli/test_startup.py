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


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["nonsense"]])
def test_help_and_version_import_nothing_heavy(argv: list[str]) -> None:
    program = _PROGRAM.format(heavy=_HEAVY)
    result = subprocess.run([sys.executable, "-c", program, *argv], capture_output=True, text=True, check=True)
    assert result.stderr.splitlines()[-1] == ""


def test_validate_needs_no_http() -> None:
    program = _PROGRAM.format(heavy=("httpx",))
    result = subprocess.run(
        [sys.executable, "-c", program, "validate", "manifests"], capture_output=True, text=True, check=True
    )
    assert result.stderr.strip() == ""
