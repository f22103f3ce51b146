"""The options that several commands share, as argparse declares them."""

import argparse

from reconciler.api.defaults import API_URL, API_VERSION, API_VERSIONS
from reconciler.cli import argument_types
from reconciler.cli.argument_types import rate

DEFAULT_MANIFEST = "manifests"


def path(
    command: argparse.ArgumentParser, means: str = "a manifest file or a folder of them (default: manifests/)"
) -> None:
    """Where the manifest is."""
    command.add_argument(
        "path",
        nargs="?",
        type=argument_types.path,
        default=DEFAULT_MANIFEST,
        metavar="PATH",
        help=means,
    )


def manifest(command: argparse.ArgumentParser) -> None:
    """Where the manifest is that names the organisation."""
    command.add_argument(
        "--manifest",
        type=argument_types.path,
        default=DEFAULT_MANIFEST,
        metavar="PATH",
        help="the manifest that names the organisation (default: manifests/)",
    )


def since(command: argparse.ArgumentParser) -> None:
    """How far to look back."""
    command.add_argument(
        "--since",
        type=argument_types.since,
        default=86400.0,
        metavar="TIME",
        help="how far to look back, or from when on, such as 2026-11-20 or an RFC 3339 time (default: 24h)",
    )


def org(command: argparse.ArgumentParser) -> None:
    """The organisation."""
    command.add_argument("--org", metavar="NAME", help="organisation or folder: name, path or UIDP")


def connection(command: argparse.ArgumentParser) -> None:
    """Which API, and how to speak to it."""
    command.add_argument(
        "--api",
        metavar="URL",
        help=f"the API's address, or `emulator` (environment: RECONCILER_API; default: {API_URL})",
    )
    command.add_argument(
        "--api-version",
        choices=API_VERSIONS,
        default=API_VERSION,
        help=f"which generation of the API; `auto` is v2 where it answers, else v1 (default: {API_VERSION})",
    )
    command.add_argument(
        "--max-rps", type=rate, metavar="N", help="the most requests a second to the API (default: no cap)"
    )
    org(command)


def output(command: argparse.ArgumentParser) -> None:
    """In which formats the result is printed, and the options of every command."""
    command.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="FORMAT[=FILE]",
        help="text or json, of a plan also markdown or html; with =FILE into a file; repeatable (default: text)",
    )
    common(command)


def show_unchanged(command: argparse.ArgumentParser) -> None:
    """Whether unchanged repositories are listed."""
    command.add_argument("--show-unchanged", action="store_true", help="list unchanged repositories as well")


def common(command: argparse.ArgumentParser) -> None:
    """The options of every command."""
    command.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")
    command.add_argument("-v", "--verbose", action="store_true", help="say more")
    command.add_argument("--debug", action="store_true", help="tell how many requests were sent, and where defects are")
