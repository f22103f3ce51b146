"""What is said of values that weaker layers give and that are not live: where they stand, and what became of them."""

from collections.abc import Iterator, Sequence

from reconciler.core.layers import Layer, Strength
from reconciler.core.parts import KEYED, Entry, entries
from reconciler.diagnostics import Diagnostic
from reconciler.manifest.writing.drafts import warning
from reconciler.manifest.writing.taking import Taken


def notes(label: str, taken: Taken, layers: Sequence[Layer], *, dropped: Sequence[Layer]) -> Iterator[Diagnostic]:
    """What the person who imports has to know; `dropped` are the layers that the entry no longer names."""
    if dropped:
        named = ", ".join(f'the profile "{one.name}"' if one.name else "its overlay file" for one in dropped)
        yield warning(
            "layers-written-out",
            f"{label}: the entry no longer builds on {named}",
            "that gives what is not live, and an entry cannot take it away; the entry now holds its values itself",
        )
    if taken.overridden:
        yield warning(
            "layer-overridden",
            f"{label}: the entry overrides what a weaker layer gives: {', '.join(map(_named, taken.overridden))}",
            "where every repository should have the live value, edit the layer instead",
            detail=_places(taken.overridden, layers),
        )


def in_the_way(taken: Taken, layers: Sequence[Layer]) -> str:
    """Why a repository cannot be written: what layers give it and an entry cannot take away."""
    named = ", ".join(map(_named, taken.excess))
    where = _places(taken.excess, layers)
    return f"layers give it what is not live, and an entry cannot take that away: {named} ({where})"


def _named(entry: Entry) -> str:
    return f"{entry.part}.{entry.key}" if entry.part in KEYED else f"{entry.part} {entry.key}".strip()


def _places(given: Sequence[Entry], layers: Sequence[Layer]) -> str:
    weaker = [layer for layer in layers if layer.strength is not Strength.ENTRY]
    found = (
        str(layer.place_of(one.part, one.key))
        for one in given
        for layer in weaker
        if one in tuple(entries(layer.overlay))
    )
    return "given at " + ", ".join(dict.fromkeys(found))
