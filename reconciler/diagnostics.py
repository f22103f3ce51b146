"""A problem told to the user: what, how bad, where, and what to do next.

Every room reports problems as `Diagnostic` values; how one is printed is the business of the views. Wording belongs
to the room that finds the problem, never here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from enum import StrEnum


class Severity(StrEnum):
    """How bad a problem is: an error stops the command, a warning does not, and a note is merely good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A position in a file that a person can jump to; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem.

    `code` is kebab-case and stable; `summary` is one line; `detail` says more where that helps; `hint` says what to
    do next.
    """

    code: str
    summary: str
    severity: Severity = Severity.ERROR
    detail: str = ""
    hint: str = ""
    place: Place | None = None


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether at least one of the problems stops the command."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)


# How much less alike than the best match another name may be and still be worth telling.
_MARGIN = 0.1


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Up to `most` known names that resemble `name`, the most alike first."""
    by_folded = {other.casefold(): other for other in sorted(known, reverse=True)}
    close = get_close_matches(name.casefold(), by_folded, n=most, cutoff=0.6)
    likeness = [SequenceMatcher(None, name.casefold(), found).ratio() for found in close]
    return tuple(
        by_folded[found] for found, ratio in zip(close, likeness, strict=True) if ratio >= likeness[0] - _MARGIN
    )
