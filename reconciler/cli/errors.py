"""How a command ends early: with problems to print and an exit code."""

from reconciler.cli.exit_codes import ExitCode
from reconciler.diagnostics import Diagnostic


class CommandFailed(Exception):  # noqa: N818 - it reads as what happened
    """A command cannot go on; the problems say why."""

    def __init__(self, *problems: Diagnostic, code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = problems
        self.code = code
