"""`reconciler builds`: recent builds, the newest failure first; or one line for each as it starts and ends."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from reconciler import __version__
from reconciler.api.client import ReadClient
from reconciler.cli import inputs, output, session
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.looking import earliest, looks
from reconciler.cli.selection import pick
from reconciler.cli.surroundings import Surroundings
from reconciler.core.builds import Build, Result
from reconciler.core.state import Directory, Live, LiveRepository
from reconciler.diagnostics import Diagnostic
from reconciler.engine.refresh import refresh
from reconciler.views import builds
from reconciler.views.builds import BuildRow

# From so many repositories on, the tags of the whole organisation cost less than those of each.
_MANY = 5


def execute(options: Options, world: Surroundings) -> int:
    """List the builds of the organisation, or of the repositories that were named."""
    targets = output.targets(options)
    if options.follow and any(file is not None for _, file in targets):
        raise _follows_to_a_file()
    desired = inputs.named(options, world)
    with session.reading(options, world) as client:
        live = refresh(client, inputs.organization(desired))
        shelf = _Shelf(client=client, live=live, picked={one.id: one for one in pick(options.repositories, live)})
        if options.follow:
            return _follow(shelf, options, world)
        rows = shelf.rows(_wanted(shelf.look(earliest(options, client)), options), named=bool(options.repositories))
    shown = builds.arranged(rows)[: options.limit]
    output.show(
        {
            "text": lambda style, width: builds.render(shown, style=style, width=width),
            "json": lambda *_: builds.render_json(shown),
        },
        options,
        world,
        table=True,
    )
    return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shelf:
    """Where builds are read, and the repositories that they are wanted of."""

    client: ReadClient
    live: Live
    picked: Mapping[str, LiveRepository]

    def look(self, since: float) -> tuple[Build, ...]:
        """The builds since a time, of the picked repositories."""
        found = self.client.list_builds(self.live.organization, since=since)
        return tuple(build for build in found if build.repository_id in self.picked)

    def rows(self, found: Collection[Build], *, named: bool) -> list[BuildRow]:
        """The builds with clear names and tags; the tags are read where there is a build."""
        tags = self._tags(named=named) if found else {}
        directory = Directory(self.live)
        return [
            BuildRow(
                build=build,
                repository=directory.label(self.picked[build.repository_id]),
                tags=tags.get(build.digest, ()),
            )
            for build in found
        ]

    def _tags(self, *, named: bool) -> Mapping[str, tuple[str, ...]]:
        """The tags by digest: in one call for the organisation, or in one for each of a few repositories."""
        if not named or len(self.picked) >= _MANY:
            return self.client.list_tags(self.live.organization)
        return {digest: names for id_ in self.picked for digest, names in self.client.list_tags(id_).items()}


def _wanted(found: Iterable[Build], options: Options) -> tuple[Build, ...]:
    return tuple(build for build in found if not options.result or build.result in options.result)


def _follow(shelf: _Shelf, options: Options, world: Surroundings) -> ExitCode:
    """A line for each build that is there, appears or ends, in the order of time, until none is running."""
    draw = _lines(options, world)
    since, named = earliest(options, shelf.client), bool(options.repositories)
    told: dict[str, Result] = {}
    for found in looks(lambda: shelf.look(since), world):
        new = [build for build in _wanted(found, options) if told.get(build.id) is not build.result]
        rows = builds.in_time(shelf.rows(new, named=named))
        for row in rows if told or options.limit is None else rows[-options.limit :]:
            world.stdout.write(draw(row))
        world.stdout.flush()
        told.update((build.id, build.result) for build in found)
        if all(build.result is not Result.RUNNING for build in found):
            break
    return ExitCode.DONE


def _lines(options: Options, world: Surroundings) -> builds.Line:
    """How a followed build is told; a stream of JSON begins with the version of its format."""
    ((name, _),) = output.targets(options)
    if name == "json":
        world.stdout.write(builds.version_line(__version__))
        return builds.json_line
    style = output.style_of(world.stdout, options, world)
    return lambda row: builds.text_line(row, style=style)


def _follows_to_a_file() -> CommandFailed:
    problem = Diagnostic(
        code="bad-usage",
        summary="with --follow the builds go to standard output alone",
        hint="leave the file out, and redirect the output",
    )
    return CommandFailed(problem, code=ExitCode.USAGE)
