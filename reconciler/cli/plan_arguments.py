"""The options that shape a plan, as argparse declares them: they belong to `plan`, and to an `apply` that plans."""

import argparse

from reconciler.cli.argument_types import path, share


def add_planning(command: argparse.ArgumentParser) -> None:
    """What to plan, and what the guard goes by."""
    command.add_argument(
        "--repo",
        action="append",
        default=[],
        metavar="GLOB",
        help="only repositories of this name, folder/name or glob; repeatable",
    )
    command.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="all repositories but these; repeatable"
    )
    command.add_argument(
        "--prune", action="store_true", help="reset customised repositories that the manifest does not name"
    )
    command.add_argument(
        "--max-removal",
        type=share,
        metavar="SHARE",
        help="share of the repositories that may lose something (default: the manifest's, else 30%%)",
    )
    command.add_argument(
        "--no-check", dest="check_packages", action="store_false", help="do not look up whether the packages exist"
    )
    command.add_argument("--resolve", action="store_true", help="ask the API whether each change would resolve")


def add_sources(command: argparse.ArgumentParser) -> None:
    """What to compare with, and where to save the plan."""
    command.add_argument("--base", type=path, metavar="PATH", help="the manifest before a change: tells what it causes")
    command.add_argument(
        "--against", type=path, metavar="FILE", help="plan against a snapshot, without token or network"
    )
    add_file(command, "save the plan for `apply FILE` and `show FILE`")


def add_file(command: argparse.ArgumentParser, does: str, *, required: bool = False) -> None:
    """The file that a command writes."""
    command.add_argument("-o", "--output", type=path, metavar="FILE", required=required, help=does)


def plan_options(options: argparse.Namespace) -> list[str]:
    """The options that were given and that shape a plan, which a saved plan does not listen to."""
    given = {
        "--repo": options.repo,
        "--exclude": options.exclude,
        "--prune": options.prune,
        "--max-removal": options.max_removal is not None,
        "--resolve": options.resolve,
    }
    return [name for name, used in given.items() if used]
