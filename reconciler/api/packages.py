"""From JSON to core values: packages, their summaries, and the answer to a question of resolution."""

from reconciler.api import wire
from reconciler.core.packages import PackageVersion

Json = dict[str, object]


def package_from_wire(item: Json) -> PackageVersion:
    """One version of a package on one architecture; raises `Malformed` where its name cannot be read."""
    architecture = wire.text(item.get("architecture"), "architecture")
    return PackageVersion(
        name=wire.name(item.get("packageName"), "packageName"),
        version=wire.text(item.get("version"), "version"),
        architectures=(architecture,) if architecture else (),
        provides=tuple(wire.texts(item.get("provides"), "provides")),
    )


def summary_from_wire(item: Json) -> PackageVersion:
    """A package with its latest version."""
    architectures = wire.text(item.get("architectures"), "architectures")
    return PackageVersion(
        name=wire.name(item.get("packageName"), "packageName"),
        version=wire.text(item.get("latestVersion"), "latestVersion"),
        architectures=tuple(sorted(one.strip() for one in architectures.split(",") if one.strip())),
    )


def locked_from_wire(document: Json) -> tuple[str, ...]:
    """The exact packages of a resolved configuration; raises `Malformed`, also where there are none."""
    contents = wire.mapping(document.get("contents"), "contents")
    packages = tuple(wire.texts(contents.get("packages"), "contents.packages"))
    if not packages:
        raise wire.Malformed("contents.packages", None, "a list of packages")
    return packages


def total_of(document: Json) -> int | None:
    """How many items there are in all pages; None where the answer does not tell, for which 0 is written as well."""
    total = document.get("totalCount")
    # 64-bit numbers come as texts.
    if isinstance(total, str) and total.isascii() and total.isdigit():
        return int(total[:18]) or None
    return total or None if type(total) is int else None
