"""`reconciler unlock`: break the locks that killed runs left on a shared journal, after asking."""

from reconciler.cli import flags, output, runs
from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.diagnostics import Diagnostic
from reconciler.journal.owner_lock import LEASE
from reconciler.journal.shared import HeldLock, SharedJournal
from reconciler.views.text import duration


def configure(parser: Parser) -> None:
    """Declare the options."""
    flags.add_journal(parser)
    shared.add_yes(parser, "break the locks of killed runs without a prompt")
    flags.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Break every lock of a dead process; exit code 5 if one is alive, or if the answer is not `yes`."""
    with runs.journal_failures():
        journal = runs.needed_shared_journal(options, ctx)
        locks = journal.locks()
        if not locks:
            ctx.stdout.write("No lock is held.\n")
        return max((_unlock(journal, lock, options, ctx) for lock in locks), default=ExitCode.DONE)


def _unlock(journal: SharedJournal, lock: HeldLock, options: Options, ctx: Context) -> ExitCode:
    style = output.style_of(ctx.stderr, options, ctx)
    who = style.plain(f"The lock of owner {lock.holder.owner} is held by {lock.holder.described()}.")
    ctx.stderr.write(f"{who}\n")
    refusal = _refusal(lock, options, ctx)
    if refusal is not None:
        output.print_problems((refusal,), options, ctx)
        return ExitCode.REFUSED
    if not (options.yes or _confirmed(ctx)):
        ctx.stderr.write("Unlock canceled. Nothing was changed.\n")
        return ExitCode.REFUSED
    journal.unlock(lock)
    to_settle = f" To find out what its run came to: reconciler wait {lock.holder.run}" if lock.holder.run else ""
    ctx.stdout.write(output.style_of(ctx.stdout, options, ctx).plain(f"Lock broken.{to_settle}") + "\n")
    return ExitCode.DONE


def _refusal(lock: HeldLock, options: Options, ctx: Context) -> Diagnostic | None:
    """Return why the lock stays, None where it may be broken."""
    now = ctx.clock.now()
    if not lock.holder.is_dead(now):
        age, left = now - lock.holder.renewed, lock.holder.renewed + LEASE - now
        return Diagnostic(
            code="lock-alive",
            summary=f"the lock was renewed {duration(age)} ago: its run may still be writing",
            hint=f"wait for the run to finish; if it was killed, unlock again in {duration(left + 1)}",
        )
    if not options.yes and not ctx.can_ask:
        return Diagnostic(
            code="no-terminal",
            summary="cannot ask for confirmation: standard input is not a terminal",
            hint="check that the process is gone, then pass --yes to break its lock without a prompt",
        )
    return None


def _confirmed(ctx: Context) -> bool:
    ctx.stderr.write("Is that process gone, and is its lock to be broken?\nOnly `yes` is accepted: ")
    ctx.stderr.flush()
    return ctx.stdin.readline().strip() == "yes"
