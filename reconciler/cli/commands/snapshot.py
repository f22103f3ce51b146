"""`reconciler snapshot`: the live state that planning needs, in a file."""

import secrets
import shlex
from contextlib import suppress

from reconciler import __version__
from reconciler.api.client import ReadClient
from reconciler.api.errors import ApiError
from reconciler.cli import flags, inputs
from reconciler.cli import options as shared
from reconciler.cli.client import api_identity, open_reader
from reconciler.cli.commands.completion import remember_names
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.output import activity, print_problems
from reconciler.cli.parser import Parser
from reconciler.cli.planning import look_back
from reconciler.core.bases import latest_builds
from reconciler.core.builds import Build
from reconciler.core.packages import join_architectures
from reconciler.core.redaction import redact_live
from reconciler.core.state import Directory, Live, Organization
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.planfile import PackageIndex, Snapshot


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_file(parser, "file to write", required=True)
    parser.add_argument(
        "--redact", action="store_true", help="replace values by keyed hashes, for jobs that must not see them"
    )
    shared.add_manifest(parser)
    flags.add_connection(parser)
    flags.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Read the organization and write the file."""
    assert options.output is not None
    organization = inputs.read_organization(options, ctx)
    with open_reader(options, ctx) as client:
        live = inputs.with_overlays(inputs.read_live(organization, client, options, ctx), client, options, ctx)
        with activity("reading packages and recent builds", options, ctx):
            index, problem = _read_index(client, live.organization)
            builds = _read_builds(client, live)
    if problem is not None:
        print_problems((problem,), options, ctx)
    snapshot = Snapshot(
        live=redact_live(live, secrets.token_hex(_SALT_BYTES)) if options.redact else live,
        api=api_identity(options),
        tool_version=__version__,
        created=ctx.clock.now(),
        index=index,
        builds=builds,
    )
    inputs.save_snapshot(options.output, snapshot, ctx)
    with suppress(OSError):  # completion alone goes without them
        remember_names(Directory(live).labels())
    count = len(live.repositories)
    noun = "repository" if count == 1 else "repositories"
    file = "-" if options.output is shared.STDOUT else shlex.quote(str(options.output))
    command = f"reconciler plan --against {file}"
    ctx.stderr.write(f"Saved {count:,} {noun} of {live.organization.name}. To plan: `{command}`\n")
    return ExitCode.DONE


_SALT_BYTES = 16


def _read_index(client: ReadClient, organization: Organization) -> tuple[PackageIndex | None, Diagnostic | None]:
    """Return the packages that may be installed: every version, else the latest ones, else why the index is missing."""
    problem: Diagnostic | None = None
    for all_versions in (True, False):
        try:
            packages = client.list_packages(organization, all_versions=all_versions)
            return PackageIndex(packages=join_architectures(packages), whole=all_versions), None
        except ApiError as error:
            problem = error.diagnostic
    return None, problem and _without_packages(problem)


def _without_packages(problem: Diagnostic) -> Diagnostic:
    return Diagnostic(
        code="snapshot-without-packages",
        severity=Severity.WARNING,
        summary=f"the snapshot has no package index: {problem.summary}",
        detail="a plan against it does not check that packages exist",
        hint=problem.hint,
    )


def _read_builds(client: ReadClient, live: Live) -> tuple[Build, ...]:
    """Return the latest builds, which show what images are made from; none without an answer."""
    try:
        return latest_builds(client.sample_builds(live.organization, since=client.server_now() - look_back(live)))
    except ApiError:
        return ()
