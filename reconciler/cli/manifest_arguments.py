"""The options of the commands that write manifests, as argparse declares them: `import` and `fmt`."""

import argparse

from reconciler.cli.argument_types import path


def add_import(command: argparse.ArgumentParser) -> None:
    """What to take, and where it goes."""
    command.add_argument(
        "repositories",
        nargs="*",
        metavar="GLOB",
        help="these repositories, customised or not (default: every customised one that has no entry yet)",
    )
    command.add_argument(
        "-o", dest="folder", type=path, metavar="DIR", required=True, help="the folder that the manifests go into"
    )
    command.add_argument(
        "--split", choices=("repository", "folder"), help="a file for each repository or folder (default: one file)"
    )


def add_fmt(command: argparse.ArgumentParser) -> None:
    """Whether anything is written."""
    command.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when the layout of a file would change"
    )
