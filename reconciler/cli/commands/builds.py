"""`reconciler builds`: recent builds, the newest first."""

from collections.abc import Mapping

from reconciler.api.client import ReadClient
from reconciler.cli import inputs, output, session
from reconciler.cli.arguments import Options
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.selection import pick
from reconciler.cli.surroundings import Surroundings
from reconciler.core.live import Directory, Live, LiveRepository
from reconciler.engine.refresh import refresh
from reconciler.views import builds
from reconciler.views.builds import BuildRow

# From so many repositories on, the tags of the whole organisation cost less than those of each.
_MANY = 5


def execute(options: Options, world: Surroundings) -> int:
    """List the builds of the organisation, or of the repositories that were named."""
    output.targets(options)
    desired = inputs.named(options, world)
    with session.reading(options, world) as client:
        live = refresh(client, inputs.organization(desired))
        picked = {one.id: one for one in pick(options.repositories, live)}
        found = client.list_builds(live.organization, since=world.clock.now() - options.since)
        wanted = [build for build in found if build.repository_id in picked]
        tags = _tags(client, live, picked if options.repositories else None) if wanted else {}
    directory = Directory(live)
    rows = [
        BuildRow(build=build, repository=directory.label(picked[build.repository_id]), tags=tags.get(build.digest, ()))
        for build in wanted
    ]
    output.show(
        {
            "text": lambda style, width: builds.render(rows, style=style, width=width),
            "json": lambda *_: builds.render_json(rows),
        },
        options,
        world,
        table=True,
    )
    return ExitCode.DONE


def _tags(client: ReadClient, live: Live, picked: Mapping[str, LiveRepository] | None) -> Mapping[str, tuple[str, ...]]:
    """The tags by digest: in one call for the organisation, or in one for each of a few repositories."""
    if picked is None or len(picked) >= _MANY:
        return client.list_tags(live.organization)
    return {digest: names for id_ in picked for digest, names in client.list_tags(id_).items()}
