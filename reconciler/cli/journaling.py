"""The journal of the working folder on the command line: opening it, what a run is recorded under, and its failures."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler import __version__
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.session import api_identity
from reconciler.cli.surroundings import Surroundings
from reconciler.core.runs import Run, RunHeader, RunKind, is_in_flight
from reconciler.core.state import Organization
from reconciler.diagnostics import Diagnostic
from reconciler.journal import Journal, JournalBusy, JournalError, open_journal, read_journal

FOLDER = Path(".reconciler")


@contextmanager
def failing() -> Iterator[None]:
    """Within, a problem of the journal ends the command; exit code 5 where another apply holds it."""
    try:
        yield
    except JournalBusy as error:
        raise CommandFailed(error.diagnostic, code=ExitCode.REFUSED) from None
    except JournalError as error:
        raise CommandFailed(error.diagnostic) from None


@contextmanager
def locked(world: Surroundings) -> Iterator[Journal]:
    """The journal to record a run in, held against every other apply in this folder; raises `CommandFailed`."""
    with failing(), open_journal(FOLDER, now=world.clock.now) as journal, journal.lock():
        yield journal


def recorded(journal: Journal, wanted: str | None, options: Options, world: Surroundings) -> Run:
    """The run that is meant, of the API that the options name; raises `CommandFailed`."""
    with failing():
        run = journal.run(wanted)
    identity = api_identity(options, world)
    if run.header.api != identity:
        raise CommandFailed(_other_api(run, identity))
    return run


def later(journal: Journal, run: Run) -> tuple[Run, ...]:
    """The runs after one that left something in flight, which may tell what came of it; raises `CommandFailed`."""
    with failing():
        return journal.later(run) if any(map(is_in_flight, run.steps)) else ()


@contextmanager
def reading() -> Iterator[Journal]:
    """The journal as it is, also where it cannot be written; raises `CommandFailed`."""
    with failing(), read_journal(FOLDER) as journal:
        yield journal


def header(kind: RunKind, source: str, organization: Organization, options: Options, world: Surroundings) -> RunHeader:
    """Who does what, for the record."""
    import os
    import platform

    return RunHeader(
        kind=kind,
        user=_user(world),
        host=platform.node(),
        tool_version=__version__,
        api=api_identity(options, world),
        organization=organization,
        source=source,
        pid=os.getpid(),
    )


def _user(world: Surroundings) -> str:
    """Who runs this: as the environment says, else as the system does, which in a container may know nobody."""
    names = ("LOGNAME", "USER", "LNAME", "USERNAME")
    return next((world.environ[name] for name in names if world.environ.get(name)), None) or world.user()


def _other_api(run: Run, identity: str) -> Diagnostic:
    return Diagnostic(
        code="run-of-other-api",
        summary=f"run {run.id} was made with the API {run.header.api}, and this command is for {identity}",
        hint=f"if that is the API that you mean, pass --api {run.header.api}",
    )
