"""What a build makes of an image and an overlay: the configuration, its lock, the result and the log.

Here belong the meaning of an overlay in apko's spelling and the outcome of a build, as functions of their inputs; when
builds happen belongs to `schedule.py`.
"""

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.emulator import catalogue, solver
from reconciler.emulator.images import APKO_VERSION, IMAGES, Image
from reconciler.emulator.index import APK_NAMES, Index

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a build ends: `locked` is "" when it fails; log lines get their time when they are read."""

    result: str
    config: str
    locked: str
    log: str
    warnings: tuple[str, ...]


class Unlockable(Exception):  # noqa: N818 - an outcome, not an error of the program
    """A configuration has no lock; `architecture` is the one that shows it, in apko's spelling."""

    def __init__(self, architecture: str, reason: str) -> None:
        super().__init__(reason)
        self.architecture = architecture


@functools.lru_cache(maxsize=4096)
def build(image: str, tag: str, overlay: str) -> Outcome:
    """Return the outcome of building one tag of an image with an overlay (stored form, as JSON text)."""
    settings: Json = json.loads(overlay) or {}
    config = apply(IMAGES[image].configuration(tag), settings)
    packages = tuple(config["contents"]["packages"])
    warnings = _warnings(settings, IMAGES[image], tag)
    start = _opening(image, tag, packages)
    try:
        chosen = solved(packages, tuple(config["archs"]))
    except Unlockable as problem:
        failure = f'ERROR failed to build image components: building "{problem.architecture}" layer: {problem}'
        log = "\n".join((*start, failure))
        return Outcome(result="Failure", config=_text(config), locked="", log=log, warnings=warnings)
    locked = {**config, "contents": {**config["contents"], "packages": lock(chosen)}}
    log = "\n".join((*start, *_installing(chosen), "INFO built image index for amd64, arm64"))
    return Outcome(result="Success", config=_text(config), locked=_text(locked), log=log, warnings=warnings)


def solved(packages: tuple[str, ...], architectures: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return the versions of all packages by apk's name of the architecture, or Unlockable with apko's reason.

    The one place that decides whether packages go together: a build fails for what is raised here, and so does a
    resolution.
    """
    index: Index = catalogue.index()
    chosen: dict[str, dict[str, str]] = {}
    for architecture in architectures:
        name = APK_NAMES.get(architecture, architecture)
        try:
            chosen[name] = solver.solve(packages, index, name)
        except solver.Unsolvable as reason:
            raise Unlockable(architecture, f"{_context(reason)}{reason}") from reason
        _check_versions(chosen, architecture)
    return chosen


def lock(chosen: dict[str, dict[str, str]]) -> list[str]:
    """Return the exact versions that a lock has: those of the packages that every architecture gets, by name."""
    first, *others = chosen.values()
    return [f"{name}={version}" for name, version in first.items() if all(name in other for other in others)]


def _check_versions(chosen: dict[str, dict[str, str]], architecture: str) -> None:
    """Refuse a package of which the architectures would get different versions: one lock holds for all of them."""
    *before, last = chosen.values()
    for earlier in before:
        name = next((each for each, version in last.items() if earlier.get(each, version) != version), None)
        if name:
            reason = f'unable to lock packages to a consistent version: {name} is "{earlier[name]}" and "{last[name]}"'
            raise Unlockable(architecture, reason)


def apply(base: Json, overlay: Json) -> Json:
    """Return a base configuration with an overlay laid over it: lists grow, maps merge, names replace."""
    contents = overlay.get("contents", {})
    accounts = overlay.get("accounts", {})
    result = {
        **base,
        "contents": _contents(base["contents"], contents),
        "environment": {**base["environment"], **overlay.get("environment", {})},
        "annotations": {**base["annotations"], **overlay.get("annotations", {})},
        "accounts": {
            "run-as": accounts.get("runAs") or base["accounts"]["run-as"],
            "users": _named(base["accounts"]["users"], map(_user, accounts.get("users", ())), "username"),
            "groups": _named(base["accounts"]["groups"], map(_group, accounts.get("groups", ())), "groupname"),
        },
    }
    certificates = _certificates(overlay.get("certificates", {}))
    return {**result, "certificates": certificates} if certificates else result


def _contents(base: Json, overlay: Json) -> Json:
    packages = [*base["packages"], *(each for each in overlay.get("packages", ()))]
    result = {**base, "packages": list(dict.fromkeys(packages))}
    if overlay.get("runtimeRepositories"):
        result["runtime_repositories"] = list(overlay["runtimeRepositories"])
    if overlay.get("runtimeKeyring"):
        result["runtime_keyring"] = [_pick(key, "name", "content") for key in overlay["runtimeKeyring"]]
    return result


def _named(base: list[Json], added: Iterable[Json], key: str) -> list[Json]:
    return list({item.get(key, ""): item for item in (*base, *added)}.values())


def _user(user: Json) -> Json:
    """Return a user as apko writes it: zero is left out, except for a group id that was given."""
    spelt = {"userName": "username", "uid": "uid", "gid": "gid", "shell": "shell", "homeDir": "homedir"}
    return {spelling: user[name] for name, spelling in spelt.items() if name in user}


def _group(group: Json) -> Json:
    spelt = {"groupName": "groupname", "gid": "gid", "members": "members"}
    return {spelling: group[name] for name, spelling in spelt.items() if name in group}


def _certificates(overlay: Json) -> Json:
    result: Json = {}
    if overlay.get("additional"):
        result["additional"] = [_pick(item, "name", "content") for item in overlay["additional"]]
    if overlay.get("providers"):
        result["providers"] = list(overlay["providers"])
    return result


def _pick(item: Json, *names: str) -> Json:
    return {name: item.get(name, "") for name in names}


def _text(config: Json) -> str:
    return json.dumps(config, separators=(",", ":"), sort_keys=True)


def _warnings(overlay: Json, image: Image, tag: str) -> tuple[str, ...]:
    added: list[str] = overlay.get("contents", {}).get("packages", [])
    base = image.packages(tag)
    twice = {name for name in added if added.count(name) > 1}
    return (
        *(f'package "{name}" is listed more than once' for name in sorted(twice)),
        *(f'package "{name}" is part of the base image already' for name in sorted(set(added) & set(base))),
    )


def _opening(image: str, tag: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    return (
        f"INFO apko {APKO_VERSION}: building {image}:{tag}",
        "INFO building images for 2 architectures: [amd64 arm64]",
        f"INFO resolving {len(packages)} packages",
    )


def _installing(chosen: dict[str, dict[str, str]]) -> list[str]:
    line: Callable[[str, str, str], str] = "INFO installing {} ({}) arch={}".format
    return [line(name, version, arch) for arch, versions in chosen.items() for name, version in versions.items()]


def _context(reason: solver.Unsolvable) -> str:
    solving = str(reason).startswith("solving")
    return "resolving apk packages: " if solving else "installing apk packages: "
