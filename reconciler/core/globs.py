"""Match the globs of a manifest against live repositories, and layer the entries on them.

Globs are resolved when planning, because only then are the live names known. `layers` merges the layers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate

from reconciler.core.layers import (
    Layer,
    Merged,
    both_reset_and_customized,
    group_problems,
    merge,
    overlay_problems,
    overlay_warnings,
    protected,
)
from reconciler.core.state import Address, Desired, DesiredGlob, DesiredRepository, Directory, Live, LiveRepository
from reconciler.diagnostics import Diagnostic, Place, Severity


@dataclass(frozen=True, slots=True)
class Resolved:
    """The entries of a manifest with the effect of its globs, and the problems found."""

    entries: tuple[DesiredRepository, ...]
    problems: tuple[Diagnostic, ...] = ()


def resolve_globs(desired: Desired, live: Live, directory: Directory) -> Resolved:
    """Return every entry layered on its matching globs, and an entry for each repository that only globs match."""
    if not desired.globs:
        return Resolved(desired.repositories)
    patterns = [(glob, _matcher(glob.pattern)) for glob in desired.globs]
    resolver = _Resolver(patterns)
    found = [(entry, directory.find(entry.address)) for entry in desired.repositories]
    entries = [resolver.layered(entry, _names(entry, repositories)) for entry, repositories in found]
    named = {one.id for _, repositories in found for one in repositories}
    for repository in live.repositories:
        globs = resolver.matching(repository.folder, repository.name)
        if globs and repository.id not in named:
            entries.append(resolver.alone(repository, globs))
    problems = ((directory.label_at(entry.address), problem) for entry in entries for problem in entry.problems)
    return Resolved(tuple(entries), tuple(sorted((*group_problems(problems), *resolver.unmatched()), key=_place)))


def _place(problem: Diagnostic) -> Place:
    return problem.place or Place(file="")


def _names(entry: DesiredRepository, found: Sequence[LiveRepository]) -> tuple[str, str] | None:
    """Return the folder and name that globs match: of the live repository, or of the one to be created."""
    match found:
        case (one,):
            return one.folder, one.name
        case () if entry.source is not None:
            return entry.address.folder or "", entry.address.name
        case _:
            return None


class _Resolver:
    """Globs with their matches so far; repositories with the same layers share the merged result."""

    def __init__(self, patterns: Sequence[tuple[DesiredGlob, re.Pattern[str]]]) -> None:
        self._patterns = patterns
        self._used: set[int] = set()
        self._merged: dict[tuple[int, ...], tuple[Merged, tuple[Diagnostic, ...]]] = {}

    def matching(self, folder: str, name: str) -> tuple[DesiredGlob, ...]:
        """Return the globs that match a repository, in order."""
        qualified = f"{folder}/{name}"
        found = [
            number
            for number, (glob, pattern) in enumerate(self._patterns)
            if pattern.match(qualified if "/" in glob.pattern else name)
        ]
        self._used.update(found)
        return tuple(self._patterns[number][0] for number in found)

    def unmatched(self) -> Iterator[Diagnostic]:
        """Return a warning for each glob that matched nothing."""
        for number, (glob, _) in enumerate(self._patterns):
            if number not in self._used:
                yield Diagnostic(
                    code="unmatched-glob",
                    summary=f'no repository matches "{glob.pattern}"',
                    hint=f"list all repositories with `reconciler repos`, and test a pattern with `reconciler repos "
                    f"'{glob.pattern}'`",
                    severity=Severity.WARNING,
                    place=glob.place,
                )

    def layered(self, entry: DesiredRepository, names: tuple[str, str] | None) -> DesiredRepository:
        """Return an entry on top of its matching globs; a reset is not layered."""
        globs = self.matching(*names) if names else ()
        if entry.reset:
            return entry
        reset = next((glob for glob in globs if glob.reset), None)
        if reset is not None:
            return replace(entry, problems=(both_reset_and_customized(reset.place, entry.place),))
        if not globs:  # nearly all of a large manifest
            problems = overlay_warnings(entry.overlay, entry.layers)
            return replace(entry, problems=tuple(problems)) if problems else entry
        return self._with(entry, _ordered([*_layers(globs), *entry.layers]))

    def alone(self, repository: LiveRepository, globs: Sequence[DesiredGlob]) -> DesiredRepository:
        """Return an entry for a repository that only globs match."""
        address = Address(folder=repository.folder, name=repository.name)
        strongest = globs[-1]
        resets = [glob for glob in globs if glob.reset]
        if resets:
            others = [glob for glob in globs if not glob.reset]
            clash = [both_reset_and_customized(resets[0].place, others[0].place)] if others else []
            return DesiredRepository(address=address, place=resets[-1].place, reset=True, problems=tuple(clash))
        entry = DesiredRepository(address=address, place=strongest.place)
        return self._with(entry, _ordered(_layers(globs)))

    def _with(self, entry: DesiredRepository, layers: tuple[Layer, ...]) -> DesiredRepository:
        key = tuple(map(id, layers))
        known = self._merged.get(key)
        if known is None:
            merged = merge(layers)
            known = merged, tuple(overlay_problems(merged, layers, entry.place))
            self._merged[key] = known
        merged, problems = known
        return replace(
            entry,
            overlay=merged.overlay,
            managed=merged.managed,
            protect=protected(layers),
            layers=layers,
            problems=problems,
        )


def _layers(globs: Iterable[DesiredGlob]) -> list[Layer]:
    return [layer for glob in globs for layer in glob.layers]


def _ordered(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Return layers by precedence, each once: defaults of a file reach a repository by its entry and by its globs."""
    unique: Mapping[int, Layer] = {id(layer): layer for layer in layers}
    return tuple(sorted(unique.values(), key=lambda layer: layer.precedence))


def _matcher(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
