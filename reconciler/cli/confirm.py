"""The question before an apply."""

from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.surroundings import Surroundings
from reconciler.core.plan import Plan
from reconciler.diagnostics import Diagnostic


def confirm(plan: Plan, options: Options, world: Surroundings) -> None:
    """Return when the plan may be carried out; raises `CommandFailed` when it is declined or nobody can be asked."""
    if options.yes:
        return
    if not world.can_ask:
        raise _refused(
            "no-terminal",
            "there is no terminal to ask on, so nothing was written",
            "review the plan and pass --yes to apply without asking",
        )
    count = len(plan.writes)
    repositories = "1 repository" if count == 1 else f"{count} repositories"
    world.stderr.write(f"\nApply these changes to {repositories} of {plan.organization.name}?\n")
    world.stderr.write("Only `yes` is accepted: ")
    world.stderr.flush()
    if world.stdin.readline().strip() != "yes":
        raise _refused("declined", "declined: nothing was written", "")


def _refused(code: str, summary: str, hint: str) -> CommandFailed:
    return CommandFailed(Diagnostic(code=code, summary=summary, hint=hint), code=ExitCode.REFUSED)
