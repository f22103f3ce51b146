"""`reconciler schema`: the JSON Schema of the manifest, for editors."""

import json

from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.parser import Options, Parser
from reconciler.manifest.json_schema import json_schema


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_common(parser)


def execute(_options: Options, ctx: Context) -> int:
    """Print it."""
    ctx.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return ExitCode.DONE
