"""`reconciler explain`: what the manifest asks of one repository, each value with the place that it comes from."""

from reconciler.api.errors import ApiError
from reconciler.cli import flags, inputs, output
from reconciler.cli import options as shared
from reconciler.cli.client import open_quick_reader, open_reader
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.core import planner
from reconciler.core.bindings import Binding, BindingIndex, UnknownBindings
from reconciler.core.explanation import explain_tags
from reconciler.core.globs import resolve_globs
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.overlay_problems import not_read
from reconciler.core.plan import Plan
from reconciler.core.state import Address, Desired, DesiredRepository, Directory, Live, LiveRepository, Unreadable
from reconciler.core.step_problems import step_problems
from reconciler.core.steps import BindingStep
from reconciler.diagnostics import Diagnostic, did_you_mean, has_errors, listed, nearest
from reconciler.views import explain
from reconciler.views import explain_tags as explain_view
from reconciler.views.text import Style, indented_json


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "repositories", nargs=1, metavar="REPO[:TAG]", help="the repository, or one of its tags with its overlays"
    )
    parser.add_argument(
        "--diff", action="store_true", help="compare the whole effective overlay with the live one; reads the API"
    )
    shared.add_path(parser)
    flags.add_connection(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Print the effective overlay, and the bound overlays where the API answers.

    The API is required only if the manifest alone does not decide which repository is meant.
    """
    output.targets(options)
    desired, warnings = inputs.read_manifest(options, ctx)
    name, colon, tag = options.repositories[0].partition(":")
    if colon or _is_bound(name, desired):
        return _explain_tags(name, tag, (desired, warnings), options, ctx)
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


def _is_bound(name: str, desired: Desired) -> bool:
    """Return whether the manifest alone shows that overlays are bound to the repository."""
    address = Address.parse(name)
    alike = [one for one in desired.repositories if one.address.name == address.name]
    entry = next((one for one in alike if one.address == address), alike[0] if len(alike) == 1 else None)
    return bool(desired.scopes) if entry is None else entry.bindings is not None


def _explain_tags(
    name: str, tag: str, read: tuple[Desired, tuple[Diagnostic, ...]], options: Options, ctx: Context
) -> int:
    """Print what the tags of a repository, or one of them, get from overlays once the manifest is applied.

    `read` is the manifest with its warnings.
    """
    desired, warnings = read
    with open_reader(options, ctx) as client:
        live = inputs.with_overlays(
            inputs.read_live(inputs.organization(desired), client, options, ctx), client, options, ctx
        )
    for unknown in (live.overlays, live.bindings):
        if isinstance(unknown, UnknownBindings):
            raise CommandFailed.from_problems(not_read(unknown))
    repository = _live_repository(name, live)
    plan = planner.plan(desired, live)
    tags = (_known_tag(tag, repository, plan),) if tag else repository.active_tags
    found = explain_tags(repository, tags, plan, desired, live)
    label = Directory(live).label(repository)
    own = [one for one in plan.steps if one.id == repository.id]
    bindings = [one for one in plan.overlay_steps if isinstance(one, BindingStep) and one.scope.id == repository.id]
    problems = (*warnings, *step_problems((*own, *bindings)))
    output.show(
        {
            "text": lambda style, width: explain_view.render(label, found, style=style, width=width, diff=options.diff),
            "json": lambda *_: indented_json(explain_view.document(label, found, problems)),
        },
        options,
        ctx,
    )
    output.print_problems(problems, options, ctx)
    return ExitCode.ERROR if has_errors(problems) else ExitCode.DONE


def _live_repository(name: str, live: Live) -> LiveRepository:
    directory = Directory(live)
    found = directory.find(Address.parse(name))
    if len(found) > 1:
        raise _unclear(name, live, [directory.label(one) for one in found])
    if not found:
        raise CommandFailed(
            "unknown-repository",
            f'no repository in {live.organization.name} is called "{name}"',
            did_you_mean(nearest(name, directory.labels())) or "list the repositories with `reconciler repos`",
        )
    return found[0]


def _known_tag(tag: str, repository: LiveRepository, plan: Plan) -> str:
    """Return the tag, if the repository has it or a binding names it; raises `CommandFailed`."""
    named = {
        one
        for step in plan.overlay_steps
        if isinstance(step, BindingStep) and step.scope.id == repository.id and step.after is not None
        for one in step.after.tags
    }
    if tag in repository.active_tags or tag in named:
        return tag
    raise CommandFailed(
        "unknown-tag",
        f'"{repository.name}" has no tag "{tag}"',
        did_you_mean(nearest(tag, repository.active_tags)) or f"its tags: {listed(repository.active_tags, 10)}",
    )


def _renderers(
    name: str, entry: DesiredRepository, live: Live | None, problems: tuple[Diagnostic, ...], options: Options
) -> output.Renderers:
    bindings = None if live is None else _bindings(entry, live)
    live_overlay = _live_overlay(name, entry, live) if options.diff and live is not None else None

    def text(style: Style, width: int | None) -> str:
        if live_overlay is None:
            return explain.render(name, entry, style=style, width=width, bindings=bindings)
        return explain.render_diff(name, entry, live_overlay, style=style, width=width)

    def json(*_: object) -> str:
        return indented_json(explain.document(name, entry, problems, bindings, live=live_overlay))

    return {"text": text, "json": json}


def _live_overlay(name: str, entry: DesiredRepository, live: Live) -> Overlay:
    """Return the live overlay, empty for a repository that does not exist yet; raises `CommandFailed` if unknown."""
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
    """Return the only entry that can be meant; None if that depends on live names.

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
    """Return the live state for the bindings, within seconds; None, without an error, if it cannot be read."""
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
    """Return the entry for a live repository, or for one that is going to be created."""
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
        f"did you mean {' or '.join(near)}?" if near else "add an entry, or list the names with `reconciler repos`",
    )
