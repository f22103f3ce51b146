"""The exit codes, in one table, and which of several goes first."""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command tells the shell; `docs/exit-codes.md` says the same in words."""

    DONE = 0
    ERROR = 1
    CHANGES = 2
    NOT_APPLIED = 3
    STALE = 4
    REFUSED = 5
    BUILD_FAILED = 6
    BUILDS_UNFINISHED = 7
    TOKEN = 8
    USAGE = 64
    INTERRUPTED = 130


_ORDER = (
    ExitCode.INTERRUPTED,
    ExitCode.TOKEN,
    ExitCode.NOT_APPLIED,
    ExitCode.STALE,
    ExitCode.BUILD_FAILED,
    ExitCode.BUILDS_UNFINISHED,
)


def first(found: Iterable[ExitCode]) -> ExitCode:
    """The code to end with when several hold; `DONE` when none does."""
    codes = set(found)
    return next((code for code in _ORDER if code in codes), ExitCode.DONE)
