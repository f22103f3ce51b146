"""The flags of most commands, before or after the command: what `--help` lists beside the commands."""

import argparse
import re

from reconciler.api import API_URL, API_VERSION, API_VERSIONS

FORMATS = ("text", "json")
PLAN_FORMATS = (*FORMATS, "markdown", "html")
_FORMATS = {
    **dict.fromkeys(("plan", "show"), PLAN_FORMATS),
    **dict.fromkeys(("apply", "revert", "resume"), (*PLAN_FORMATS, "junit")),
    **dict.fromkeys(("wait", "builds"), (*FORMATS, "junit")),
    "drift": (*FORMATS, "markdown"),
}
# Of diagnostics alone, beside the result and whatever it is: for CI systems.
ANNOTATIONS = ("github", "gitlab", "sarif")
COLORS = ("auto", "always", "never")

# What argparse takes for a negative number and not for an option.
NEGATIVE = re.compile(r"-[0-9]")
_LOWEST_RATE = 0.001


class CommaList(argparse.Action):
    """Collects the values of a repeatable option, which may also be written with commas: `--repo a,b`."""

    def __call__(
        self,
        _parser: argparse._ActionsContainer,
        namespace: argparse.Namespace,
        values: object,
        _option: str | None = None,
    ) -> None:
        """Append what was given to what is there."""
        before = getattr(namespace, self.dest) or []
        given = [one for one in str(values).split(",") if one]
        if not given:  # as an unset variable of a script gives it: ignored, it would widen a selection
            raise argparse.ArgumentError(self, "expected a value, not an empty text")
        setattr(namespace, self.dest, [*before, *given])


def formats(command: str) -> tuple[str, ...]:
    """Return what a command can be asked for with `--format`."""
    return (*_FORMATS.get(command, FORMATS), *ANNOTATIONS)


def rate(text: str) -> float:
    """Return a finite number above 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f'"{text}" is not a rate (examples: 5, 0.5)')
    if found < _LOWEST_RATE:
        raise argparse.ArgumentTypeError(f'"{text}" is too low a rate: at least {_LOWEST_RATE} requests a second')
    return found


def add_connection(parser: argparse._ActionsContainer) -> None:
    """Add the API, its version and rate, and the organization."""
    parser.add_argument(
        "--api",
        metavar="URL",
        help=f"API address, or `emulator` (environment: RECONCILER_API; default: {API_URL})",
    )
    parser.add_argument(
        "--api-version",
        choices=API_VERSIONS,
        default=API_VERSION,
        help=f"API version; `auto` uses v2 where the server supports it, else v1 (default: {API_VERSION})",
    )
    parser.add_argument(
        "--max-rps", type=rate, metavar="N", help="maximum number of API requests per second (default: unlimited)"
    )
    add_org(parser)


def add_org(parser: argparse._ActionsContainer) -> None:
    """Add the organization."""
    parser.add_argument(
        "--org", metavar="NAME", help="organization or folder: name, path or UIDP (environment: RECONCILER_ORG)"
    )


def add_journal(parser: argparse._ActionsContainer) -> None:
    """Add the URL of the journal."""
    parser.add_argument(
        "--journal",
        metavar="URL",
        help="shared journal: file:FOLDER, s3://, gs:// or az:// (environment: RECONCILER_JOURNAL; default: the journal"
        " of this folder)",
    )


def add_output(parser: argparse._ActionsContainer) -> None:
    """Add the output formats and the options of every command."""
    parser.add_argument(
        "--format",
        action=CommaList,
        default=[],
        metavar="FORMAT[=FILE]",
        help="text or json, for plans also markdown or html; for builds also junit; "
        "for diagnostics in CI also github, gitlab or sarif; =FILE writes to a file; repeatable (default: text)",
    )
    parser.add_argument("--json", dest="format", action="append_const", const="json", help="same as --format json")
    add_common(parser)


def add_common(parser: argparse._ActionsContainer) -> None:
    """Add the options of every command."""
    parser.add_argument("--color", choices=COLORS, help="use color (default: auto)")
    parser.add_argument("--no-color", dest="color", action="store_const", const="never", help="same as --color never")
    parser.add_argument("-v", "--verbose", action="store_true", help="print more detail")
    parser.add_argument("--debug", action="store_true", help="print request counts, and tracebacks of internal errors")
