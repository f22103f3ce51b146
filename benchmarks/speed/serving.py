"""The load generator: compiled once, then one process for each set of data and each delay."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SOURCE = Path(__file__).with_name("generator.c")


class NoCompilerError(Exception):
    """There is no C compiler, and a generator in Python would cost more than what is measured."""


def build(folder: Path) -> Path:
    """The compiled generator."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompilerError("a C compiler is needed for the load generator: install gcc or clang")
    program = folder / "generator"
    subprocess.run([compiler, "-O2", "-pthread", "-o", program, _SOURCE], check=True)
    return program


@contextmanager
def serving(program: Path, data: Path, delay_ms: int = 0) -> Iterator[str]:
    """The address of a generator that answers with this data."""
    with subprocess.Popen(
        [program, data, str(delay_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
