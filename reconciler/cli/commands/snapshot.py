"""`reconciler snapshot`: the live state that planning needs, in a file."""

import shlex

from reconciler.cli import inputs, saved_plans, session
from reconciler.cli.arguments import Options
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.surroundings import Surroundings
from reconciler.engine.ports import refresh


def execute(options: Options, world: Surroundings) -> int:
    """Read the organisation and write the file."""
    assert options.output is not None
    desired = inputs.named(options, world)
    with session.reading(options, world) as client:
        live = refresh(client, inputs.organization(desired))
    saved_plans.save_snapshot(options.output, live, session.api_identity(options, world), world)
    count = len(live.repositories)
    noun = "repository" if count == 1 else "repositories"
    command = f"reconciler plan --against {shlex.quote(str(options.output))}"
    world.stderr.write(f"saved {count:,} {noun} of {live.organization.name}: plan with `{command}`\n")
    return ExitCode.DONE
