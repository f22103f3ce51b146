"""`reconciler version`: the version, as `--version` prints it."""

from reconciler import __version__
from reconciler.cli import flags
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    flags.add_common(parser)


def execute(_options: Options, ctx: Context) -> int:
    """Print it."""
    ctx.stdout.write(f"reconciler {__version__}\n")
    return ExitCode.DONE
