"""The journal on the command line: open that of the folder or a shared one, describe runs, find them again."""

import importlib
import os
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from reconciler import __version__
from reconciler.cli.client import api_identity, notifier
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed, bad_usage
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.output import activity, print_problems
from reconciler.core.drift import LastWritten
from reconciler.core.ownership import NOBODY, LastWriters
from reconciler.core.plan import Plan
from reconciler.core.reverting import left_by, rewritten
from reconciler.core.runs import Run, RunHeader, RunKind, RunState, RunSummary, is_in_flight, unfollowed
from reconciler.core.state import Organization
from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.journal import Journal, JournalBusy, JournalError, open_journal, read_journal

FOLDER = Path(".reconciler")


@contextmanager
def journal_failures() -> Iterator[None]:
    """Turn a journal error within the block into `CommandFailed`; exit code 5 if another apply holds the lock."""
    try:
        yield
    except JournalBusy as error:
        raise CommandFailed.from_problems(error.diagnostic, exit_code=ExitCode.REFUSED) from None
    except JournalError as error:
        raise CommandFailed.from_problems(error.diagnostic) from None


def shared_journal(options: Options, ctx: Context, *, create: bool = False) -> Any:
    """Return the `SharedJournal` of the options, None for the journal of the folder; raises `JournalError`."""
    if options.journal is None:
        return None
    # By name, as the commands are: without a URL nothing needs a client of storages.
    shared: Any = importlib.import_module("reconciler.journal.shared")
    return shared.SharedJournal(
        options.journal, FOLDER, now=ctx.clock.now, notify=notifier(options, ctx), create=create
    )


def needed_shared_journal(options: Options, ctx: Context) -> Any:
    """Return the `SharedJournal` for a command that needs one; raises `CommandFailed` and `JournalError`."""
    if options.journal is None:
        command = " ".join(filter(None, (options.command, getattr(options, "subcommand", None))))
        summary = f"`{command}` requires the URL of a shared journal"
        raise bad_usage(summary, "pass --journal URL, or set RECONCILER_JOURNAL")
    return shared_journal(options, ctx)


@contextmanager
def locked_journal(options: Options, ctx: Context, owners: Collection[str]) -> Iterator[Journal]:
    """Lock the journal and open it for recording; raises `CommandFailed`.

    That of the folder is locked against all other runs, a shared one against those of the same owners ("" for none).
    """
    with journal_failures():
        shared = shared_journal(options, ctx, create=True)
        if shared is not None:
            with ExitStack() as stack:
                with activity("locking the journal", options, ctx):
                    journal = stack.enter_context(shared.locked(owners))
                yield journal
        else:
            with open_journal(FOLDER, now=ctx.clock.now) as journal, journal.lock():
                yield journal


@contextmanager
def recording_journal(options: Options, ctx: Context) -> Iterator[Journal]:
    """Open the journal to record the results of an earlier run, without a lock; raises `JournalError`."""
    shared = shared_journal(options, ctx)
    with open_journal(FOLDER, now=ctx.clock.now) if shared is None else shared.recording() as journal:
        yield journal


def find_run(journal: Journal, wanted: str | None, options: Options) -> Run:
    """Return the run that is meant, of the API that the options name; raises `CommandFailed`."""
    with journal_failures():
        run = journal.run(wanted)
    identity = api_identity(options)
    if run.header.api != identity:
        raise CommandFailed(
            "run-of-other-api",
            f"run {run.id} was made with the API {run.header.api}, but this command is for {identity}",
            f"to use that API, add --api {run.header.api}",
        )
    return run


# How far back builds are looked for that nobody has followed.
_MOST_RUNS = 10


def unfollowed_run(
    journal: Journal, options: Options, *, besides: str | None = None, written: Iterable[str] = ()
) -> Run | None:
    """Return the newest run with writes whose builds were not followed to completion, None if that is not known.

    The run `besides` is not meant; `written` are the keys of the steps that were written since.
    """
    api = api_identity(options)
    with suppress(JournalError):
        wrote = (one for one in journal.summaries() if _has_ended_writes(one, api) and one.id != besides)
        return unfollowed((journal.run(one.id) for one in islice(wrote, _MOST_RUNS)), written)
    return None


def _has_ended_writes(run: RunSummary, api: str) -> bool:
    wrote = run.outcomes.get("applied") or run.outcomes.get("unknown")
    return bool(wrote) and run.header.api == api and run.state is not RunState.RUNNING


def later_runs(journal: Journal, run: Run) -> tuple[Run, ...]:
    """Return the runs after one that left writes in flight, which may show their result; raises `CommandFailed`."""
    with journal_failures():
        return journal.later(run) if any(map(is_in_flight, run.steps)) else ()


@contextmanager
def read_only_journal(options: Options, ctx: Context) -> Iterator[Journal]:
    """Open the journal for reading, also where it cannot be written; raises `CommandFailed`."""
    with journal_failures(), _reading(options, ctx) as journal:
        yield journal


@contextmanager
def _reading(options: Options, ctx: Context) -> Iterator[Journal]:
    shared = shared_journal(options, ctx)
    with ExitStack() as stack:
        with activity("reading the journal", options, ctx):
            journal = stack.enter_context(read_journal(FOLDER) if shared is None else shared.reading())
        yield journal


@contextmanager
def readable_journal(options: Options, ctx: Context) -> Iterator[Journal | None]:
    """Open the journal for a plan, which works without: yield None if it cannot be read, and warn if it is shared."""
    with ExitStack() as stack:
        try:
            journal = stack.enter_context(_reading(options, ctx))
        except JournalError as error:
            journal = None
            if options.journal is not None:
                print_problems((replace(error.diagnostic, severity=Severity.WARNING),), options, ctx)
        yield journal


def last_writers(journal: Journal | None, options: Options) -> LastWriters:
    """Return who wrote each repository last, nobody where the journal cannot be read."""
    with suppress(JournalError):
        return NOBODY if journal is None else journal.last_writers(api_identity(options))
    return NOBODY


def last_written(plan: Plan, options: Options, ctx: Context) -> Mapping[str, LastWritten]:
    """Return what the last run that did left in each repository that a plan writes; raises `CommandFailed`."""
    with read_only_journal(options, ctx) as journal:
        ids = [step.id for step in plan.writes if step.id is not None]
        keys = [step.key for step in plan.overlay_steps if step.writes]
        return journal.last_written(api_identity(options), ids, keys)


def with_revert_note(plan: Plan, journal: Journal | None, options: Options) -> Plan:
    """Return the plan with a note about what it writes again after a revert, where the journal can be read."""
    if journal is None or not plan.writes:
        return plan
    with suppress(JournalError):
        api = api_identity(options)
        newest = next((one for one in journal.summaries() if _is_revert(one, api, plan.organization)), None)
        if newest is not None:
            run = journal.run(newest.id)
            left = left_by(step.outcome for step in run.steps if step.outcome is not None)
            again = [(step.repository, step.place) for step in rewritten(plan, left)]
            if again:
                return replace(plan, diagnostics=(*plan.diagnostics, _written_again(run.id, again)))
    return plan


def _is_revert(run: RunSummary, api: str, organization: Organization) -> bool:
    header = run.header
    return header.kind is RunKind.REVERT and header.api == api and header.organization.id == organization.id


def _written_again(run: str, steps: Sequence[tuple[str, Place | None]]) -> Diagnostic:
    return Diagnostic(
        code="reverted-before",
        severity=Severity.NOTE,
        summary=f"the manifest still requests what run {run} reverted; an apply writes it again",
        detail=places_of(steps),
        hint="to keep the revert, change the manifest there",
    )


_MOST_PLACES = 20


def places_of(steps: Sequence[tuple[str, Place | None]]) -> str:
    """Return a line for each repository with its place in the manifest, the first twenty of many."""
    lines = [f"{place.file}:{place.line}: {name}" if place else name for name, place in steps]
    more = [f"and {len(lines) - _MOST_PLACES:,} more"] if len(lines) > _MOST_PLACES else []
    return "\n".join([*lines[:_MOST_PLACES], *more])


def run_header(kind: RunKind, source: str, organization: Organization, options: Options, ctx: Context) -> RunHeader:
    """Return the header of the run's record: user, command and API."""
    return RunHeader(
        kind=kind,
        user=_user(ctx),
        host=platform.node(),
        tool_version=__version__,
        api=api_identity(options),
        organization=organization,
        source=source,
        pid=os.getpid(),
    )


def _user(ctx: Context) -> str:
    """Return the user's name from the environment, else from the system; empty if unknown, as in a container."""
    names = ("LOGNAME", "USER", "LNAME", "USERNAME")
    return next((ctx.environ[name] for name in names if ctx.environ.get(name)), None) or ctx.user()
