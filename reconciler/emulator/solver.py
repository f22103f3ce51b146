"""Choosing package versions for an image, as apko does before it installs anything.

The reasons for which there is no choice are worded as apko words them. Like apko's, the choice is greedy: what a
package turns out to rule out is remembered and the choosing begins again; nothing else is taken back.
"""

import functools
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from reconciler.emulator import packages
from reconciler.emulator.packages import ARCHITECTURES, Index, Package

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
_LONGEST_VERSION = 256  # Python reads no number of more than 4,300 digits
_NO_VERSION: tuple[Rank, ...] = ((-1, 0, "", 0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageConstraint:
    """A name, and what the version of a package of that name must be; `version` is "" where any will do."""

    text: str
    name: str
    operator: str = ""
    version: str = ""

    def allows(self, version: str) -> bool:
        """Return whether a version will do; "" is a provided name without a version, which meets no comparison."""
        if not self.operator or not version:
            return not self.operator
        if self.operator == "=":
            return self.version.removesuffix("-r0") == version.removesuffix("-r0")
        if self.operator in ("~", "~=", "=~"):
            return _starts(version, self.version)
        return _COMPARISONS[self.operator](version_key(version), version_key(self.version))


@functools.lru_cache(maxsize=4096)
def constraint(text: str) -> PackageConstraint | None:
    """Return the constraint in a text; None for other texts, also with a pin (`a@local`), which cannot be met."""
    match = _CONSTRAINT.fullmatch(text)
    if match is None:
        return None
    return PackageConstraint(
        text=text, name=match["name"], operator=match["operator"] or "", version=match["version"] or ""
    )


@functools.lru_cache(maxsize=4096)
def version_key(version: str) -> tuple[Rank, ...]:
    """Return a sort key with apk's order; other texts come before all versions."""
    match = _VERSION.fullmatch(version)
    if match is None or len(version) > _LONGEST_VERSION:
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
    """Return whether a version begins with another: 1.2 begins 1.2.3 and 1.2-r4, and does not begin 1.20."""
    return re.match(re.escape(beginning) + r"(?![0-9])", version) is not None


class Unsolvable(Exception):  # noqa: N818 - a build's outcome, not an error of the program
    """No set of packages meets the constraints; the text is what the build log ends with."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """Constraint on the packages of a name, or their exclusion; `by` is the file that requires it."""

    asked: PackageConstraint
    excludes: bool = False
    by: str = ""

    def refuses(self, package: Package, version: str) -> bool:
        """Return whether a version of a package breaks the rule."""
        if self.excludes and self.by == _file(package.name, version):
            return False  # a conflict with a name of its own is one with the others of that name
        met = [self.asked.allows(each) for name, each in package.names(version) if name == self.asked.name]
        return bool(met) and any(met) is self.excludes

    def reason(self, package: Package, version: str) -> str:
        """Return how a version of a package breaks the rule."""
        if self.excludes:
            return f'{_file(package.name, version)} disqualified because {self.by} excludes "{self.asked.text}"'
        return f'{_file(package.name, version)} disqualified because "{version}" does not satisfy "{self.asked.text}"'


class _Again(Exception):  # noqa: N818 - a step of the search, not an error
    """A choice that was made breaks a rule found later: choose again with the rule known from the beginning."""

    def __init__(self, rule: _Rule) -> None:
        super().__init__()
        self.rule = rule


def solve(wanted: Iterable[str], index: Index | None = None, architecture: str = ARCHITECTURES[0]) -> dict[str, str]:
    """Return the exact version of every package that an image with these constraints gets, sorted by name."""
    index = index or packages.index()
    asked = [_read(text) for text in wanted]
    rules = [_Rule(each) for each in asked if each.operator]
    while True:  # ends: each round adds a rule that is not there yet, and packages have finitely many
        try:
            chosen = _Choice(index, architecture, asked, rules).made()
        except _Again as again:
            rules.append(again.rule)
            continue
        _check_files(chosen, index)
        return dict(sorted(chosen.items()))


class _Choice:
    """One round of choosing, under the rules that are known when it begins."""

    def __init__(self, index: Index, architecture: str, asked: list[PackageConstraint], rules: list[_Rule]) -> None:
        self._index = index
        self._architecture = architecture
        self._asked = asked
        self._named = {each.name for each in asked}
        self._rules = list(rules)
        self._chosen: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}  # what is chosen, by every name that it goes by
        self._interchangeable: set[str] = set()  # chosen for a name that others provide as well

    def made(self) -> dict[str, str]:
        """Return the version of each package; _Again when a rule is found too late, Unsolvable when nothing will do."""
        for item in self._asked:
            queue = [item]
            while queue:
                current = queue.pop(0)
                if not self._is_met(current):
                    queue.extend(self._add(current))
        return self._chosen

    def _is_met(self, item: PackageConstraint) -> bool:
        return any(item.allows(version) for version in self._names.get(item.name, ()))

    def _add(self, item: PackageConstraint) -> Iterator[PackageConstraint]:
        """Choose a package for a constraint; returns what that one needs."""
        package, version = self._pick(item)
        file = _file(package.name, version)
        self._check_provided(item, package, version)
        self._chosen[package.name] = version
        for name, known_as in package.names(version):
            self._names.setdefault(name, []).append(known_as)
        if package.name != item.name:
            self._interchangeable.add(package.name)
        needs = [_read(text) for text in package.needs]
        conflicts = [_read(text) for text in package.conflicts]
        self._learn(_Rule(each, by=file) for each in needs if each.operator)
        self._learn(_Rule(each, excludes=True, by=file) for each in conflicts)
        return iter(needs)

    def _pick(self, item: PackageConstraint) -> tuple[Package, str]:
        """Return the newest version that no rule refuses, of the likeliest package that goes by the name."""
        candidates = self._index.candidates(item.name, self._architecture)
        rules = (*self._rules, _Rule(item))
        ranked = sorted(candidates, key=lambda each: (each.name != item.name, each.name not in self._named))
        refused: list[str] = []
        culprit = ""
        for package in ranked:
            for version in package.versions:
                rule = next((each for each in rules if each.refuses(package, version)), None)
                if rule is None:
                    return package, version
                refused.append(rule.reason(package, version))
                culprit = culprit or (item.text if rule.excludes else rule.asked.text)
        raise Unsolvable(_unmet(culprit or item.text, refused) if refused else _missing(item.text))

    def _learn(self, rules: Iterable[_Rule]) -> None:
        for rule in rules:
            self._rules.append(rule)
            if any(rule.refuses(package, version) for package, version in self._packages()):
                raise _Again(rule)

    def _check_provided(self, item: PackageConstraint, package: Package, version: str) -> None:
        """Refuse a second package that provides a name which only one may provide."""
        for other, chosen in self._packages() if package.provides else ():
            shared = next((each for each in package.provides if each in other.provides), None)
            if shared and other.name in self._interchangeable and package.name == item.name:
                rival = PackageConstraint(text=other.name, name=other.name)
                raise _Again(_Rule(rival, excludes=True, by=_file(package.name, version)))
            if shared:
                raise Unsolvable(
                    f'solving "{item.text}" constraint: {_file(package.name, version)} disqualified because '
                    f"{_file(other.name, chosen)} already provides {shared}"
                )

    def _packages(self) -> Iterator[tuple[Package, str]]:
        return ((self._index.packages[name], version) for name, version in self._chosen.items())


def _read(text: str) -> PackageConstraint:
    asked = constraint(text)
    if asked is None:
        raise Unsolvable(_missing(text))
    return asked


def _check_files(chosen: dict[str, str], index: Index) -> None:
    for (first, second), path in index.shared_files.items():
        if first in chosen and second in chosen:
            raise Unsolvable(
                f"installing {second}: unable to install files for pkg {second}: "
                f'conflicting file "{path}" in "{second}" has different contents from "{first}"'
            )


def _file(name: str, version: str) -> str:
    return f"{name}-{version}.apk"


def _missing(text: str) -> str:
    return f'solving "{text}" constraint: could not find package that satisfies "{text}" in indexes'


def _unmet(text: str, refused: list[str]) -> str:
    reasons = "\n  ".join(refused)
    return f'solving "{text}" constraint: could not find package that satisfies "{text}":\n  {reasons}'
