"""The options of `builds` and `logs`, as argparse declares them. Imported for `--help`: it imports next to nothing."""

import argparse

from reconciler.cli import shared_arguments
from reconciler.cli.argument_types import positive

_RESULTS = ("running", "success", "failure")


def add_builds(command: argparse.ArgumentParser) -> None:
    """What `builds` lists, and whether it goes on."""
    command.add_argument("repositories", nargs="*", metavar="REPO", help="only builds of these (names or globs)")
    command.add_argument(
        "--result", action="append", choices=_RESULTS, default=[], help="only builds with this result; repeatable"
    )
    command.add_argument("--limit", type=positive, metavar="N", help="at most so many, the first of the list")
    command.add_argument("--follow", action="store_true", help="go on until no build is running")
    shared_arguments.manifest(command)
    shared_arguments.since(command)


def add_logs(command: argparse.ArgumentParser) -> None:
    """Which log `logs` prints, and how much of it."""
    command.add_argument("repositories", nargs=1, metavar="REPO", help="the repository")
    which = command.add_mutually_exclusive_group()
    which.add_argument("--build", metavar="ID", help="the build report's id, as `reconciler builds` shows it")
    which.add_argument("--tag", metavar="TAG", help="the build that a tag points to; a failed one has no tag")
    command.add_argument("--tail", type=positive, metavar="N", help="only the last lines of what there is")
    command.add_argument(
        "--follow", action="store_true", help="print a running build's log until it ends; exits 6 when it fails"
    )
    shared_arguments.manifest(command)
    shared_arguments.since(command)
