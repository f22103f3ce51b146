"""Output that cannot be written: a disk that is full says so, and what was done is told by the exit code."""

import errno
from typing import Any

import pytest

from reconciler.cli import main
from tests.support.program import Program, Stream, write_manifest


class Full(Stream):
    """A stream that takes nothing more, at once or when it is flushed."""

    def __init__(self, *, at_once: bool) -> None:
        super().__init__()
        self._at_once = at_once

    def write(self, text: str) -> int:
        if self._at_once:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("command", ["plan", "history", "repos"])
def test_a_full_disk_is_reported(program: Program, command: str, at_once: bool) -> None:  # noqa: FBT001 - a case
    write_manifest("organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n")
    world: Any = program.world()
    world.stdout = Full(at_once=at_once)
    assert main([command], world) == 1
    assert "could not write all of the output: No space left on device [output-not-written]" in world.stderr.getvalue()
    assert "Traceback" not in world.stderr.getvalue()


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["help", "plan"], ["plan", "--help"]])
def test_help_that_does_not_fit_is_reported(program: Program, words: list[str]) -> None:
    """An exit code of its own is not enough, people must see why."""
    world: Any = program.world()
    world.stdout = Full(at_once=True)
    assert main(words, world) == 1
    assert "could not write all of the output: No space left on device" in world.stderr.getvalue()


def test_an_apply_whose_progress_cannot_be_written_says_why_it_stopped(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n")
    world: Any = program.world()
    world.stderr = Full(at_once=False)
    assert main(["apply", "--yes"], world) == 130
    last = world.stdout.getvalue().splitlines()[-1]
    assert last.startswith("Apply interrupted: ")
    assert "could not write the progress: No space left on device" in last
