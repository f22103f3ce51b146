"""`reconciler explain`: what the manifest asks of one repository, each value with the place that it comes from."""

from reconciler.api.errors import ApiError
from reconciler.cli import inputs, output
from reconciler.cli import options as shared
from reconciler.cli.client import open_quick_reader, open_reader
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.parser import Options, Parser
from reconciler.core.bindings import Binding, BindingIndex, UnknownBindings
from reconciler.core.globs import resolve_globs
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Address, Desired, DesiredRepository, Directory, Live, Unreadable
from reconciler.diagnostics import Diagnostic, has_errors, nearest
from reconciler.views import explain
from reconciler.views.text import Style


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("repositories", nargs=1, metavar="REPO", help="the repository")
    parser.add_argument(
        "--diff", action="store_true", help="show the whole effective overlay beside the live one; reads the API"
    )
    shared.add_path(parser)
    shared.add_connection(parser)
    shared.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Print the effective overlay, and the bound overlays where the API answers.

    It must answer only where the manifest alone cannot tell which repository is meant.
    """
    output.targets(options)
    desired, warnings = inputs.read_manifest(options, ctx)
    (name,) = options.repositories
    entry = None if options.diff else _offline(name, desired)
    live = _live_if_it_answers(desired, options, ctx) if entry else _read_live(desired, options, ctx)
    if entry is None:
        assert live is not None
        entry = _online(name, desired, live)
    if has_errors(entry.problems):
        raise CommandFailed.from_problems(*entry.problems)
    output.show(_renderers(name, entry, live, (*warnings, *entry.problems), options), options, ctx)
    output.print_problems((*warnings, *entry.problems), options, ctx)
    return ExitCode.DONE


def _renderers(
    name: str, entry: DesiredRepository, live: Live | None, problems: tuple[Diagnostic, ...], options: Options
) -> output.Renderers:
    bindings = None if live is None else _bindings(entry, live)
    beside = _live_overlay(name, entry, live) if options.diff and live is not None else None

    def text(style: Style, width: int | None) -> str:
        if beside is None:
            return explain.render(name, entry, style=style, width=width, bindings=bindings)
        return explain.render_diff(name, entry, beside, style=style, width=width)

    return {"text": text, "json": lambda *_: explain.render_json(name, entry, problems, bindings, live=beside)}


def _live_overlay(name: str, entry: DesiredRepository, live: Live) -> Overlay:
    """What is live, empty for a repository that does not exist yet; raises `CommandFailed` where it is not known."""
    found = Directory(live).find(entry.address)
    overlay = found[0].overlay if found else EMPTY
    if isinstance(overlay, Unreadable):
        raise CommandFailed(
            "unreadable-overlay",
            f'cannot read the live overlay of "{name}": {overlay.problem}',
            overlay.advice,
        )
    return overlay


def _offline(name: str, desired: Desired) -> DesiredRepository | None:
    """The one entry that can be meant, as the manifest alone tells; None where live names have to tell.

    Raises `CommandFailed` where no entry can be meant.
    """
    if desired.globs:
        return None
    address = Address.parse(name)
    alike = [one for one in desired.repositories if one.address.name == address.name]
    same = [one for one in alike if one.address == address]
    if same:
        return same[0]
    if address.folder is None and len(alike) == 1:
        return alike[0]
    if not [one for one in alike if None in (one.address.folder, address.folder)]:
        raise _not_named(name, desired)
    return None


def _read_live(desired: Desired, options: Options, ctx: Context) -> Live:
    with open_reader(options, ctx) as client:
        return inputs.with_overlays(
            inputs.read_live(inputs.organization(desired), client, options, ctx), client, options, ctx
        )


def _live_if_it_answers(desired: Desired, options: Options, ctx: Context) -> Live | None:
    """The live state for the bindings, within seconds and without a word about failures; None where it is not had."""
    try:
        with open_quick_reader(options, ctx) as client:
            return inputs.with_overlays(
                inputs.read_live(inputs.organization(desired), client, options, ctx), client, options, ctx
            )
    except (ApiError, CommandFailed):
        return None


def _bindings(entry: DesiredRepository, live: Live) -> tuple[Binding, ...] | None:
    found = Directory(live).find(entry.address)
    if len(found) != 1 or isinstance(live.bindings, UnknownBindings):
        return None
    return BindingIndex(live.bindings).effective(found[0].id)


def _online(name: str, desired: Desired, live: Live) -> DesiredRepository:
    """The entry for a live repository, or for one that is going to be created."""
    directory = Directory(live)
    entries = resolve_globs(desired, live, directory).entries
    address = Address.parse(name)
    same = [one for one in entries if one.address == address and not directory.find(address)]
    if same:
        return same[0]
    found = directory.find(address)
    if len(found) > 1:
        raise _unclear(name, live, [directory.label(one) for one in found])
    meant = [one for one in entries if found and directory.find(one.address) == found]
    if not meant:
        raise _not_named(name, desired)
    return meant[0]


def _unclear(name: str, live: Live, labels: list[str]) -> CommandFailed:
    return CommandFailed(
        "ambiguous-repository",
        f'"{name}" is ambiguous: several folders of {live.organization.name} have it',
        f"use one of {', '.join(sorted(labels))}",
    )


def _not_named(name: str, desired: Desired) -> CommandFailed:
    near = nearest(name, [str(one.address) for one in desired.repositories])
    return CommandFailed(
        "not-in-manifest",
        f'the manifest has no entry for "{name}"',
        f"did you mean {' or '.join(near)}?" if near else "list the repositories with `reconciler repos`",
    )
