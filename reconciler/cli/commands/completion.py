"""`reconciler completion`: the script that completes commands, options and repository names in a shell."""

from argcomplete.shell_integration import shellcode

from reconciler.cli import flags
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser

_SHELLS = ("bash", "zsh", "fish")


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=_SHELLS, help="the shell that will load the script")
    flags.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Print the script; the shell asks the program itself for what can be completed."""
    ctx.stdout.write(shellcode(["reconciler"], shell=options.shell))
    return ExitCode.DONE
