"""Diagnostics: problems with a severity, a place and a hint.

Every package reports problems as `Diagnostic` values and words them itself; the views print them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from enum import StrEnum
from itertools import chain, pairwise


class Severity(StrEnum):
    """Severity of a problem: errors stop the command, warnings and notes do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Position in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem.

    `code` is kebab-case and stable; `summary` is one line; `detail` says more where that helps; `hint` says what to
    do next. `repositories` are those that have it, where neither the place nor the summary names them.
    """

    code: str
    summary: str
    severity: Severity = Severity.ERROR
    detail: str = ""
    hint: str = ""
    place: Place | None = None
    repositories: tuple[str, ...] = ()


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Return whether any of the problems is an error."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)


_MOST_NAMES = 3


def listed(names: Sequence[str], most: int = _MOST_NAMES, *, separator: str = ", ") -> str:
    """Return the first names as a sentence part: `a, b, c and 4 more`."""
    more = len(names) - most
    return separator.join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def quoted(names: Iterable[str]) -> str:
    """Return names as a choice: `"a"`, `"a" or "b"`, `"a", "b" or "c"`."""
    each = [f'"{name}"' for name in names]
    return " or ".join([", ".join(each[:-1]), each[-1]]) if len(each) > 1 else "".join(each)


def did_you_mean(names: Iterable[str]) -> str:
    """Return a question that suggests names for a mistyped one; "" without names."""
    choice = quoted(names)
    return f"did you mean {choice}?" if choice else ""


def plural(count: int, noun: str, several: str = "") -> str:
    """Return a count with its noun: `1 package`, `2,000 packages`; `several` is an irregular plural."""
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


# Names that are less similar than the best match by more than this are not suggested.
_MARGIN = 0.1
# Comparing names is slow, and a manifest may have thousands: limits for all questions and for one.
_MOST_QUESTIONS = 100
_MOST_COMPARED = 50
_LONGEST_NAME = 200


class KnownNames:
    """Suggests names for mistyped ones; returns none after the first hundred questions."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = known
        self._by_folded: dict[str, str] = {}
        self._by_pair: dict[str, list[str]] = {}
        self._questions = 0

    def nearest(self, name: str, *, most: int = 3) -> tuple[str, ...]:
        """Return up to `most` names that resemble `name`, the most alike first."""
        if len(name) > _LONGEST_NAME or self._questions == _MOST_QUESTIONS:
            return ()
        self._questions += 1
        if self._questions == 1:
            self._prepare()
        folded = name.casefold()
        close = get_close_matches(folded, self._candidates(folded), n=most, cutoff=0.6)
        likeness = [SequenceMatcher(None, folded, found).ratio() for found in close]
        alike = zip(close, likeness, strict=True)
        return tuple(self._by_folded[found] for found, ratio in alike if ratio >= likeness[0] - _MARGIN)

    def _prepare(self) -> None:
        self._by_folded = {
            one.casefold(): one for one in sorted(self._known, reverse=True) if len(one) <= _LONGEST_NAME
        }
        if len(self._by_folded) > _MOST_COMPARED:
            for name in self._by_folded:
                for pair in _pairs(name):
                    self._by_pair.setdefault(pair, []).append(name)

    def _candidates(self, folded: str) -> list[str]:
        """Return the names that share the most pairs of letters, as only those can be alike."""
        if not self._by_pair:
            return list(self._by_folded)
        shared = Counter(chain.from_iterable(self._by_pair.get(pair, ()) for pair in _pairs(folded)))
        return [name for name, _ in shared.most_common(_MOST_COMPARED)]


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Return up to `most` known names that resemble `name`, the most alike first."""
    return KnownNames(known).nearest(name, most=most)


def _pairs(name: str) -> Iterable[str]:
    """Return the different pairs of neighboring letters, in order: no answer may depend on the hash seed."""
    return dict.fromkeys(map("".join, pairwise(f" {name}")))
