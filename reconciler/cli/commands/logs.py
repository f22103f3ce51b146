"""`reconciler logs`: the log of one build, by default of the newest failure; of a running one as it grows."""

from collections.abc import Mapping, Sequence

from reconciler.api.client import ReadClient
from reconciler.cli import inputs, session
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.looking import earliest, looks
from reconciler.cli.output import style_of
from reconciler.cli.selection import pick
from reconciler.cli.surroundings import Surroundings
from reconciler.core.builds import Build, Result
from reconciler.core.state import Directory, Live, LiveRepository, Organization
from reconciler.diagnostics import Diagnostic
from reconciler.engine.refresh import refresh
from reconciler.views import log_text
from reconciler.views.log_text import LogTail


def execute(options: Options, world: Surroundings) -> int:
    """Print one log to standard output, and to standard error which build it is of."""
    desired = inputs.named(options, world)
    with session.reading(options, world) as client:
        live = refresh(client, inputs.organization(desired))
        repository = _one(options.repositories, live)
        # Asked for below the repository instead of the whole organisation: the answer is as much smaller.
        scope = Organization(id=repository.id, name=Directory(live).label(repository))
        tags = client.list_tags(repository.id) if options.tag else {}
        build = _chosen(client.list_builds(scope, since=earliest(options, client)), tags, options)
        if options.follow:
            return _follow(build, client, options, world)
        log = client.build_log(build.id)
    world.stderr.write(f"build {build.id} ({build.result})\n")
    world.stdout.write(log_text.render(log, style=style_of(world.stdout, options, world), tail=options.tail))
    return ExitCode.DONE


def _follow(build: Build, client: ReadClient, options: Options, world: Surroundings) -> ExitCode:
    """Print what there is and what comes, until the build has ended; the exit code says how."""
    log = LogTail(style=style_of(world.stdout, options, world), tail=options.tail)
    world.stderr.write(f"build {build.id} ({build.result})\n")
    world.stderr.flush()
    result = build.result
    for known in looks(lambda: client.read_build(build.id), world):
        ended = known.result is not Result.RUNNING
        world.stdout.write(log.more(known.log, whole=ended))
        world.stdout.flush()
        if ended:
            result = known.result
            break
    if build.result is Result.RUNNING:
        world.stderr.write(f"build {build.id} has ended ({result})\n")
    return ExitCode.BUILD_FAILED if result is Result.FAILURE else ExitCode.DONE


def _one(patterns: Sequence[str], live: Live) -> LiveRepository:
    picked = pick(patterns, live)
    if len(picked) == 1:
        return picked[0]
    directory = Directory(live)
    problem = Diagnostic(
        code="ambiguous-repository",
        summary=f'"{patterns[0]}" means several repositories',
        hint=f"take one of {', '.join(sorted(directory.label(one) for one in picked))}",
    )
    raise CommandFailed(problem)


def _chosen(builds: Sequence[Build], tags: Mapping[str, tuple[str, ...]], options: Options) -> Build:
    """The build that was asked for; else with `--follow` the newest that runs; else the newest failure or ended one."""
    newest = sorted(builds, key=lambda build: (build.started or 0.0, build.id), reverse=True)
    if options.build:
        wanted = [build for build in newest if options.build in (build.id, build.id.rpartition("/")[2])]
        hint = "list the builds with `reconciler builds`; --since looks further back"
        return _first(wanted, f"there is no build {options.build} of this repository in that time", hint)
    if options.tag:
        tagged = [build for build in newest if options.tag in tags.get(build.digest, ())]
        hint = "--since looks further back; a failed build has no tag: find it with `reconciler builds`"
        return _first(tagged, f'the tag "{options.tag}" points to no build of this repository in that time', hint)
    running = [build for build in newest if build.result is Result.RUNNING and options.follow]
    ended = [build for build in newest if build.result is not Result.RUNNING]
    failed = [build for build in ended if build.result is Result.FAILURE]
    none = f"no build of this repository {'runs or has ended' if options.follow else 'has ended'} in that time"
    return _first(running or failed or ended, none, "--since looks further back")


def _first(builds: Sequence[Build], otherwise: str, hint: str) -> Build:
    if not builds:
        raise CommandFailed(Diagnostic(code="no-build", summary=otherwise, hint=hint))
    return builds[0]
