"""Run the installed program as a new user would, in an empty folder: package data that is missing shows here."""

import subprocess
import sys
import tempfile
from pathlib import Path

import reconciler

_COMMANDS = (
    ["--version"],
    ["--help"],
    ["emulator", "reset"],
    ["init", "--api", "emulator"],
    ["validate"],
    ["plan", "--api", "emulator"],
    ["plan", "--api", "emulator", "--format", "html=plan.html", "--format", "markdown=plan.md"],
    ["plan", "--api", "emulator", "--format", "json"],
    ["schema"],
)


def main() -> None:
    """Raise `CalledProcessError` for the first command that fails."""
    program = Path(sys.executable).with_name("reconciler")
    package = Path(reconciler.__file__).parent
    assert "site-packages" in package.parts, f"{package} is not installed"
    assert (package / "py.typed").exists()
    assert (package / "__init__.pyi").exists()
    with tempfile.TemporaryDirectory() as folder:
        for command in _COMMANDS:
            finished = subprocess.run([program, *command], cwd=folder, capture_output=True, text=True, check=False)
            print(f"{finished.returncode}  reconciler {' '.join(command)}")
            assert finished.returncode == 0, finished.stderr
        assert "</html>" in Path(folder, "plan.html").read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
