"""`reconciler repos`: the organization's repositories."""

from collections.abc import Mapping

from reconciler.cli import flags, inputs, output
from reconciler.cli import options as shared
from reconciler.cli.client import open_reader
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.core.bindings import BindingIndex, UnknownBindings
from reconciler.core.globs import resolve_globs
from reconciler.core.state import Desired, Directory, Live
from reconciler.views.listings import RepoRow, render_repos, repos_document
from reconciler.views.text import indented_json


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("repositories", nargs="*", metavar="GLOB", help="only repositories whose name matches")
    shared.add_manifest(parser)
    flags.add_connection(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """List the repositories, or those that match."""
    output.targets(options)
    organization, desired, wrong = inputs.read_entries(options, ctx)
    with open_reader(options, ctx) as client:
        live = inputs.read_live(organization, client, options, ctx)
        live = inputs.with_overlays(live, client, options, ctx, wanted=False)
    named = None if desired is None else _named(desired, live)
    directory = Directory(live)
    index = None if isinstance(live.bindings, UnknownBindings) else BindingIndex(live.bindings)
    rows = [
        RepoRow(
            repository=one,
            label=directory.label(one),
            named=named.get(one.id, False) if named is not None else None,
            bindings=None if index is None else index.effective(one.id),
        )
        for one in inputs.pick(options.repositories, live)
    ]
    output.show(
        {
            "text": lambda style, width: render_repos(rows, style=style, width=width),
            "json": lambda *_: indented_json(repos_document(rows)),
        },
        options,
        ctx,
    )
    return ExitCode.ERROR if wrong else ExitCode.DONE


def _named(desired: Desired, live: Live) -> Mapping[str, bool] | None:
    """Return the repositories that the manifest names; None without a manifest."""
    if not desired.repositories and not desired.globs:
        return None
    directory = Directory(live)
    entries = resolve_globs(desired, live, directory).entries
    return {one.id: True for entry in entries for one in directory.find(entry.address)}
