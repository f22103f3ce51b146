"""The exception that ends a command early, with problems to print and an exit code."""

from typing import Self

from reconciler.cli.exit_codes import ExitCode
from reconciler.diagnostics import Diagnostic


class CommandFailed(Exception):  # noqa: N818 - it reads as what happened
    """A command failed: `problems` are the reasons, `exit_code` its exit code."""

    def __init__(
        self, code: str, summary: str, hint: str = "", *, detail: str = "", exit_code: ExitCode = ExitCode.ERROR
    ) -> None:
        super().__init__(code)
        self.problems: tuple[Diagnostic, ...] = (Diagnostic(code=code, summary=summary, detail=detail, hint=hint),)
        self.exit_code = exit_code

    @classmethod
    def from_problems(cls, *problems: Diagnostic, exit_code: ExitCode = ExitCode.ERROR) -> Self:
        """Return the failure for problems that exist already."""
        failure = cls(", ".join(problem.code for problem in problems), "", exit_code=exit_code)
        failure.problems = problems
        return failure


def bad_usage(summary: str, hint: str) -> CommandFailed:
    """Return the failure for a command line that is wrong, with exit code 64."""
    return CommandFailed("bad-usage", summary, hint, exit_code=ExitCode.USAGE)
