"""Packages as an organisation may install them: their versions, and the names that they answer to.

Whether they are what a manifest asks for is decided in `availability`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.constraints import Constraint, parse

# `cmd:curl`, `so:libssl.so.3`, `pc:zlib`: names that no package has, but only what packages provide.
KIND = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageVersion:
    """One version of a package; `provides` are names, perhaps with a version, that it answers to besides its own.

    No architectures means that they are not known.
    """

    name: str
    version: str
    architectures: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePage:
    """A part of the list of packages; `after` leads to the next part, and `total` counts all where that is known."""

    packages: tuple[PackageVersion, ...]
    after: str = ""
    total: int | None = None


def going_by(names: Iterable[str], packages: Iterable[PackageVersion]) -> Mapping[str, tuple[PackageVersion, ...]]:
    """For each name the packages that go by it, their own or a provided one, in the version that they have under it.

    That version is "" where a package provides the name without one.
    """
    found: dict[str, list[PackageVersion]] = {name: [] for name in names}
    for package in packages:
        if package.name in found:
            found[package.name].append(package)
        for text in package.provides:
            promise = parse(text) if text.partition("=")[0] in found else None
            if promise is not None:
                under = PackageVersion(name=package.name, version=promise.version, architectures=package.architectures)
                found[promise.name].append(under)
    return {name: tuple(dict.fromkeys(versions)) for name, versions in found.items()}


def known_names(packages: Iterable[PackageVersion], kinds: Iterable[str]) -> tuple[str, ...]:
    """The names that a mistyped one may stand for: those of packages, and what they provide of some kinds (`cmd:`)."""
    starts = tuple(kinds)
    found: set[str] = set()
    for package in packages:
        found.add(package.name)
        if starts:
            found.update(text.partition("=")[0] for text in package.provides if text.startswith(starts))
    return tuple(sorted(found))


def kind_of(name: str) -> str:
    """The kind of a name that is provided only, such as `cmd:`; empty for one that a package may have."""
    kind, mark, _ = name.partition(KIND)
    return kind + mark if mark else ""


def met(constraints: Iterable[Constraint], versions: Iterable[PackageVersion]) -> bool:
    """Whether each of the constraints is met by some version."""
    there = [one.version for one in versions]
    return all(any(constraint.allows(version) for version in there) for constraint in constraints)
