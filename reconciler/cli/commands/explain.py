"""`reconciler explain`: what the manifest asks of one repository, each value with the place that it comes from."""

from reconciler.cli import inputs, output
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.surroundings import Surroundings
from reconciler.core.globs import resolve_globs
from reconciler.core.state import Address, Desired, DesiredRepository, Directory, Live
from reconciler.diagnostics import Diagnostic, has_errors, nearest
from reconciler.views import explain


def execute(options: Options, world: Surroundings) -> int:
    """Print the effective overlay; live names are read only where the manifest alone cannot tell."""
    output.targets(options)
    desired, warnings = inputs.require(options, world)
    (name,) = options.repositories
    entry = _offline(name, desired) or _online(name, desired, options, world)
    if has_errors(entry.problems):
        raise CommandFailed(*entry.problems)
    output.show(
        {
            "text": lambda style, width: explain.render(name, entry, style=style, width=width),
            "json": lambda *_: explain.render_json(name, entry, (*warnings, *entry.problems)),
        },
        options,
        world,
        table=True,
    )
    output.print_problems((*warnings, *entry.problems), options, world)
    return ExitCode.DONE


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


def _online(name: str, desired: Desired, options: Options, world: Surroundings) -> DesiredRepository:
    """The entry for a live repository, or for one that is going to be created."""
    from reconciler.cli import planning, session

    with session.reading(options, world) as client:
        live = planning.read(desired, client)
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
        Diagnostic(
            code="ambiguous-repository",
            summary=f'several folders of {live.organization.name} hold a repository "{name}"',
            hint=f"write it with its folder: {' or '.join(sorted(labels))}",
        )
    )


def _not_named(name: str, desired: Desired) -> CommandFailed:
    near = nearest(name, [str(one.address) for one in desired.repositories])
    return CommandFailed(
        Diagnostic(
            code="not-in-manifest",
            summary=f'the manifest asks nothing of a repository "{name}"',
            hint=f"did you mean {' or '.join(near)}?" if near else "list the repositories with `reconciler repos`",
        )
    )
