"""Snapshots of live state: what planning needs, with the package index and the latest builds.

Line by line: the header, then `{"repository": …}`, `{"package": …}` and `{"build": …}`. Version 4 has the overlays of
the organization, the last two kinds of lines, and in the header `salt`, the key of the hashes in the place of values,
and `packages`: whether the index has `all` versions of each package or the `latest`; without it there is no index.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from reconciler.core.bindings import NOT_READ, Binding, Bindings, UnknownBindings
from reconciler.core.builds import Build, BuildConfig, PackageConfig, Recipe, Result
from reconciler.core.diff import Field, Item
from reconciler.core.overlay import Json, Overlay, package_name
from reconciler.core.packages import PackageVersion
from reconciler.core.state import Live, LiveOverlay, LiveRepository, Organization, Overlays, Unreadable
from reconciler.planfile import errors
from reconciler.planfile.errors import Malformed
from reconciler.planfile.format import FileKind, read_file, sealed, time_of, time_text, write_private
from reconciler.planfile.overlays import STRICT, encode_overlay, list_of, overlay_from, understood
from reconciler.planfile.steps import as_fields, decode_selector, known_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageIndex:
    """The packages that an organization may install; `whole` is False if only their latest versions are known."""

    packages: tuple[PackageVersion, ...]
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Live state with the place and time of reading; `api` and `created` are as in a saved plan.

    `index` is None if it was not read. `builds` are the latest of each configuration of a repository, as far as they
    tell what images are made from.
    """

    live: Live
    api: str
    tool_version: str
    created: float
    index: PackageIndex | None = None
    builds: tuple[Build, ...] = ()


_SNAPSHOTS = TypeAdapter(list[Snapshot], config=STRICT)


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot; raises `PlanFileError`."""
    write_private(path, snapshot_lines(snapshot))


def snapshot_lines(snapshot: Snapshot) -> Iterator[bytes]:
    """Return the lines of the file of a snapshot."""
    header = {
        "tool_version": snapshot.tool_version,
        "created": time_text(snapshot.created),
        "api": snapshot.api,
        "organization": as_fields(snapshot.live.organization),
        **encode_bindings(snapshot.live.bindings),
        **_encode_overlays(snapshot.live),
        **({"salt": snapshot.live.salt} if snapshot.live.salt else {}),
        **({} if snapshot.index is None else {"packages": "all" if snapshot.index.whole else "latest"}),
    }
    return sealed(FileKind.SNAPSHOT, header, _items(snapshot))


def _items(snapshot: Snapshot) -> Iterator[Json]:
    for repository in sorted(snapshot.live.repositories, key=lambda one: one.id):
        yield {"repository": _encode_repository(repository)}
    for package in snapshot.index.packages if snapshot.index is not None else ():
        yield {"package": as_fields(package)}
    for build in snapshot.builds:
        yield {"build": _encode_build(build)}


def load_snapshot(path: Path, data: bytes | None = None) -> Snapshot:
    """Read a snapshot; raises `PlanFileError` unless it is unchanged. `data` is as in `load_plan`."""
    header, items = read_file(path, FileKind.SNAPSHOT, data)
    try:
        with understood():
            return _decode_snapshot(header, items)
    except Malformed as problem:
        raise errors.malformed(path, FileKind.SNAPSHOT, str(problem)) from None


def _decode_snapshot(header: Json, items: Iterable[Json]) -> Snapshot:
    organization = Organization(**known_fields(Organization, header["organization"]))
    repositories: list[LiveRepository] = []
    packages: list[PackageVersion] = []
    builds: list[Build] = []
    for item in items:
        if "package" in item:
            packages.append(_package(item["package"]))
        elif "build" in item:
            builds.append(_build(item["build"]))
        else:
            repositories.append(_repository(item["repository"]))
    versions = header.get("packages")
    snapshot = Snapshot(
        live=Live(
            organization=organization,
            repositories=tuple(repositories),
            bindings=bindings_from(header.get("bindings")),
            overlays=_overlays(header.get("overlays")),
            folders=tuple((one["path"], one["id"]) for one in list_of(header, "folders")),
            salt=header.get("salt", ""),
        ),
        api=header["api"],
        tool_version=header["tool_version"],
        created=time_of(header["created"]),
        index=None if versions is None else PackageIndex(packages=tuple(packages), whole=versions == "all"),
        builds=tuple(builds),
    )
    return _SNAPSHOTS.validate_python([snapshot])[0]


def _package(item: Mapping[str, Any]) -> PackageVersion:
    names = {name: tuple(list_of(item, name, str)) for name in ("architectures", "provides")}
    return PackageVersion(**known_fields(PackageVersion, item) | names)


def _encode_build(build: Build) -> Json:
    """Return the JSON of a build: its packages and architectures, as the addresses of repositories may be secret."""
    recipe = build.recipe or Recipe(config=PackageConfig())
    return {
        "id": build.id,
        "started": build.started,
        "result": build.result,
        "packages": recipe.config.packages,
        "archs": recipe.config.archs,
        "locked": recipe.locked,
    }


def _build(item: Mapping[str, Any]) -> Build:
    config = PackageConfig(packages=tuple(list_of(item, "packages", str)), archs=tuple(list_of(item, "archs", str)))
    entries = frozenset(Item(Field.PACKAGES, package_name(spec), spec) for spec in config.packages)
    return Build(
        id=item["id"],
        repository_id=item["id"].rpartition("/")[0],
        started=item["started"],
        ended=None,
        result=Result(item["result"]),
        config=BuildConfig(entries=entries, parts=frozenset({Field.PACKAGES})),
        recipe=Recipe(config=config, locked=tuple(list_of(item, "locked", str))),
    )


def encode_bindings(bindings: Bindings) -> Json:
    """Return the JSON of bindings: a list if read, an object with the reason if unknown, nothing if not requested."""
    if bindings == NOT_READ:
        return {}
    if isinstance(bindings, UnknownBindings):
        return {"bindings": as_fields(bindings)}
    return {"bindings": [{**as_fields(one), "selector": as_fields(one.selector)} for one in bindings]}


def bindings_from(item: Any) -> Bindings:
    """Return the bindings of a file; one of an earlier version has none."""
    if item is None:
        return NOT_READ
    if isinstance(item, dict):
        return UnknownBindings(**known_fields(UnknownBindings, item))
    return tuple(_binding(one) for one in list_of({"bindings": item}, "bindings"))


def _binding(item: Mapping[str, Any]) -> Binding:
    return Binding(**known_fields(Binding, item) | {"selector": decode_selector(item["selector"])})


def _encode_overlays(live: Live) -> Json:
    """Return the overlays that were read as a list, else an object with the reason; nothing if they were not read."""
    if live.overlays == NOT_READ:
        return {}
    folders = {"folders": [{"path": path, "id": id_} for path, id_ in live.folders]}
    if isinstance(live.overlays, UnknownBindings):
        return {"overlays": as_fields(live.overlays), **folders}
    return {"overlays": [_encode_content(one, {"id": one.id, "name": one.name}) for one in live.overlays], **folders}


def _overlays(item: Any) -> Overlays:
    """Return what a file says of overlays; one of an earlier version says nothing."""
    if item is None:
        return NOT_READ
    if isinstance(item, dict):
        return UnknownBindings(**known_fields(UnknownBindings, item))
    found = list_of({"overlays": item}, "overlays")
    return tuple(LiveOverlay(id=one["id"], name=one["name"], overlay=_content(one)) for one in found)


def _encode_content(thing: LiveRepository | LiveOverlay, about: Json) -> Json:
    overlay = thing.overlay
    if isinstance(overlay, Unreadable):
        return {**about, "unreadable": overlay.problem, **({"hint": overlay.hint} if overlay.hint else {})}
    return {**about, **encode_overlay(overlay, sealed=True)}


def _content(item: Mapping[str, Any]) -> Overlay | Unreadable:
    unreadable = item.get("unreadable")
    return overlay_from(item) if unreadable is None else Unreadable(problem=unreadable, hint=item.get("hint", ""))


def _encode_repository(repository: LiveRepository) -> Json:
    about = {
        "id": repository.id,
        "name": repository.name,
        "folder": repository.folder,
        "active_tags": repository.active_tags,
        **({} if repository.synced_from is None else {"synced_from": repository.synced_from}),
    }
    return _encode_content(repository, about)


def _repository(item: Mapping[str, Any]) -> LiveRepository:
    return LiveRepository(
        id=item["id"],
        name=item["name"],
        folder=item["folder"],
        overlay=_content(item),
        active_tags=tuple(list_of(item, "active_tags", str)),
        synced_from=item.get("synced_from"),
    )
