"""`reconciler snapshot`: the live state that planning needs, in a file."""

import shlex
from contextlib import suppress

from reconciler.cli import inputs
from reconciler.cli import options as shared
from reconciler.cli.client import api_identity, open_reader
from reconciler.cli.completion import remember_names
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.parser import Options, Parser
from reconciler.core.state import Directory


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_file(parser, "file to write", required=True)
    shared.add_manifest(parser)
    shared.add_connection(parser)
    shared.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Read the organization and write the file."""
    assert options.output is not None
    organization = inputs.read_organization(options, ctx)
    with open_reader(options, ctx) as client:
        live = inputs.with_overlays(inputs.read_live(organization, client, options, ctx), client, options, ctx)
    inputs.save_snapshot(options.output, live, api_identity(options), ctx)
    with suppress(OSError):  # completion alone goes without them
        remember_names(Directory(live).labels())
    count = len(live.repositories)
    noun = "repository" if count == 1 else "repositories"
    file = "-" if options.output is shared.STDOUT else shlex.quote(str(options.output))
    command = f"reconciler plan --against {file}"
    ctx.stderr.write(f"Saved {count:,} {noun} of {live.organization.name}. To plan: `{command}`\n")
    return ExitCode.DONE
