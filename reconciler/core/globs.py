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
    both_bound_and_customized,
    both_reset_and_customized,
    group_problems,
    merge,
    overlay_problems,
    overlay_warnings,
    protected,
)
from reconciler.core.state import (
    Address,
    Desired,
    DesiredBinding,
    DesiredGlob,
    DesiredRepository,
    Directory,
    Labels,
    Live,
    LiveRepository,
)
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
        if any(glob.labels for glob in globs):
            entry = replace(entry, labels=_labels(globs, entry))
        if entry.reset:
            return entry
        if entry.bindings is not None or any(glob.bindings is not None for glob in globs):
            return _bound(entry, globs)
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
        strongest, labels = globs[-1], _labels(globs)
        if any(glob.bindings is not None for glob in globs):
            entry = DesiredRepository(address=address, place=strongest.place, owner=strongest.owner, labels=labels)
            return _bound(entry, globs)
        resets = [glob for glob in globs if glob.reset]
        if resets:
            others = [glob for glob in globs if not glob.reset]
            clash = [both_reset_and_customized(resets[0].place, others[0].place)] if others else []
            return DesiredRepository(
                address=address,
                place=resets[-1].place,
                reset=True,
                problems=tuple(clash),
                owner=strongest.owner,
                labels=labels,
            )
        entry = DesiredRepository(address=address, place=strongest.place, owner=strongest.owner, labels=labels)
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


def _labels(globs: Iterable[DesiredGlob], entry: DesiredRepository | None = None) -> Labels:
    """Return the labels of an entry and of its matching globs; of two values for one label the last."""
    given = [pair for glob in globs for pair in glob.labels]
    return tuple(sorted(dict([*given, *(entry.labels if entry else ())]).items()))


def _bound(entry: DesiredRepository, globs: Sequence[DesiredGlob]) -> DesiredRepository:
    """Return an entry with the bindings of its globs added; its own take precedence."""
    others = [glob.place for glob in globs if glob.bindings is None]
    if entry.bindings is None and (entry.managed or entry.source):
        others.append(entry.place)
    own = {one.overlay for one in entry.bindings or ()}
    found: dict[str, DesiredBinding] = {}
    problems = []
    for one in (one for glob in globs for one in glob.bindings or () if one.overlay not in own):
        known = found.setdefault(one.overlay, one)
        if known.selector != one.selector:
            problems.append(_two_selectors(known, one))
    if others:
        binding = next(glob.place for glob in globs if glob.bindings is not None) if entry.bindings is None else None
        problems.append(both_bound_and_customized(others[0], binding or entry.place))
    return replace(
        entry,
        bindings=(*found.values(), *(entry.bindings or ())),
        allow_missing_tags=entry.allow_missing_tags or any(glob.allow_missing_tags for glob in globs),
        problems=(*entry.problems, *problems),
    )


def _two_selectors(first: DesiredBinding, second: DesiredBinding) -> Diagnostic:
    return Diagnostic(
        code="conflicting-layers",
        summary=f'two globs bind overlay "{first.overlay}" to different tags of the same repository',
        detail=f"first at {first.place}",
        hint="use the same tags in both, or bind it in the repository's own entry, which takes precedence",
        place=second.place,
    )


def _layers(globs: Iterable[DesiredGlob]) -> list[Layer]:
    return [layer for glob in globs for layer in glob.layers]


def _ordered(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Return layers by precedence, each once: defaults of a file reach a repository by its entry and by its globs."""
    unique: Mapping[int, Layer] = {id(layer): layer for layer in layers}
    return tuple(sorted(unique.values(), key=lambda layer: layer.precedence))


def _matcher(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
