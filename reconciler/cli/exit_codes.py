"""The exit codes: what each means, and which of several goes first.

`docs/exit-codes.md` is made from it: `python -m reconciler.cli.exit_codes > docs/exit-codes.md`.
"""

import sys
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command tells the shell."""

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


MEANINGS = {
    ExitCode.DONE: "done; with `plan`, also when there are changes or the guard refuses them",
    ExitCode.ERROR: (
        "error: a bad manifest, live state that could not be read, a failure of the API, a saved plan that is damaged, "
        "edited or for something else, a selection that selects nothing, a journal that cannot be written or read"
    ),
    ExitCode.CHANGES: "`plan --detailed-exitcode` only: there are changes; with `--base`, changes that it causes",
    ExitCode.NOT_APPLIED: "`apply`, `wait`, `revert`: at least one write failed or was not attempted",
    ExitCode.STALE: (
        "`apply`, `wait`, `revert`: at least one repository changed since the plan and was left alone, or was changed "
        "by somebody else while its builds were followed"
    ),
    ExitCode.REFUSED: (
        "refused before anything was written: by the guard or a protected repository, another apply works in this "
        "folder, the question was declined, or there was no terminal to ask on"
    ),
    ExitCode.BUILD_FAILED: "applied, and a build failed; with `logs --follow`, the build that was followed failed",
    ExitCode.BUILDS_UNFINISHED: "applied, and builds did not finish in time, or it is not known how they ended",
    ExitCode.TOKEN: "no token, or one that the API rejects",
    ExitCode.USAGE: "bad usage of the command line",
    ExitCode.INTERRUPTED: "interrupted",
}

_ORDER = (
    ExitCode.INTERRUPTED,
    ExitCode.TOKEN,
    ExitCode.NOT_APPLIED,
    ExitCode.STALE,
    ExitCode.BUILD_FAILED,
    ExitCode.BUILDS_UNFINISHED,
)


def first(found: Iterable[ExitCode]) -> ExitCode:
    """Return the code to end with when several hold; `DONE` when none does."""
    codes = set(found)
    return next((code for code in _ORDER if code in codes), ExitCode.DONE)


def page() -> str:
    """Return the documentation of the exit codes, in Markdown."""
    rows = "".join(f"| {int(code)} | {MEANINGS[code]} |\n" for code in ExitCode)
    order = ", ".join(str(int(code)) for code in _ORDER)
    return (
        "# Exit codes\n\n"
        "<!-- Made from reconciler/cli/exit_codes.py; a test compares the two. -->\n\n"
        f"| code | means |\n| --- | --- |\n{rows}\n"
        f"Where several hold, the first of {order} in that order. An interrupted apply does not wait for builds.\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
