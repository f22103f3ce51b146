"""A connection to the API that the options name: a server, or the built-in emulator in this process; and polling it."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from reconciler.api import API_URL
from reconciler.api.auth.provider import Credentials, fixed
from reconciler.api.auth.sources import find
from reconciler.api.auth.token import Token
from reconciler.api.client import ReadClient, connect
from reconciler.api.errors import ApiError, TokenRejected
from reconciler.api.retry import Retrier, RetryNotice, Timing
from reconciler.api.url import parse_address
from reconciler.api.writer import WriteClient, connect_writer
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.options import Options
from reconciler.cli.output import style_of
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.planfile.format import make_private_folder
from reconciler.views import diagnostics
from reconciler.views.text import plain

T = TypeVar("T")
Client = TypeVar("Client", bound=ReadClient)

EMULATOR = "emulator"
STATE = Path(".reconciler") / "emulator.db"
# Only the form of an address: nothing is sent over the network to the emulator in this process.
_EMULATOR_URL = "http://localhost"

# Pauses between polls, in seconds.
_FIRST = 2.0
_GROWTH = 1.3
_LONGEST = 15.0
# Every call is retried by itself; when so many in a row fail all the same, the API is not coming back.
_MOST_MISSED = 5
# How long all calls of a quick reader may take together.
_QUICK = 5.0


def api_name(options: Options) -> str:
    """Return the address of the API, or `emulator`."""
    return options.api or API_URL


def api_identity(options: Options) -> str:
    """Return the API in one spelling, which saved plans are compared by. Raises `BadAddress`."""
    name = api_name(options)
    return name if name == EMULATOR else parse_address(name).root


@contextmanager
def open_reader(options: Options, ctx: Context) -> Iterator[ReadClient]:
    """Open a client that cannot send a write; close it at the end."""
    with _opened(connect, options, ctx, _retrier(options, ctx)) as client:
        yield client


@contextmanager
def open_quick_reader(options: Options, ctx: Context) -> Iterator[ReadClient]:
    """Open a read-only client for optional reads: it gives up within seconds and does not announce retries."""
    with _opened(connect, options, ctx, Retrier(timing=_timing(ctx), max_rps=options.max_rps)) as client:
        client.limit(_QUICK)
        yield client


@contextmanager
def open_writer(options: Options, ctx: Context) -> Iterator[WriteClient]:
    """Open a client for `apply`; close it at the end."""
    with _opened(connect_writer, options, ctx, _retrier(options, ctx)) as client:
        yield client


@contextmanager
def _opened(make: Callable[..., Client], options: Options, ctx: Context, retrier: Retrier) -> Iterator[Client]:
    with ExitStack() as stack:
        emulated = api_name(options) == EMULATOR
        app = stack.enter_context(emulator_in_process(ctx)) if emulated else None
        client = make(*address(options, ctx), api_version=options.api_version, retrier=retrier, wsgi_app=app)
        stack.enter_context(client)
        try:
            yield client
        finally:
            _print_requests(client, options, ctx)


def address(options: Options, ctx: Context) -> tuple[str, Credentials]:
    """Return the URL of the API and the credentials for it; no token is looked for yet. Raises `BadAddress`."""
    name = api_name(options)
    if name == EMULATOR:
        return _EMULATOR_URL, fixed(Token(EMULATOR, source="the built-in emulator"))
    return name, find(ctx.environ, api_url=name, home=ctx.home(), run=ctx.run, timing=_timing(ctx))


def _print_requests(client: ReadClient, options: Options, ctx: Context) -> None:
    if client.api_version != options.api_version and (options.verbose or options.debug):
        ctx.stderr.write(f"API version: {client.api_version}\n")
    if options.debug:
        ctx.stderr.write(f"requests: {client.sent.reads} reads, {client.sent.writes} writes\n")


def _timing(ctx: Context) -> Timing:
    """Return the run's clock, on which an interruption ends every wait."""
    return Timing(
        now=ctx.clock.now,
        monotonic=ctx.clock.monotonic,
        sleep=lambda seconds: ctx.clock.wait(seconds, ctx.stop),
        stopped=ctx.stop.is_set,
    )


def _retrier(options: Options, ctx: Context) -> Retrier:
    """Return the retrier for a client of this run."""
    notify = notifier(options, ctx)
    return Retrier(
        timing=_timing(ctx),
        max_rps=options.max_rps,
        on_retry=lambda retry: notify(_notice(retry)),
        on_notice=notify,
    )


def notifier(options: Options, ctx: Context) -> Callable[[Diagnostic], None]:
    """Write one line for each notice. It is called from any thread, and a reader who went away costs no retry."""
    style = style_of(ctx.stderr, options, ctx)

    def notify(notice: Diagnostic) -> None:
        try:
            ctx.notify(diagnostics.render([notice], style=style))
        except (OSError, ValueError):
            return

    return notify


def _notice(retrying: RetryNotice) -> Diagnostic:
    seconds = f"{retrying.wait:.1f}".removesuffix(".0")
    return Diagnostic(
        code="trying-again",
        severity=Severity.WARNING,
        summary=(
            f"could not {retrying.action}: {retrying.reason}; trying again in {seconds} s "
            f"({retrying.attempt} of {retrying.tries})"
        ),
    )


@contextmanager
def emulator_in_process(ctx: Context, state: Path = STATE) -> Iterator[Any]:
    """Run the emulator on its state file, created if missing; raises `CommandFailed` if that is not possible."""
    # By name, as the commands are: who uses the real API does without the emulator and its web server.
    backend: Any = importlib.import_module("reconciler.emulator")
    try:
        prepare_folder(state)
        emulator = backend.Emulator(state, clock=ctx.clock.now, settings=ctx.emulator_settings)
    except backend.StateError as error:
        raise state_unusable(state, str(error)) from None
    except OSError as error:
        raise state_unusable(state, error.strerror or type(error).__name__) from None
    with emulator:
        yield emulator


def prepare_folder(state: Path) -> None:
    """Make the folder of the state file, with a note to Git to leave it alone."""
    if state.parent.name == STATE.parent.name:
        make_private_folder(state.parent)
    else:
        state.parent.mkdir(parents=True, exist_ok=True)


def state_unusable(state: Path, problem: str) -> CommandFailed:
    """Return the failure for a state file that cannot be used."""
    return CommandFailed(
        "emulator-state",
        f"cannot use the emulator state {state}: {problem}",
        "remove the file to start over, or run in a writable folder",
    )


def earliest(options: Options, client: ReadClient) -> float:
    """Return the time that `--since` means, in seconds since the epoch, by the clock that stamps the reports."""
    since = options.since
    return client.server_now() - since if isinstance(since, float) else since.timestamp()


def poll(read: Callable[[], T], ctx: Context) -> Iterator[T]:
    """Yield the result of each read, with pauses in between; a failed one is announced and repeated, save the first."""
    pause, missed = _FIRST, _MOST_MISSED
    while True:
        try:
            found = read()
        except TokenRejected:
            raise
        except ApiError as error:
            missed += 1
            if missed > _MOST_MISSED:
                raise
            ctx.notify(f"could not read the build status: {plain(error.diagnostic.summary)}\n")
        else:
            missed = 0
            yield found
        ctx.clock.wait(pause, ctx.stop)
        pause = min(pause * _GROWTH, _LONGEST)
