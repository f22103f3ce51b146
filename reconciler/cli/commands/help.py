"""`reconciler help [COMMAND]`: help, as `--help` prints it."""

from typing import NoReturn

from reconciler.cli import flags
from reconciler.cli.context import Context
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser, parse


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("topic", nargs="*", metavar="COMMAND", help="the command to explain (default: all of them)")
    flags.add_common(parser)


def execute(options: Options, _ctx: Context) -> NoReturn:
    """Raise `HelpShown` with the text, or `UsageError` for an unknown command."""
    parse([*options.topic, "--help"])
    raise AssertionError
