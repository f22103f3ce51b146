"""The packages that the emulated repositories offer, who provides a name, and what a client sees of them.

The table `data/packages.csv` has real Wolfi names, plausible versions and some dependencies.
"""

import base64
import csv
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from itertools import groupby

from reconciler.emulator import store, timestamps, uidp
from reconciler.emulator.messages import APK, SUMMARY
from reconciler.emulator.protojson import emit
from reconciler.emulator.query import ApiRequest, Orders, paginate
from reconciler.emulator.store import Json

ARCHITECTURES = ("x86_64", "aarch64")
APK_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}
"""apk's names of the architectures that apko calls otherwise."""
_ORDERS: Orders = {
    "uid": lambda item: str(item["id"]),
    "package_name": lambda item: str(item["packageName"]),
    "build_time": lambda item: timestamps.from_text(item["buildTime"]),
}
_SUMMARY_ORDERS: Orders = {name: _ORDERS[name] for name in ("package_name", "build_time")}
_BUILT = timestamps.from_text("2025-10-14T06:00:00Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package: its versions, newest first, and what is the same for all of them.

    `needs` and `conflicts` are constraints. `provides` are names that it alone may provide, and provides in its own
    version; `shared` are names that several packages may provide, which have no version. Nobody may use a package that
    is not `entitled`.
    """

    name: str
    versions: tuple[str, ...]
    needs: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ARCHITECTURES
    origin: str = ""
    entitled: bool = True

    def names(self, version: str) -> Iterator[tuple[str, str]]:
        """Yield the names that one version goes by, each with the version that it has under that name."""
        yield self.name, version
        yield from ((name, version) for name in self.provides)
        yield from ((name, "") for name in self.shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The packages by name, and pairs that ship one file with different contents."""

    packages: Mapping[str, Package]
    shared_files: Mapping[tuple[str, str], str] = field(default_factory=dict)
    _providers: dict[str, list[Package]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Note once who provides what: it is asked for every package of every build."""
        for name in sorted(self.packages, reverse=True):
            package = self.packages[name]
            for provided in (*package.provides, *package.shared):
                self._providers.setdefault(provided, []).append(package)

    def candidates(self, name: str, architecture: str) -> tuple[Package, ...]:
        """Return the packages that go by a name on an architecture: the one of that name, then the newest first."""
        own = self.packages.get(name)
        found = (*((own,) if own else ()), *self._providers.get(name, ()))
        return tuple(each for each in found if architecture in each.architectures)


# Two packages that ship the same file with different contents, so that installing both fails.


@functools.cache
def all_packages() -> dict[str, Package]:
    """Return all packages by name, those included that nobody may use."""
    return {row["name"]: _package(row) for row in _table()}


@functools.cache
def index() -> Index:
    """Return what an organization may use."""
    owners: dict[str, list[str]] = {}
    for row in _table():
        if row["file"]:
            owners.setdefault(row["file"], []).append(row["name"])
    shared = {(first, second): path for path, (first, second) in owners.items()}
    return Index(packages={name: each for name, each in all_packages().items() if each.entitled}, shared_files=shared)


@functools.cache
def _table() -> list[dict[str, str]]:
    text = (resources.files("reconciler.emulator") / "data" / "packages.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _package(row: dict[str, str]) -> Package:
    return Package(
        name=row["name"],
        versions=tuple(row["versions"].split()),
        needs=tuple(row["needs"].split()),
        provides=tuple(row["provides"].split()),
        shared=tuple(row["shared"].split()),
        conflicts=tuple(row["conflicts"].split()),
        architectures=tuple(row["architectures"].split()) or ARCHITECTURES,
        origin=row["origin"] or row["name"],
        entitled=row["entitled"] == "yes",
    )


def list_packages(request: ApiRequest) -> Json:
    """Answer the packages that the filters ask for, one for each version and architecture; in pages only if asked."""
    query = request.query
    found = _found(request)
    name = query.text("packageName")
    latest = query.flag("mostRecentlyUpdated")
    chosen = [each for each in found if name in ("", each["packageName"]) and (each["latest"] or not latest)]
    page = paginate(query, chosen, _ORDERS, request.now, optional=True)
    return {"items": [emit(APK, item) for item in page.items], **page.extra}


def list_summaries(request: ApiRequest) -> Json:
    """Answer a page of the names that the filters ask for, each with its latest version."""
    prefix = request.query.text("query")
    found = sorted(
        (each for each in _found(request) if each["latest"] and each["packageName"].startswith(prefix)),
        key=lambda each: str(each["packageName"]),
    )
    summaries = [_summary(name, list(items)) for name, items in groupby(found, key=lambda each: each["packageName"])]
    page = paginate(request.query, summaries, _SUMMARY_ORDERS, request.now)
    return {"items": [emit(SUMMARY, item) for item in page.items], **page.extra}


def _found(request: ApiRequest) -> list[Json]:
    """Return what both lists begin with: the filters by id, architecture and origin."""
    chosen = request.selection("apk.list")
    architecture = request.query.text("architecture")
    origin = request.query.text("origin")
    with request.state.reading() as db:
        roots = [group["id"] for group in store.groups(db) if "/" not in group["id"]]
    return [
        item
        for root in roots
        for item in _packages(root)
        if chosen.matches(item["id"]) and architecture in ("", item["architecture"]) and origin in ("", item["origin"])
    ]


@functools.lru_cache(maxsize=8)
def _packages(root: str) -> tuple[Json, ...]:
    """Return all packages of an organization in stored form; `latest` marks the newest of a name."""
    return tuple(
        _stored(root, package, position, architecture)
        for package in index().packages.values()
        for position in range(len(package.versions))
        for architecture in package.architectures
    )


def _stored(root: str, package: Package, position: int, architecture: str) -> Json:
    """Return one version of a package on one architecture; older versions were built weeks before."""
    version = package.versions[position]
    age = position * 21 + 14 * uidp.draw("built", package.name, version)
    size = int(20_000 + 4_000_000 * uidp.draw("size", package.name, version, architecture))
    digest = uidp.digest(package.name, version, architecture)
    return {
        "id": uidp.of_child(root, "apk", package.name, version, architecture),
        "repoCommit": digest[:40],
        "checksum": base64.b64encode(bytes.fromhex(digest[:40])).decode(),
        "packageName": package.name,
        "version": version,
        "architecture": architecture,
        "size": str(size),
        "installedSize": str(3 * size),
        "description": f"{package.origin} for Wolfi",
        "license": "Apache-2.0",
        "origin": package.origin,
        "buildTime": timestamps.to_text(_BUILT - int(age * timestamps.DAY)),
        "depend": [*package.needs, *(f"!{each}" for each in package.conflicts)],
        "provides": [*(f"{each}={version}" for each in package.provides), *package.shared],
        "latest": position == 0,
    }


def _summary(name: str, items: list[Json]) -> Json:
    architectures = sorted({item["architecture"] for item in items})
    newest = items[0]
    return {**newest, "id": name, "latestVersion": newest["version"], "architectures": ", ".join(architectures)}
