"""Choosing package versions for an image, as apko does before it installs anything.

Here belong constraints, versions and the reasons for which no choice exists, worded as apko words them. The packages
themselves are data in `catalogue.py`.
"""

import re
from dataclasses import dataclass

from reconciler.emulator import catalogue

_CONSTRAINT = re.compile(r"(?P<name>[^=~<>@!]+)(?:(?P<operator>>=|<=|=|~=?|>|<)(?P<version>[^@]+))?(?P<pin>@.+)?")


class Unsolvable(Exception):  # noqa: N818 - a build's outcome, not an error of the program
    """No set of packages meets the constraints; the text is what the build log ends with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One line of `contents.packages`: a name, and what its version must be."""

    text: str
    name: str
    operator: str
    version: str

    def allows(self, version: str) -> bool:
        """Say whether a version of the package will do."""
        match self.operator:
            case "":
                return True
            case "~" | "~=":
                return re.match(re.escape(self.version) + r"(?![0-9])", version) is not None
            case "=":
                return self.version in (version, version.rpartition("-r")[0])
            case _:
                return _ordered(self.operator, version_key(version), version_key(self.version))


def constraint(text: str) -> Constraint:
    """Return a constraint; one that pins a repository nobody has, or is no constraint, cannot be met."""
    match = _CONSTRAINT.fullmatch(text)
    if match is None or match["pin"]:
        raise Unsolvable(_missing(text))
    return Constraint(text=text, name=match["name"], operator=match["operator"] or "", version=match["version"] or "")


def version_key(version: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key for an apk version: its numbers and words, one after another."""
    words = re.findall(r"\d+|[a-z]+", version)
    return tuple((int(word), "") if word.isdigit() else (-1, word) for word in words)


def solve(wanted: tuple[str, ...]) -> dict[str, str]:
    """Return the exact version of every package that an image with these constraints gets, sorted by name."""
    constraints = [constraint(text) for text in wanted]
    chosen: dict[str, str] = {}
    for item in constraints:
        _choose(item, constraints, chosen)
    _check_files(chosen)
    return dict(sorted(chosen.items()))


def _choose(item: Constraint, constraints: list[Constraint], chosen: dict[str, str]) -> None:
    """Add the package that a constraint asks for, then what that one needs."""
    queue = [item]
    while queue:
        current = queue.pop(0)
        name = _package_for(current, chosen)
        if name in chosen:
            continue
        package = catalogue.packages()[name]
        chosen[name] = _version(package, current, [c for c in constraints if c.name == name])
        _check_provided(current, package, chosen)
        queue.extend(Constraint(text=need, name=need, operator="", version="") for need in package.needs)


def _package_for(item: Constraint, chosen: dict[str, str]) -> str:
    if item.name in catalogue.packages():
        return item.name
    candidates = catalogue.providers(item.name)
    for name in (*(name for name in candidates if name in chosen), *candidates):
        if any(item.allows(version) for version in catalogue.packages()[name].versions):
            return name
    raise Unsolvable(_missing(item.text))


def _version(package: catalogue.Package, item: Constraint, constraints: list[Constraint]) -> str:
    for version in package.versions:
        if all(each.allows(version) for each in constraints):
            return version
    culprit = next((each for each in constraints if each.operator), item)
    refused = "\n  ".join(
        f'{package.name}-{version}.apk disqualified because "{version}" does not satisfy "{culprit.text}"'
        for version in package.versions
    )
    raise Unsolvable(
        f'solving "{culprit.text}" constraint: could not find package that satisfies "{culprit.text}":\n  {refused}'
    )


def _check_provided(item: Constraint, package: catalogue.Package, chosen: dict[str, str]) -> None:
    """Refuse a second package that provides a name which only one may provide."""
    if not package.provides:
        return
    for name, version in chosen.items():
        other = catalogue.packages()[name]
        shared = next((each for each in package.provides if each in other.provides), None)
        if shared and name != package.name:
            raise Unsolvable(
                f'solving "{item.text}" constraint: {package.name}-{chosen[package.name]}.apk disqualified because '
                f"{name}-{version}.apk already provides {shared}"
            )


def _check_files(chosen: dict[str, str]) -> None:
    for (first, second), path in catalogue.SHARED_FILES.items():
        if first in chosen and second in chosen:
            raise Unsolvable(
                f"installing {second}: unable to install files for pkg {second}: "
                f'conflicting file "{path}" in "{second}" has different contents from "{first}"'
            )


def _ordered(operator: str, left: object, right: object) -> bool:
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator]


def _missing(text: str) -> str:
    return f'solving "{text}" constraint: could not find package that satisfies "{text}" in indexes'
