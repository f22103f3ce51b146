"""Packages and their versions: apk's order of versions, constraints, and the names that a list of packages has."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from reconciler.core.overlay import package_spec

_SPEC = re.compile(
    r"(?P<name>[^=<>~@]+)(?:(?P<operator>>=|<=|~=|=~|[=<>~])(?P<version>[^=<>~@]+(?:~[0-9a-f]+(?:-r\d+)?)?))?(?:@(?P<tag>[^@]+))?"
)
_VERSION = re.compile(r"\d+(?:\.\d+)*[a-z]?(?:_[a-z]+\d*)*(?:~[0-9a-f]+)?(?:-r\d+)?")
_PIECE = re.compile(
    r"(?P<number>(?:^|\.)\d+)|_(?P<suffix>[a-z]+)(?P<count>\d*)|(?P<letter>[a-z])|~(?P<commit>[0-9a-f]+)|-r(?P<revision>\d+)"
)

# Suffixes that sort before the plain version, and those after it, each in order.
_BEFORE = ("alpha", "beta", "pre", "rc")
_AFTER = ("cvs", "svn", "git", "hg", "p")

# If two versions differ in the kind of the next piece, the kind decides: 1.2_rc1 < 1.2 < 1.2-r1 < 1.2_p1 < 1.2a < 1.2.1
_SUFFIX_BEFORE, _END, _REVISION, _COMMIT, _SUFFIX_AFTER, _LETTER, _NUMBER = range(7)

Piece = tuple[int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One package specification; `operator` and `version` are empty for any version, `tag` is empty for none."""

    text: str
    name: str
    operator: str = ""
    version: str = ""
    tag: str = ""

    def allows(self, version: str) -> bool:
        """Return whether a version of the package satisfies the constraint."""
        match self.operator:
            case "":
                return True
            case "=":
                return _equal(version, self.version)
            case "~" | "~=" | "=~":
                return _begins(version, self.version)
            case _:
                return _ordered(self.operator, version_key(version), version_key(self.version))


@lru_cache(maxsize=4096)
def parse_constraint(text: str) -> Constraint | None:
    """Return the constraint of a specification; None if it is malformed."""
    match = _SPEC.fullmatch(package_spec(text))
    if match is None:
        return None
    return Constraint(
        text=text,
        name=match["name"],
        operator=match["operator"] or "",
        version=match["version"] or "",
        tag=match["tag"] or "",
    )


@lru_cache(maxsize=4096)
def version_key(version: str) -> tuple[Piece, ...]:
    """Return a sort key in apk's order of versions; malformed versions come first, ordered as text."""
    if _VERSION.fullmatch(version) is None:
        return ((-1, 0, version),)
    return (*_pieces(version), (_END, 0, ""))


def _pieces(version: str) -> tuple[Piece, ...]:
    return tuple(_piece(match) for match in _PIECE.finditer(version))


def _piece(match: re.Match[str]) -> Piece:
    if match["number"]:
        digits = match["number"].removeprefix(".")
        # A later number with a leading zero is a fraction: 1.05 < 1.5 < 1.10.
        fraction = match["number"] != digits and digits.startswith("0")
        return (_NUMBER, -1, digits) if fraction else (_NUMBER, *_number(digits))
    if match["suffix"]:
        return _suffix(match["suffix"], match["count"])
    if match["letter"]:
        return _LETTER, 0, match["letter"]
    if match["commit"]:
        return _COMMIT, 0, match["commit"]
    return _REVISION, *_number(match["revision"])


def _number(digits: str) -> tuple[int, str]:
    """Return a sort key for a whole number of any length, by length and digits."""
    significant = digits.lstrip("0")
    return len(significant), significant


def _suffix(word: str, digits: str) -> Piece:
    length, count = _number(digits)
    ordered = f"{length:020} {count}"
    if word in _BEFORE:
        return _SUFFIX_BEFORE, _BEFORE.index(word), ordered
    return _SUFFIX_AFTER, _AFTER.index(word) if word in _AFTER else len(_AFTER), ordered


def _equal(version: str, wanted: str) -> bool:
    # Without a revision r0 is meant: apko treats 1.2 and 1.2-r0 as the same version.
    return version.removesuffix("-r0") == wanted.removesuffix("-r0")


def _begins(version: str, wanted: str) -> bool:
    """Return whether a version begins with the wanted one, component by component: `1.2` allows 1.2.3, not 1.20."""
    if _VERSION.fullmatch(wanted) is None or _VERSION.fullmatch(version) is None:
        return version == wanted
    asked = _pieces(wanted)
    return _pieces(version)[: len(asked)] == asked


def _ordered(operator: str, left: tuple[Piece, ...], right: tuple[Piece, ...]) -> bool:
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator]


# `cmd:curl`, `so:libssl.so.3`, `pc:zlib`: virtual names, which packages only provide.
KIND = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageVersion:
    """One version of a package; `provides` are its further names, possibly with a version.

    Empty architectures are unknown.
    """

    name: str
    version: str
    architectures: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePage:
    """A page of the package list; `after` is the next page, and `total` counts all if known."""

    packages: tuple[PackageVersion, ...]
    after: str = ""
    total: int | None = None


def join_architectures(packages: Iterable[PackageVersion]) -> tuple[PackageVersion, ...]:
    """Return each version of a package once, with all its architectures, ordered by name and version."""
    found: dict[tuple[str, str], list[PackageVersion]] = {}
    for one in packages:
        found.setdefault((one.name, one.version), []).append(one)
    return tuple(
        PackageVersion(
            name=name,
            version=version,
            architectures=tuple(sorted({arch for one in several for arch in one.architectures})),
            provides=tuple(sorted({text for one in several for text in one.provides})),
        )
        for (name, version), several in sorted(found.items())
    )


def versions_by_name(
    names: Iterable[str], packages: Iterable[PackageVersion]
) -> Mapping[str, tuple[PackageVersion, ...]]:
    """Return the packages by own or provided name, each in its version under that name.

    The version is "" if a package provides the name without one.
    """
    found: dict[str, list[PackageVersion]] = {name: [] for name in names}
    for package in packages:
        if package.name in found:
            found[package.name].append(package)
        for text in package.provides:
            provided = parse_constraint(text) if text.partition("=")[0] in found else None
            if provided is not None:
                under = PackageVersion(name=package.name, version=provided.version, architectures=package.architectures)
                found[provided.name].append(under)
    return {name: tuple(dict.fromkeys(versions)) for name, versions in found.items()}


def known_names(packages: Iterable[PackageVersion], kinds: Iterable[str]) -> tuple[str, ...]:
    """Return candidates for a mistyped name: package names, and provided names of some kinds (`cmd:`)."""
    starts = tuple(kinds)
    found: set[str] = set()
    for package in packages:
        found.add(package.name)
        if starts:
            found.update(text.partition("=")[0] for text in package.provides if text.startswith(starts))
    return tuple(sorted(found))


def listed_names(packages: Iterable[PackageVersion]) -> frozenset[str]:
    """Return every own and provided name of packages."""
    found: set[str] = set()
    for package in packages:
        found.add(package.name)
        found.update(text.partition("=")[0] for text in package.provides)
    return frozenset(found)


def kind_of(name: str) -> str:
    """Return the kind of a virtual name, such as `cmd:`; empty for a name that a package may have."""
    kind, mark, _ = name.partition(KIND)
    return kind + mark if mark else ""


def constraints_met(constraints: Iterable[Constraint], versions: Iterable[PackageVersion]) -> bool:
    """Return whether each of the constraints is satisfied by some version."""
    there = [one.version for one in versions]
    return all(any(constraint.allows(version) for version in there) for constraint in constraints)
