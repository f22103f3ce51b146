"""The packages that an organisation may use, and locking a configuration with them. Nothing here changes anything.

Here belongs what a client sees of packages; which there are is said in `catalogue.py`, what goes together is decided
in `apko.py`.
"""

import base64
import functools
from itertools import groupby

from reconciler.emulator import instants, paging, protojson, records, uidp
from reconciler.emulator.calls.context import Context
from reconciler.emulator.errors import ApiError, Code, invalid, not_found
from reconciler.emulator.index import Package
from reconciler.emulator.messages_apk import APK, CONFIG, RESOLVE, SUMMARY
from reconciler.emulator.protojson import emit
from reconciler.emulator.records import Json

_ORDERS: paging.Orders = {
    "uid": lambda item: str(item["id"]),
    "package_name": lambda item: str(item["packageName"]),
    "build_time": lambda item: instants.from_text(item["buildTime"]),
}
_SUMMARY_ORDERS: paging.Orders = {name: _ORDERS[name] for name in ("package_name", "build_time")}
_BUILT = instants.from_text("2025-10-14T06:00:00Z")
_ALL = ("amd64", "arm64")


def list_packages(context: Context) -> Json:
    """Answer the packages that the filters ask for, one for each version and architecture; in pages only if asked."""
    query = context.query
    found = _found(context)
    name = query.text("packageName")
    latest = query.flag("mostRecentlyUpdated")
    chosen = [each for each in found if name in ("", each["packageName"]) and (each["latest"] or not latest)]
    page = paging.page(query, chosen, _ORDERS, context.now, optional=True)
    return {"items": [emit(APK, item) for item in page.items], **page.beside}


def list_summaries(context: Context) -> Json:
    """Answer a page of the names that the filters ask for, each with its latest version."""
    prefix = context.query.text("query")
    found = sorted(
        (each for each in _found(context) if each["latest"] and each["packageName"].startswith(prefix)),
        key=lambda each: str(each["packageName"]),
    )
    summaries = [_summary(name, list(items)) for name, items in groupby(found, key=lambda each: each["packageName"])]
    page = paging.page(context.query, summaries, _SUMMARY_ORDERS, context.now)
    return {"items": [emit(SUMMARY, item) for item in page.items], **page.beside}


def resolve(context: Context) -> Json:
    """Answer a configuration with exact versions in the place of its packages, or refuse it as a build would fail."""
    from reconciler.emulator import apko  # the catalogue of packages: other calls can do without

    identifier = context.uidp()
    context.caller.demand("apk.list", identifier)
    config = protojson.accept(RESOLVE, protojson.parse(context.body), "resolve").get("config")
    with context.state.reading() as db:
        if records.repo(db, identifier) is None:
            raise not_found(f"repository {identifier} not found")
    if config is None:
        raise invalid("config: must be set")
    contents = config.get("contents", {})
    try:
        chosen = apko.solved(tuple(contents.get("packages", ())), tuple(config.get("archs", _ALL)))
    except apko.Unlockable as problem:
        raise ApiError(
            Code.FAILED_PRECONDITION, f'locking config for arch "{problem.architecture}": {problem}'
        ) from problem
    answer: Json = emit(CONFIG, {**config, "contents": {**contents, "packages": apko.lock(chosen)}})
    return answer


def _found(context: Context) -> list[Json]:
    """Return what both lists begin with: the filters by id, architecture and origin."""
    chosen = context.selection("apk.list")
    architecture = context.query.text("architecture")
    origin = context.query.text("origin")
    with context.state.reading() as db:
        roots = [group["id"] for group in records.groups(db) if "/" not in group["id"]]
    return [
        item
        for root in roots
        for item in _packages(root)
        if chosen.matches(item["id"]) and architecture in ("", item["architecture"]) and origin in ("", item["origin"])
    ]


@functools.lru_cache(maxsize=8)
def _packages(root: str) -> tuple[Json, ...]:
    """Return all packages of an organisation in stored form; `latest` marks the newest of a name."""
    from reconciler.emulator import catalogue

    return tuple(
        _stored(root, package, position, architecture)
        for package in catalogue.index().packages.values()
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
        "buildTime": instants.to_text(_BUILT - int(age * instants.DAY)),
        "depend": [*package.needs, *(f"!{each}" for each in package.conflicts)],
        "provides": [*(f"{each}={version}" for each in package.provides), *package.shared],
        "latest": position == 0,
    }


def _summary(name: str, items: list[Json]) -> Json:
    architectures = sorted({item["architecture"] for item in items})
    newest = items[0]
    return {**newest, "id": name, "latestVersion": newest["version"], "architectures": ", ".join(architectures)}
