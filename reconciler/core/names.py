"""Names that resemble a mistyped one."""

from collections.abc import Iterable

# How much less alike than the best match another name may be and still be worth telling.
_MARGIN = 0.1


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Up to `most` known names that resemble `name`, the most alike first."""
    from difflib import SequenceMatcher, get_close_matches  # wanted for mistakes alone

    by_folded = {other.casefold(): other for other in sorted(known, reverse=True)}
    close = get_close_matches(name.casefold(), by_folded, n=most, cutoff=0.6)
    likeness = [SequenceMatcher(None, name.casefold(), found).ratio() for found in close]
    return tuple(
        by_folded[found] for found, ratio in zip(close, likeness, strict=True) if ratio >= likeness[0] - _MARGIN
    )
