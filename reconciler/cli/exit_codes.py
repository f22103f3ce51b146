"""The exit codes: what each means, and which of several goes first.

`docs/exit-codes.md` is made from it: `python -m reconciler.cli.exit_codes > docs/exit-codes.md`.
"""

import sys
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of commands."""

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
    ExitCode.DONE: "success; with `plan`, also when there are changes or the guard refuses them",
    ExitCode.ERROR: (
        "error: an invalid manifest, live state that could not be read, an API failure, a saved plan that is damaged, "
        "edited or made for another target, a selection that matches nothing, an unusable journal; "
        "`plan --detailed-exitcode`: also changes that cannot be applied"
    ),
    ExitCode.CHANGES: (
        "`plan --detailed-exitcode`: there are changes; with `--base`, it caused changes; `drift`: there is drift"
    ),
    ExitCode.NOT_APPLIED: "`apply`, `wait`, `revert`: at least one write failed or was not attempted",
    ExitCode.STALE: (
        "`apply`, `wait`, `revert`: at least one repository changed since the plan and was left unchanged, or was "
        "changed by somebody else while its builds were followed"
    ),
    ExitCode.REFUSED: (
        "refused before anything was written: by the guard or a protected repository, because another apply holds "
        "the journal, declined at the prompt, or no terminal to ask for confirmation"
    ),
    ExitCode.BUILD_FAILED: "applied, and a build failed; with `logs --follow`, the followed build failed",
    ExitCode.BUILDS_UNFINISHED: "applied, and builds did not finish in time or their result is unknown",
    ExitCode.TOKEN: "no token, or the API rejected it",
    ExitCode.USAGE: "invalid command line",
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
        f"| code | meaning |\n| --- | --- |\n{rows}\n"
        f"Where several apply, the first of {order} in that order. An interrupted apply does not wait for builds.\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
