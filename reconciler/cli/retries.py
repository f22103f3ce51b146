"""How the client waits and repeats in a run of the program: the run's clock, `--max-rps`, and a line for each retry."""

from collections.abc import Callable

from reconciler.api.retry import Retrier, RetryNotice, Timing
from reconciler.cli.arguments import Options
from reconciler.cli.output import style_of
from reconciler.cli.surroundings import Surroundings
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.views import diagnostics_text


def timing(world: Surroundings) -> Timing:
    """The run's clock, on which an interruption ends every wait."""
    return Timing(
        now=world.clock.now,
        monotonic=world.clock.monotonic,
        sleep=lambda seconds: world.clock.wait(seconds, world.stop),
        stopped=world.stop.is_set,
    )


def retrier(options: Options, world: Surroundings) -> Retrier:
    """The retrier for a client of this run."""
    tell = _teller(options, world)
    return Retrier(
        timing=timing(world), max_rps=options.max_rps, on_retry=lambda notice: tell(_notice(notice)), on_notice=tell
    )


def _teller(options: Options, world: Surroundings) -> Callable[[Diagnostic], None]:
    """Writes one line for each notice. It is called from any thread, and a reader who went away costs no retry."""
    style = style_of(world.stderr, options, world)

    def tell(notice: Diagnostic) -> None:
        try:
            world.notify(diagnostics_text.render([notice], style=style))
        except (OSError, ValueError):
            return

    return tell


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
