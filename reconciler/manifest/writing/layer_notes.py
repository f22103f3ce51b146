"""What is said of values that weaker layers give and that are not live: where they stand, and what became of them."""

from collections.abc import Iterator, Sequence

from reconciler.core.diff import KEYED, Item, items_of
from reconciler.core.layers import Layer, Precedence
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


def _named(entry: Item) -> str:
    return f"{entry.field}.{entry.key}" if entry.field in KEYED else f"{entry.field} {entry.key}".strip()


def _places(given: Sequence[Item], layers: Sequence[Layer]) -> str:
    weaker = [layer for layer in layers if layer.precedence is not Precedence.ENTRY]
    found = (
        str(layer.place_of(one.field, one.key))
        for one in given
        for layer in weaker
        if one in tuple(items_of(layer.overlay))
    )
    return "given at " + ", ".join(dict.fromkeys(found))
