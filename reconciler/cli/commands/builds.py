"""`reconciler builds`: recent builds, the newest first; or one line for each as it starts and ends."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from reconciler import __version__
from reconciler.api.client import ReadClient
from reconciler.cli import flags, inputs, output
from reconciler.cli import options as shared
from reconciler.cli.client import earliest, open_reader, poll
from reconciler.cli.context import Context
from reconciler.cli.errors import bad_usage
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.core.builds import Build, Result
from reconciler.core.state import Directory, Live, LiveRepository
from reconciler.views.events import version_document
from reconciler.views.listings import (
    BuildRow,
    Line,
    arranged,
    build_line,
    build_line_document,
    builds_document,
    in_time,
    render_builds,
)
from reconciler.views.text import indented_json, json_line

# From so many repositories on, the tags of the whole organization cost less than those of each.
_MANY = 5
_RESULTS = ("running", "success", "failure")


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "repositories", nargs="*", metavar="REPO", help="only builds of these repositories (names or globs)"
    )
    parser.add_argument(
        "--result",
        action=flags.CommaList,
        choices=_RESULTS,
        default=[],
        help="only builds with this result; repeatable, also with commas",
    )
    parser.add_argument("--limit", type=shared.positive, metavar="N", help="maximum number of builds to list")
    parser.add_argument("--follow", action="store_true", help="keep printing until no build is running")
    shared.add_manifest(parser)
    shared.add_since(parser)
    flags.add_connection(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """List the builds of the organization, or of the repositories that were named."""
    targets = output.targets(options)
    if options.follow and any(file is not None for _, file in targets):
        raise bad_usage("--follow writes to standard output only", "remove the file, and redirect the output")
    organization = inputs.read_organization(options, ctx)
    with open_reader(options, ctx) as client:
        live = inputs.read_live(organization, client, options, ctx)
        history = _BuildHistory(
            client=client, live=live, picked={one.id: one for one in inputs.pick(options.repositories, live)}
        )
        if options.follow:
            return _follow(history, options, ctx)
        with output.activity("reading builds", options, ctx):
            found = _wanted(history.read(earliest(options, client)), options)
            rows = history.rows(found, named=bool(options.repositories))
    shown = arranged(rows)[: options.limit]
    output.show(
        {
            "text": lambda style, width: render_builds(shown, style=style, width=width, warnings=options.verbose),
            "json": lambda *_: indented_json(builds_document(shown)),
            "junit": lambda *_: output.junit(builds_document(shown)["builds"]),
        },
        options,
        ctx,
    )
    return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _BuildHistory:
    """Reads the builds of the chosen repositories."""

    client: ReadClient
    live: Live
    picked: Mapping[str, LiveRepository]

    def read(self, since: float) -> tuple[Build, ...]:
        """Return the builds since a time, of the picked repositories."""
        found = self.client.list_builds(self.live.organization, since=since)
        return tuple(build for build in found if build.repository_id in self.picked)

    def rows(self, found: Collection[Build], *, named: bool) -> list[BuildRow]:
        """Return the builds with clear names and tags; the tags are read where there is a build."""
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
        """Return the tags by digest: in one call for the organization, or in one for each of a few repositories."""
        if not named or len(self.picked) >= _MANY:
            return self.client.list_tags(self.live.organization)
        return {digest: names for id_ in self.picked for digest, names in self.client.list_tags(id_).items()}


def _wanted(found: Iterable[Build], options: Options) -> tuple[Build, ...]:
    return tuple(build for build in found if not options.result or build.result in options.result)


def _follow(history: _BuildHistory, options: Options, ctx: Context) -> ExitCode:
    """Return a line for each build that is there, appears or ends, in the order of time, until none is running."""
    draw = _lines(options, ctx)
    since, named = earliest(options, history.client), bool(options.repositories)
    printed: dict[str, Result] = {}
    for found in poll(lambda: history.read(since), ctx):
        new = [build for build in _wanted(found, options) if printed.get(build.id) is not build.result]
        rows = in_time(history.rows(new, named=named))
        for row in rows if printed or options.limit is None else rows[-options.limit :]:
            ctx.stdout.write(draw(row))
        ctx.stdout.flush()
        printed.update((build.id, build.result) for build in found)
        if all(build.result is not Result.RUNNING for build in found):
            break
    return ExitCode.DONE


def _lines(options: Options, ctx: Context) -> Line:
    """Return how to print a followed build; a JSON stream begins with its format version."""
    ((name, _),) = output.targets(options)
    if name == "json":
        ctx.stdout.write(json_line(version_document(__version__)))
        return lambda row: json_line(build_line_document(row))
    style = output.style_of(ctx.stdout, options, ctx)
    return lambda row: build_line(row, style=style)
