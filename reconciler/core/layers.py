"""The layers of a manifest that speak of one repository, and the overlay that they come to together.

Which value wins is decided here and nowhere else. Reading layers belongs to `manifest`, finding the repositories that
a glob means to `globs`, and the wording of a conflict to `conflicts`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from reconciler.core.model import Overlay, Section
from reconciler.core.parts import Entry, Part, assemble, entries
from reconciler.diagnostics import Place


class Strength(IntEnum):
    """Which layer wins over which, the weakest first."""

    DEFAULTS = 0
    GLOB = 1
    PROFILE = 2
    OVERLAY_FILE = 3
    ENTRY = 4


class Site(Protocol):
    """Knows where each value of a layer was written; asked only when somebody wants to know."""

    def place(self, part: Part, key: str) -> Place:
        """Where an entry of the layer stands; the section's place where there is no such entry."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one block of the manifest says.

    `kind` is what the block is; a profile that a glob names is as strong as the glob. `emptied` are the parts that it
    gives empty, which takes away what weaker layers gave. Of two layers of the same
    strength the later one wins, save where their `chain` (a file) differs: then neither does.
    """

    strength: Strength
    kind: Strength
    place: Place
    overlay: Overlay
    managed: frozenset[Section]
    name: str = ""
    chain: str = ""
    emptied: frozenset[Part] = frozenset()
    protect: bool | None = None
    site: Site | None = field(default=None, compare=False, repr=False)

    def place_of(self, part: Part, key: str) -> Place:
        """Where an entry of the layer stands."""
        return self.place if self.site is None else self.site.place(part, key)


@dataclass(frozen=True, slots=True)
class Claim:
    """An entry with the layer that it comes from; no entry where the layer gives the part empty."""

    layer: Layer
    entry: Entry | None

    def place(self, part: Part, key: str) -> Place:
        """Where it was written."""
        return self.layer.place_of(part, key)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two claims of which neither wins."""

    part: Part
    key: str
    first: Claim
    second: Claim


@dataclass(frozen=True, slots=True)
class Merged:
    """What layers come to: the overlay, and for each entry of it the claim that won."""

    overlay: Overlay
    managed: frozenset[Section]
    winners: tuple[Claim, ...]
    conflicts: tuple[Conflict, ...] = ()


def merge(layers: Sequence[Layer]) -> Merged:
    """The overlay of layers, weakest first."""
    stack = _Stack()
    for layer in layers:
        stack.put(layer)
    winners = stack.winners()
    return Merged(
        overlay=assemble(claim.entry for claim in winners if claim.entry),
        managed=frozenset[Section]().union(*(layer.managed for layer in layers)),
        winners=winners,
        conflicts=tuple(stack.conflicts()),
    )


def winners(layers: Sequence[Layer], part: Part) -> Mapping[str, Claim]:
    """For each entry of one part of what layers come to, by its key: the claim that won."""
    stack = _Stack()
    for layer in layers:
        stack.put(layer, part)
    return {claim.entry.key: claim for claim in stack.winners() if claim.entry}


def protected(layers: Sequence[Layer]) -> bool:
    """Whether the strongest layer that speaks of it protects the repository; of equal ones, whether any does."""
    told = [layer for layer in layers if layer.protect is not None]
    return any(layer.protect for layer in told if layer is told[-1] or _equals(layer, told[-1]))


class _Stack:
    """Claims by part and key while layers are put on each other."""

    def __init__(self) -> None:
        self.claims: dict[tuple[Part, str], list[Claim]] = {}
        self._empty: dict[Part, list[Layer]] = {}

    def put(self, layer: Layer, only: Part | None = None) -> None:
        """Put a stronger or an equal layer on top, or what it says of one part alone."""
        for part in layer.emptied:
            for key in self.claims:
                if key[0] is part:
                    self.claims[key] = _rivals(self.claims[key], layer)
            self._empty[part] = [*(one for one in self._empty.get(part, ()) if _equals(one, layer)), layer]
        for entry in entries(layer.overlay):
            if only is not None and entry.part is not only:
                continue
            key, claim = (entry.part, entry.key), Claim(layer, entry)
            below = self.claims.get(key)
            if not below:
                self.claims[key] = [claim]
            else:
                kept = below if entry.part is Part.PACKAGES else _rivals(below, layer)
                self.claims[key] = [*kept, claim]

    def winners(self) -> tuple[Claim, ...]:
        """The claim that won, for each key."""
        return tuple(_winner(part, claims) for (part, _), claims in self.claims.items() if claims)

    def conflicts(self) -> Iterator[Conflict]:
        """Every pair of claims of which neither wins, one for each key."""
        for (part, key), claims in self.claims.items():
            if not claims or (len(claims) == 1 and part not in self._empty):
                continue
            told = _constrained(claims) if part is Part.PACKAGES else claims
            other = next((one for one in told[1:] if _disagree(told[0], one)), None)
            if other is not None:
                yield Conflict(part, key, told[0], other)
                continue
            for claim in claims:
                empty = next((one for one in self._empty.get(part, ()) if _equals(one, claim.layer)), None)
                if empty is not None:
                    yield Conflict(part, key, claim, Claim(empty, None))
                    break


def _rivals(claims: Sequence[Claim], layer: Layer) -> list[Claim]:
    """The claims that stay beside those of a layer, because it is not stronger than theirs."""
    return [claim for claim in claims if _equals(claim.layer, layer)]


def _equals(one: Layer, other: Layer) -> bool:
    return one.strength is other.strength and one.chain != other.chain


def _disagree(one: Claim, other: Claim) -> bool:
    # What stands twice in one block is a mistake of its own, which `manifest` reports.
    return one.layer is not other.layer and one.entry != other.entry


def _constrained(claims: Sequence[Claim]) -> list[Claim]:
    """The claims of a package that ask for more than its name: a bare name agrees with any constraint."""
    return [one for one in claims if one.entry and one.entry.value != one.entry.key]


def _winner(part: Part, claims: Sequence[Claim]) -> Claim:
    several = len(claims) > 1 and part is Part.PACKAGES
    return ((_constrained(claims) if several else ()) or claims)[-1]
