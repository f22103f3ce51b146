"""The journal of the working folder on the command line: opening it, what a run is recorded under, and its failures."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler import __version__
from reconciler.cli.client import api_identity
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.parser import Options
from reconciler.core.runs import Run, RunHeader, RunKind, is_in_flight
from reconciler.core.state import Organization
from reconciler.journal import Journal, JournalBusy, JournalError, open_journal, read_journal

FOLDER = Path(".reconciler")


@contextmanager
def journal_failures() -> Iterator[None]:
    """Within, a problem of the journal ends the command; exit code 5 where another apply holds it."""
    try:
        yield
    except JournalBusy as error:
        raise CommandFailed.from_problems(error.diagnostic, exit_code=ExitCode.REFUSED) from None
    except JournalError as error:
        raise CommandFailed.from_problems(error.diagnostic) from None


@contextmanager
def locked_journal(ctx: Context) -> Iterator[Journal]:
    """The journal to record a run in, held against every other apply in this folder; raises `CommandFailed`."""
    with journal_failures(), open_journal(FOLDER, now=ctx.clock.now) as journal, journal.lock():
        yield journal


def find_run(journal: Journal, wanted: str | None, options: Options) -> Run:
    """The run that is meant, of the API that the options name; raises `CommandFailed`."""
    with journal_failures():
        run = journal.run(wanted)
    identity = api_identity(options)
    if run.header.api != identity:
        raise CommandFailed(
            "run-of-other-api",
            f"run {run.id} was made with the API {run.header.api}, and this command is for {identity}",
            f"if that is the API that you mean, pass --api {run.header.api}",
        )
    return run


def later_runs(journal: Journal, run: Run) -> tuple[Run, ...]:
    """The runs after one that left something in flight, which may tell what came of it; raises `CommandFailed`."""
    with journal_failures():
        return journal.later(run) if any(map(is_in_flight, run.steps)) else ()


@contextmanager
def read_only_journal() -> Iterator[Journal]:
    """The journal as it is, also where it cannot be written; raises `CommandFailed`."""
    with journal_failures(), read_journal(FOLDER) as journal:
        yield journal


def run_header(kind: RunKind, source: str, organization: Organization, options: Options, ctx: Context) -> RunHeader:
    """Who does what, for the record."""
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
    """Who runs this: as the environment says, else as the system does, which in a container may know nobody."""
    names = ("LOGNAME", "USER", "LNAME", "USERNAME")
    return next((ctx.environ[name] for name in names if ctx.environ.get(name)), None) or ctx.user()
