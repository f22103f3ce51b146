"""apk's versions and what a line of a package list asks of them.

Here belongs what can be said from texts alone. Which packages there are is said in `catalogue.py`; choosing among
them belongs to `solver.py`.
"""

import functools
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

Rank = tuple[int, int, str, int]
"""One part of a version; the first number is its kind, so that different parts have an order as well."""

_CONSTRAINT = re.compile(
    r"(?P<name>[^=~<>@!\s]+)(?:(?P<operator>[<>]=|~=|=~|[=~<>])(?P<version>[^=~<>@!\s]+(?:~[0-9a-f]+(?:-r\d+)?)?))?"
)
_VERSION = re.compile(
    r"(?P<numbers>\d+(?:\.\d+)*)(?P<letter>[a-z]?)(?P<suffixes>(?:_[a-z]+\d*)*)(?P<hash>~[0-9a-f]+)?(?P<revision>-r\d+)?"
)
_SUFFIX_RANKS = {"alpha": 0, "beta": 1, "pre": 2, "rc": 3, "cvs": 5, "svn": 6, "git": 7, "hg": 8, "p": 9}
_COMPARISONS: dict[str, Callable[[tuple[Rank, ...], tuple[Rank, ...]], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PLAIN = 4  # of a version: what comes before it is unfinished, what comes after it is patched
_NO_VERSION: tuple[Rank, ...] = ((-1, 0, "", 0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A name, and what the version of a package of that name must be; `version` is "" where any will do."""

    text: str
    name: str
    operator: str = ""
    version: str = ""

    def allows(self, version: str) -> bool:
        """Say whether a version will do; "" is a provided name without a version, which meets no comparison."""
        if not self.operator or not version:
            return not self.operator
        if self.operator == "=":
            return self.version.removesuffix("-r0") == version.removesuffix("-r0")
        if self.operator in ("~", "~=", "=~"):
            return _starts(version, self.version)
        return _COMPARISONS[self.operator](version_key(version), version_key(self.version))


@functools.lru_cache(maxsize=4096)
def constraint(text: str) -> Constraint | None:
    """Return what a text asks for; None when it is no constraint: with a pin (`a@local`) it cannot be met anyway."""
    match = _CONSTRAINT.fullmatch(text)
    if match is None:
        return None
    return Constraint(text=text, name=match["name"], operator=match["operator"] or "", version=match["version"] or "")


@functools.lru_cache(maxsize=4096)
def version_key(version: str) -> tuple[Rank, ...]:
    """Return a sort key with apk's order; what is no version comes before all versions."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return _NO_VERSION
    # An end ranks between the suffixes that come before the plain version and those that come after it.
    tail: list[Rank] = []
    for word, count in re.findall(r"_([a-z]+)(\d*)", match["suffixes"]):
        rank = _SUFFIX_RANKS.get(word, 10)
        tail.append((0 if rank < _PLAIN else 2, rank, "" if word in _SUFFIX_RANKS else word, int(count or 0)))
    revision = int(match["revision"][2:]) if match["revision"] else -1  # 1.2 comes before 1.2-r0
    letter: list[Rank] = [(3, 0, match["letter"], 0)] if match["letter"] else []
    return (*_numbers(match["numbers"]), *letter, *tail, (1, 0, match["hash"] or "", 0), (1, 0, "", revision))


def _numbers(text: str) -> list[Rank]:
    first, *others = text.split(".")
    return [(4, int(first), "", 0), *map(_later_number, others)]


def _later_number(digits: str) -> Rank:
    """Return the rank of a number after a dot, which is compared as a fraction where it begins with a zero."""
    return (4, -1, digits, 0) if digits.startswith("0") and len(digits) > 1 else (4, int(digits), "", 0)


def _starts(version: str, beginning: str) -> bool:
    """Say whether a version begins with another: 1.2 begins 1.2.3 and 1.2-r4, and does not begin 1.20."""
    return re.match(re.escape(beginning) + r"(?![0-9])", version) is not None
