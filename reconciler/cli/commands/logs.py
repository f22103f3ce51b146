"""`reconciler logs`: the log of one build, by default of the newest one; of a running one as it grows."""

from collections.abc import Mapping, Sequence

from reconciler.api.client import ReadClient
from reconciler.cli import flags, inputs
from reconciler.cli import options as shared
from reconciler.cli.client import earliest, open_reader, poll
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.output import style_of
from reconciler.cli.parser import Parser
from reconciler.core.builds import Build, Result
from reconciler.core.state import Directory, Live, LiveRepository, Organization
from reconciler.views.listings import LogTail, render_log


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("repositories", nargs=1, metavar="REPO", help="the repository")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--failed", action="store_true", help="the newest build that failed")
    which.add_argument("--build", metavar="ID", help="build report ID, as shown by `reconciler builds`")
    which.add_argument("--tag", metavar="TAG", help="the build that a tag points to (failed builds have no tag)")
    parser.add_argument("--tail", type=shared.positive, metavar="N", help="print only the last N lines")
    parser.add_argument(
        "--follow", action="store_true", help="print the log of a running build until it ends; exit 6 when it fails"
    )
    shared.add_manifest(parser)
    shared.add_since(parser)
    flags.add_connection(parser)
    flags.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Print one log to standard output, and to standard error which build it is of."""
    organization = inputs.read_organization(options, ctx)
    with open_reader(options, ctx) as client:
        live = inputs.read_live(organization, client, options, ctx)
        repository = _one(options.repositories, live)
        # Asked for below the repository instead of the whole organization: the answer is as much smaller.
        scope = Organization(id=repository.id, name=Directory(live).label(repository))
        tags = client.list_tags(repository.id) if options.tag else {}
        build = _chosen(client.list_builds(scope, since=earliest(options, client)), tags, options)
        if options.follow:
            return _follow(build, client, options, ctx)
        log = client.build_log(build.id)
    ctx.stderr.write(f"build {build.id} ({build.result})\n")
    ctx.stdout.write(render_log(log, style=style_of(ctx.stdout, options, ctx), tail=options.tail))
    return ExitCode.DONE


def _follow(build: Build, client: ReadClient, options: Options, ctx: Context) -> ExitCode:
    """Print what there is and what comes, until the build has ended; the exit code says how."""
    log = LogTail(style=style_of(ctx.stdout, options, ctx), tail=options.tail)
    ctx.stderr.write(f"build {build.id} ({build.result})\n")
    ctx.stderr.flush()
    result = build.result
    for known in poll(lambda: client.read_build(build.id), ctx):
        ended = known.result is not Result.RUNNING
        ctx.stdout.write(log.more(known.log, whole=ended))
        ctx.stdout.flush()
        if ended:
            result = known.result
            break
    if build.result is Result.RUNNING:
        ctx.stderr.write(f"build {build.id} ended ({result})\n")
    return ExitCode.BUILD_FAILED if result is Result.FAILURE else ExitCode.DONE


def _one(patterns: Sequence[str], live: Live) -> LiveRepository:
    picked = inputs.pick(patterns, live)
    if len(picked) == 1:
        return picked[0]
    directory = Directory(live)
    raise CommandFailed(
        "ambiguous-repository",
        f'"{patterns[0]}" is ambiguous',
        f"use one of {', '.join(sorted(directory.label(one) for one in picked))}",
    )


def _chosen(builds: Sequence[Build], tags: Mapping[str, tuple[str, ...]], options: Options) -> Build:
    """Return the build that was asked for; else with `--follow` the newest that runs; else the newest one."""
    newest = sorted(builds, key=lambda build: (-(build.started or 0.0), build.id))  # in the order of `builds`
    if options.build:
        wanted = [build for build in newest if options.build in (build.id, build.id.rpartition("/")[2])]
        hint = "list the builds with `reconciler builds`, or look further back with --since"
        return _first(wanted, f"no build {options.build} of this repository in that time", hint)
    if options.tag:
        tagged = [build for build in newest if options.tag in tags.get(build.digest, ())]
        hint = "look further back with --since; find failed builds, which have no tag, with `reconciler builds`"
        return _first(tagged, f'the tag "{options.tag}" points to no build of this repository in that time', hint)
    further = "look further back with --since"
    if options.failed:
        failed = [build for build in newest if build.result is Result.FAILURE]
        return _first(failed, "no build of this repository failed in that time", further)
    running = [build for build in newest if build.result is Result.RUNNING and options.follow]
    return _first(running or newest, "this repository had no build in that time", further)


def _first(builds: Sequence[Build], otherwise: str, hint: str) -> Build:
    if not builds:
        raise CommandFailed("no-build", otherwise, hint)
    return builds[0]
