"""Every test of the command line runs in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forked import forked
from tests.support.program import Program


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.chdir(tmp_path)
    return Program()


@pytest.fixture(scope="session")
def executable() -> Iterator[str]:
    """The program as a process, for what is of a process, such as its environment."""
    with forked("reconciler", "reconciler.cli:main") as folder:
        yield str(folder / "reconciler")
