"""The options of commands that carry a plan out or go on from a recorded run, as argparse declares them."""

import argparse

from reconciler.cli.argument_types import count, duration, positive, share


def add_run(command: argparse.ArgumentParser, means: str, *, optional: bool = False) -> None:
    """The recorded run that is meant."""
    command.add_argument("run", nargs="?" if optional else None, metavar="RUN", help=means)


def add_revert(command: argparse.ArgumentParser) -> None:
    """What the guard of a revert goes by, and how its plan is shown."""
    command.add_argument(
        "--max-removal",
        type=share,
        metavar="SHARE",
        help="share of the reverted repositories that may lose something (default: 30%%)",
    )
    command.set_defaults(show_unchanged=False)


def add_carrying_out(command: argparse.ArgumentParser) -> None:
    """How a reviewed plan is carried out."""
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--no-wait", dest="wait", action="store_false", help="do not follow the builds")
    add_limits(command)
    command.add_argument(
        "--parallelism", type=positive, default=10, metavar="N", help="how many writes at a time (default: 10)"
    )
    command.add_argument(
        "--on-error",
        choices=("continue", "stop"),
        default="continue",
        help="after a write that failed, go on with the others or start nothing more (default: continue)",
    )
    command.add_argument(
        "--batch",
        metavar="SIZES",
        help="write in waves, each after the builds of the one before have succeeded, such as 1,10%%,rest",
    )
    command.add_argument(
        "--max-failed",
        type=count,
        metavar="N",
        help="how many repositories may have failed before the next wave is held back (default: 0)",
    )


def add_limits(command: argparse.ArgumentParser) -> None:
    """How long builds are followed."""
    command.add_argument(
        "--wait-timeout",
        type=duration,
        default=3600.0,
        metavar="TIME",
        help="how long to follow the builds, such as 90s or 20m (default: 60m)",
    )
    command.add_argument(
        "--repo-timeout",
        type=duration,
        metavar="TIME",
        help="how long to follow the builds of one repository (default: as long as all)",
    )
