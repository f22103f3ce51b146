"""Names that resemble a mistyped one."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Up to `most` known names that resemble `name`, the most alike first."""
    by_folded = {other.casefold(): other for other in sorted(known, reverse=True)}
    return tuple(by_folded[found] for found in get_close_matches(name.casefold(), by_folded, n=most, cutoff=0.6))
