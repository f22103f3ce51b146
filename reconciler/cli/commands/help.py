"""`reconciler help [COMMAND]`: help, as `--help` prints it."""

from typing import NoReturn

from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.parser import Options, Parser, parse


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("topic", nargs="*", metavar="COMMAND", help="the command to explain (default: all of them)")
    shared.add_common(parser)


def execute(options: Options, _ctx: Context) -> NoReturn:
    """Raise `HelpShown` with the text, or `UsageError` for an unknown command."""
    parse([*options.topic, "--help"])
    raise AssertionError
