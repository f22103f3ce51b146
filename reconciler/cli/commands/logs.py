"""`reconciler logs`: the log of one build, by default of the newest failure."""

from collections.abc import Sequence

from reconciler.cli import inputs, session
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.output import style_of
from reconciler.cli.selection import pick
from reconciler.cli.surroundings import Surroundings
from reconciler.core.builds import Build, Result
from reconciler.core.live import Directory, Live, LiveRepository, Organization
from reconciler.diagnostics import Diagnostic
from reconciler.engine.refresh import refresh
from reconciler.views import log_text


def execute(options: Options, world: Surroundings) -> int:
    """Print one log to standard output, and to standard error which build it is of."""
    desired = inputs.named(options, world)
    with session.reading(options, world) as client:
        live = refresh(client, inputs.organization(desired))
        repository = _one(options.repositories, live)
        # Asked for below the repository instead of the whole organisation: the answer is as much smaller.
        scope = Organization(id=repository.id, name=Directory(live).label(repository))
        build = _chosen(client.list_builds(scope, since=world.clock.now() - options.since), options)
        log = client.build_log(build.id)
    world.stderr.write(f"build {build.id} ({build.result})\n")
    world.stdout.write(log_text.render(log, style=style_of(world.stdout, options, world)))
    return ExitCode.DONE


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


def _chosen(builds: Sequence[Build], options: Options) -> Build:
    """The build that was asked for, else the newest failure, else the newest that has ended."""
    newest = sorted(builds, key=lambda build: (build.started or 0.0, build.id), reverse=True)
    if options.build:
        wanted = [build for build in newest if options.build in (build.id, build.id.rpartition("/")[2])]
        hint = "list the builds with `reconciler builds`; --since looks further back"
        return _first(wanted, f"there is no build {options.build} of this repository in that time", hint)
    ended = [build for build in newest if build.result is not Result.RUNNING]
    failed = [build for build in ended if build.result is Result.FAILURE]
    return _first(failed or ended, "no build of this repository has ended in that time", "--since looks further back")


def _first(builds: Sequence[Build], otherwise: str, hint: str) -> Build:
    if not builds:
        raise CommandFailed(Diagnostic(code="no-build", summary=otherwise, hint=hint))
    return builds[0]
