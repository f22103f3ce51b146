"""`reconciler schema`: the JSON Schema of the manifest, for editors."""

import json

from reconciler.cli import flags
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.manifest.json_schema import json_schema


def configure(parser: Parser) -> None:
    """Declare the options."""
    flags.add_common(parser)


def execute(_options: Options, ctx: Context) -> int:
    """Print it."""
    ctx.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return ExitCode.DONE
