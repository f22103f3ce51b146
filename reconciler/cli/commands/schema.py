"""`reconciler schema`: the JSON Schema of the manifest, for editors."""

import json

from reconciler.cli.arguments import Options
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.surroundings import Surroundings
from reconciler.manifest.json_schema import json_schema


def execute(_options: Options, world: Surroundings) -> int:
    """Print it."""
    world.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return ExitCode.DONE
