"""Profiles for what many repositories share, where they make the manifest shorter.

Greedy and deterministic. A profile takes only values that every repository using it has, so that the effective overlay
of none of them changes; what is taken once is not taken again.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from reconciler.core.diff import WHOLE, Field, Item, assemble, items_of
from reconciler.core.overlay import Overlay

FEWEST: Final = 3

# Not a set that a profile could give a share of: the strongest layer that has one gives the whole.
_WHOLE: Final = WHOLE | {Field.UNRECOGNIZED}
_MOST_PROFILES: Final = 50
_MOST_CANDIDATES: Final = 100
_MOST_CROSSED: Final = 12
# Characters that writing something takes, about: a reference to a profile, the head of a section, one value by part.
_REFERENCE: Final = 20
_HEAD: Final = 20
_FRAME: Final[Mapping[Field, int]] = {
    Field.PACKAGES: 2,
    Field.RUNTIME_KEYRING: 45,
    Field.ENVIRONMENT: 9,
    Field.ANNOTATIONS: 9,
    Field.USERS: 45,
    Field.GROUPS: 35,
    Field.CERTIFICATES: 45,
    Field.PROVIDERS: 8,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """Profiles by name, and for each repository the names of its profiles with what is left for its own entry."""

    profiles: Mapping[str, Overlay]
    entries: Sequence[tuple[tuple[str, ...], Overlay]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Repositories, as bits, with the values that all of them have."""

    repositories: int
    values: tuple[Item, ...]

    def gain(self, *, sharing: bool) -> int:
        """Return how many characters shorter the manifest gets, or (sharing) how many need not be repeated."""
        count, size = self.repositories.bit_count(), sum(map(_size, self.values))
        if sharing:
            return (count - 1) * size
        heads = _HEAD * len({value.field for value in self.values})
        return count * (size - _REFERENCE - len(_words(self.values))) - size - heads


def extract_profiles(overlays: Sequence[Overlay], *, sharing: bool = False) -> Profiles:
    """Return profiles for what at least three of the overlays share, and what is left of each.

    By default a profile is made where that makes a manifest shorter; with `sharing`, wherever something is shared.
    """
    holders = _holders(overlays)
    profiles: dict[str, Overlay] = {}
    used: list[list[str]] = [[] for _ in overlays]
    left = [dict.fromkeys(items_of(overlay)) for overlay in overlays]
    while len(profiles) < _MOST_PROFILES and (best := _best(holders, sharing=sharing)) is not None:
        name = _name(best.values, profiles)
        profiles[name] = assemble(best.values)
        for number in _numbers(best.repositories):
            used[number].append(name)
            for value in best.values:
                left[number].pop(value, None)
        for value in best.values:
            holders[value] &= ~best.repositories
        holders = {value: bits for value, bits in holders.items() if bits.bit_count() >= FEWEST}
    rest = [(tuple(names), assemble(values)) for names, values in zip(used, left, strict=True)]
    return Profiles(profiles=profiles, entries=rest)


def _holders(overlays: Sequence[Overlay]) -> dict[Item, int]:
    """Return, for each value that enough repositories have, which of them do."""
    found: dict[Item, int] = {}
    for number, overlay in enumerate(overlays):
        for value in items_of(overlay):
            if value.field not in _WHOLE:
                found[value] = found.get(value, 0) | 1 << number
    return {value: bits for value, bits in found.items() if bits.bit_count() >= FEWEST}


def _best(holders: Mapping[Item, int], *, sharing: bool) -> _Candidate | None:
    weights: dict[int, int] = {}
    for value, bits in holders.items():
        weights[bits] = weights.get(bits, 0) + _size(value) * bits.bit_count()
    heaviest = sorted(weights, key=lambda bits: (-weights[bits], bits))[:_MOST_CANDIDATES]
    crossed = (one & other for one, other in combinations(heaviest[:_MOST_CROSSED], 2))
    some = dict.fromkeys([*heaviest, *(bits for bits in crossed if bits.bit_count() >= FEWEST)])
    candidates = (_candidate(bits, holders) for bits in some)
    gains = {one: one.gain(sharing=sharing) for one in candidates}
    best = max(gains, key=lambda one: (gains[one], len(one.values), -one.repositories), default=None)
    return best if best is not None and gains[best] > 0 else None


def _candidate(repositories: int, holders: Mapping[Item, int]) -> _Candidate:
    shared = (value for value, bits in holders.items() if bits & repositories == repositories)
    return _Candidate(repositories, tuple(shared))


def _size(value: Item) -> int:
    text = value.value if isinstance(value.value, str) and value.value != value.key else ""
    return _FRAME[value.field] + len(value.key) + (len(text) if value.field is not Field.PACKAGES else 0)


def _numbers(bits: int) -> Iterable[int]:
    return (number for number in range(bits.bit_length()) if bits >> number & 1)


def _words(values: Sequence[Item]) -> str:
    """Return a name made of the two longest values."""
    largest = sorted(values, key=lambda value: (-_size(value), value.field, value.key))[:2]
    words = "-".join(re.sub(r"[^a-z0-9]+", "-", value.key.lower()).strip("-") for value in largest)
    return words.strip("-")[:40].strip("-") or "shared"


def _name(values: Sequence[Item], taken: Iterable[str]) -> str:
    name, number = _words(values), 1
    names = frozenset(taken)
    while (name if number == 1 else f"{name}-{number}") in names:
        number += 1
    return name if number == 1 else f"{name}-{number}"
