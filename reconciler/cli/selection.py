"""Repositories picked by what was typed: names, folder-qualified names, and globs over both."""

from collections.abc import Sequence

from reconciler.cli.errors import CommandFailed
from reconciler.core.selection import matches
from reconciler.core.state import Address, Directory, Live, LiveRepository
from reconciler.diagnostics import Diagnostic, nearest


def pick(patterns: Sequence[str], live: Live) -> tuple[LiveRepository, ...]:
    """The repositories that at least one pattern means, all of them when there is none.

    Raises `CommandFailed` for a pattern that means nothing, with the nearest names.
    """
    if not patterns:
        return live.repositories
    found: dict[str, LiveRepository] = {}
    problems = []
    for pattern in patterns:
        matching = [one for one in live.repositories if _matches(pattern, one)]
        found.update((one.id, one) for one in matching)
        if not matching:
            problems.append(_no_match(pattern, live))
    if problems:
        raise CommandFailed(*problems)
    return tuple(found.values())


def _matches(pattern: str, repository: LiveRepository) -> bool:
    return matches(pattern, Address(folder=repository.folder, name=repository.name), repository.id)


def _no_match(pattern: str, live: Live) -> Diagnostic:
    near = nearest(pattern, Directory(live).labels())
    return Diagnostic(
        code="unknown-repository",
        summary=f'no repository of {live.organization.name} is called "{pattern}" or matches it',
        hint=f"did you mean {' or '.join(near)}?" if near else "list the repositories with `reconciler repos`",
    )
