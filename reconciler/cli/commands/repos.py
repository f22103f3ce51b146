"""`reconciler repos`: the organisation's repositories."""

from collections.abc import Mapping

from reconciler.cli import inputs, output, session
from reconciler.cli.arguments import Options
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.selection import pick
from reconciler.cli.surroundings import Surroundings
from reconciler.core.globs import resolve_globs
from reconciler.core.state import Desired, Directory, Live
from reconciler.engine.refresh import refresh
from reconciler.views import repos
from reconciler.views.repos import RepoRow


def execute(options: Options, world: Surroundings) -> int:
    """List the repositories, or those that match."""
    output.targets(options)
    desired = inputs.named(options, world)
    with session.reading(options, world) as client:
        live = refresh(client, inputs.organization(desired))
    named = _named(desired, live)
    directory = Directory(live)
    rows = [
        RepoRow(
            repository=one, label=directory.label(one), named=named.get(one.id, False) if named is not None else None
        )
        for one in pick(options.repositories, live)
    ]
    output.show(
        {
            "text": lambda style, width: repos.render(rows, style=style, width=width),
            "json": lambda *_: repos.render_json(rows),
        },
        options,
        world,
        table=True,
    )
    return ExitCode.DONE


def _named(desired: Desired, live: Live) -> Mapping[str, bool] | None:
    """The repositories that the manifest names; None where there is no manifest."""
    if not desired.repositories and not desired.globs:
        return None
    directory = Directory(live)
    entries = resolve_globs(desired, live, directory).entries
    return {one.id: True for entry in entries for one in directory.find(entry.address)}
