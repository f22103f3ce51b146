"""How the client waits and repeats in a run of the program: the run's clock, `--max-rps`, and a line for each retry."""

from collections.abc import Callable

from reconciler.api.repeating import Repeater
from reconciler.api.retry import Retrying
from reconciler.api.timing import Timing
from reconciler.cli.arguments import Options
from reconciler.cli.output import style_of
from reconciler.cli.surroundings import Surroundings
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.views import diagnostics


def timing(world: Surroundings) -> Timing:
    """The run's clock, on which an interruption ends every wait."""
    return Timing(
        now=world.clock.now,
        sleep=lambda seconds: world.clock.wait(seconds, world.stop),
        stopped=world.stop.is_set,
    )


def repeater(options: Options, world: Surroundings) -> Repeater:
    """The repeater for a client of this run."""
    return Repeater(timing=timing(world), max_rps=options.max_rps, on_retry=_teller(options, world))


def _teller(options: Options, world: Surroundings) -> Callable[[Retrying], None]:
    """Writes one line for each retry. It is called from any thread, and a reader who went away costs no retry."""
    style = style_of(world.stderr, options, world)

    def tell(retrying: Retrying) -> None:
        try:
            world.notify(diagnostics.render([_notice(retrying)], style=style))
        except (OSError, ValueError):
            return

    return tell


def _notice(retrying: Retrying) -> Diagnostic:
    seconds = f"{retrying.wait:.1f}".removesuffix(".0")
    return Diagnostic(
        code="trying-again",
        severity=Severity.WARNING,
        summary=(
            f"could not {retrying.doing}: {retrying.reason}; trying again in {seconds} s "
            f"({retrying.attempt} of {retrying.tries})"
        ),
    )
