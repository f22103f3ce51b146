"""Builds of an image with an overlay: the configuration, its lock, the result and the log."""

import functools
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from reconciler.emulator import overlay_rules, packages, protojson, solver, store, uidp
from reconciler.emulator.errors import RpcCode, RpcError, invalid
from reconciler.emulator.messages import CONFIG, RESOLVE
from reconciler.emulator.packages import APK_NAMES
from reconciler.emulator.protojson import emit
from reconciler.emulator.query import ApiRequest
from reconciler.emulator.store import Json, Repo

APKO_VERSION = "v0.30.21"
CATALOG_ROOT = uidp.of_root("catalogue")
_COMMON = ("ca-certificates-bundle", "glibc-locale-posix", "tzdata", "wolfi-baselayout")
_DEV = ("apk-tools", "bash", "busybox", "git", "openssl", "wolfi-keys")
_ALL_ARCHITECTURES = ("amd64", "arm64")
_TEMPLATE = re.compile(r"\{\{(?:major|minor)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image of the catalog; `streams` names each version stream and its main package, the newest first."""

    name: str
    title: str
    tier: str
    streams: tuple[tuple[str, str], ...]
    extras: tuple[str, ...] = ()
    entrypoint: str
    environment: tuple[tuple[str, str], ...] = ()
    user: tuple[str, int] = ("nonroot", 65532)

    @property
    def source(self) -> str:
        """Return the id of the catalog repository that customers' repositories sync from."""
        return uidp.of_child(CATALOG_ROOT, self.name)

    @property
    def tags(self) -> tuple[str, ...]:
        """Return the active tags, two for each stream."""
        streams = ("latest", *(stream for stream, _ in self.streams if stream != "latest"))
        return tuple(name for stream in streams for name in (stream, f"{stream}-dev"))

    def main(self, tag: str) -> str:
        """Return the main package of one tag, "" where it has none."""
        return dict(self.streams).get(tag.removesuffix("-dev"), self.streams[0][1])

    def packages(self, tag: str) -> tuple[str, ...]:
        """Return the packages of the base configuration of one tag; `-dev` tags have tools besides."""
        main = self.main(tag)
        mains = (main,) if main else ()
        return tuple(sorted({*_COMMON, *mains, *self.extras, *(_DEV if tag.endswith("-dev") else ())}))

    def configuration(self, tag: str) -> dict[str, Any]:
        """Return the base configuration of one tag in apko's own JSON spelling."""
        user, number = self.user
        return {
            "contents": {
                "repositories": ["https://apk.example.com/os"],
                "keyring": ["https://apk.example.com/os/signing.rsa.pub"],
                "packages": list(self.packages(tag)),
            },
            "entrypoint": {"command": self.entrypoint},
            "work-dir": "/app" if self.name != "base" else "/",
            "accounts": {
                "run-as": str(number),
                "users": [{"username": user, "uid": number, "gid": number, "shell": "/bin/sh"}],
                "groups": [{"groupname": user, "gid": number}],
            },
            "archs": ["amd64", "arm64"],
            "environment": {
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
                **dict(self.environment),
            },
            "annotations": {
                "org.opencontainers.image.title": self.name,
                **({"dev.chainguard.package.main": main} if (main := self.main(tag)) else {}),
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOutcome:
    """Result of a build: `locked` is "" when it fails; log lines get their time when they are read."""

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


@functools.cache
def images_by_name() -> dict[str, Image]:
    """Return the images by their name in the catalog."""
    text = (resources.files("reconciler.emulator") / "data" / "images.yaml").read_text(encoding="utf-8")
    return {name: _image(name, fields) for name, fields in yaml.safe_load(text).items()}


@functools.cache
def images_by_source() -> dict[str, Image]:
    """Return the images by the id of their catalog repository."""
    return {image.source: image for image in images_by_name().values()}


def image_of(repo: Repo) -> Image | None:
    """Return the catalog image that a repository syncs from; None when it syncs from none (any more)."""
    return images_by_source().get(repo.message.get("sync_config", {}).get("source", ""))


def active_tags(repo: Repo) -> tuple[str, ...]:
    """Return the tags that are rebuilt: none where nothing is synced, and none that are refused."""
    return tuple(tag for tag in all_tags(repo) if tag not in repo.refused)


def all_tags(repo: Repo) -> tuple[str, ...]:
    """Return the tags that a repository would rebuild with another overlay: none where nothing is synced."""
    return tuple(repo.message.get("activeTags", ())) if image_of(repo) else ()


@functools.lru_cache(maxsize=4096)
def build(image: str, tag: str, overlay: str) -> BuildOutcome:
    """Return the outcome of building one tag of an image with an overlay (stored form, as JSON text)."""
    settings: Json = json.loads(overlay) or {}
    versions = _versions(images_by_name()[image].main(tag))
    settings, unknown = _expanded(settings, versions)
    config = apply(images_by_name()[image].configuration(tag), settings)
    wanted = tuple(config["contents"]["packages"])
    warnings = _warnings(settings, images_by_name()[image], tag)
    start = _opening(image, tag, wanted)
    try:
        chosen = {} if unknown else solved(wanted, tuple(config["archs"]))
        reason = f'package "{unknown}": the main package of the image has no such version'
    except Unlockable as problem:
        chosen, reason = {}, f'building "{problem.architecture}" layer: {problem}'
    if not chosen:
        log = "\n".join((*start, f"ERROR failed to build image components: {reason}"))
        return BuildOutcome(result="Failure", config=_text(config), locked="", log=log, warnings=warnings)
    locked = {**config, "contents": {**config["contents"], "packages": lock(chosen)}}
    log = "\n".join((*start, *_installing(chosen), "INFO built image index for amd64, arm64"))
    return BuildOutcome(result="Success", config=_text(config), locked=_text(locked), log=log, warnings=warnings)


def solved(wanted: tuple[str, ...], architectures: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return the versions of all packages by apk's name of the architecture, or Unlockable with apko's reason.

    The one place that decides whether packages go together: a build fails for what is raised here, and so does a
    resolution.
    """
    index = packages.index()
    chosen: dict[str, dict[str, str]] = {}
    for architecture in architectures:
        name = APK_NAMES.get(architecture, architecture)
        try:
            chosen[name] = solver.solve(wanted, index, name)
        except solver.Unsolvable as reason:
            raise Unlockable(architecture, f"{_context(reason)}{reason}") from reason
        _check_versions(chosen, architecture)
    return chosen


def resolve(request: ApiRequest) -> Json:
    """Answer a configuration with exact versions in the place of its packages, or refuse it as a build would fail."""
    identifier = request.uidp()
    request.caller.demand("apk.list", identifier)
    config = protojson.accept(RESOLVE, protojson.parse(request.body), "resolve").get("config")
    with request.state.reading() as db:
        store.existing_repo(db, identifier)
    if config is None:
        raise invalid("config: must be set")
    contents = config.get("contents", {})
    try:
        chosen = solved(tuple(contents.get("packages", ())), tuple(config.get("archs", _ALL_ARCHITECTURES)))
    except Unlockable as problem:
        raise RpcError(
            RpcCode.FAILED_PRECONDITION, f'locking config for arch "{problem.architecture}": {problem}'
        ) from problem
    return emit(CONFIG, {**config, "contents": {**contents, "packages": lock(chosen)}})


def parsed(text: str) -> str:
    """Return a configuration as apko's parser leaves it: no slashes at the end of URLs, run-as as a UID."""
    if not text:
        return ""
    config = json.loads(text)
    repositories = [url.rstrip("/") for url in config["contents"].get("runtime_repositories", ())]
    contents = {**config["contents"], **({"runtime_repositories": repositories} if repositories else {})}
    numbers = {user["username"]: str(user["uid"]) for user in config["accounts"]["users"]}
    run_as = config["accounts"]["run-as"]
    accounts = {**config["accounts"], "run-as": numbers.get(run_as, run_as)}
    return _text({**config, "contents": contents, "accounts": accounts})


def lock(chosen: dict[str, dict[str, str]]) -> list[str]:
    """Return the exact versions that a lock has: those of the packages that every architecture gets, by name."""
    first, *others = chosen.values()
    return [f"{name}={version}" for name, version in first.items() if all(name in other for other in others)]


def _check_versions(chosen: dict[str, dict[str, str]], architecture: str) -> None:
    """Refuse a package with different versions for the architectures: one lock is for all of them."""
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
        "contents": _contents(base["contents"], contents, overlay_rules.wrapper_packages(overlay)),
        "environment": {
            **base["environment"],
            **overlay.get("environment", {}),
            **overlay_rules.wrapper_variables(overlay),
        },
        "annotations": {**base["annotations"], **overlay.get("annotations", {})},
        "accounts": {
            "run-as": accounts.get("runAs") or base["accounts"]["run-as"],
            "users": _named(base["accounts"]["users"], map(_user, accounts.get("users", ())), "username"),
            "groups": _named(base["accounts"]["groups"], map(_group, accounts.get("groups", ())), "groupname"),
        },
    }
    if overlay.get("guardedEntrypoint"):
        result["entrypoint"] = {"command": f"{overlay_rules.WRAPPER_PROGRAM} {base['entrypoint']['command']}"}
    certificates = _certificates(overlay.get("certificates", {}))
    return {**result, "certificates": certificates} if certificates else result


def _versions(main: str) -> dict[str, str]:
    """Return the values of the templates in package names, as far as the main package has them."""
    package = packages.all_packages().get(main)
    match = re.match(r"(\d+)(?:\.(\d+))?", package.versions[0]) if package else None
    found = {"{{major}}": match[1], "{{minor}}": match[2]} if match else {}
    return {template: number for template, number in found.items() if number}


def _expanded(overlay: Json, versions: dict[str, str]) -> tuple[Json, str]:
    """Return an overlay with versions in the place of templates, and the first package that needs one more."""
    contents = overlay.get("contents", {})
    if "packages" not in contents:
        return overlay, ""
    names = [_TEMPLATE.sub(lambda match: versions.get(match[0], match[0]), text) for text in contents["packages"]]
    unknown = next((name for name in names if _TEMPLATE.search(name)), "")
    return {**overlay, "contents": {**contents, "packages": names}}, unknown


def _contents(base: Json, overlay: Json, more: tuple[str, ...]) -> Json:
    packages = [*base["packages"], *overlay.get("packages", ()), *more]
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
    spelled = {"userName": "username", "uid": "uid", "gid": "gid", "shell": "shell", "homeDir": "homedir"}
    return {spelling: user[name] for name, spelling in spelled.items() if name in user}


def _group(group: Json) -> Json:
    spelled = {"groupName": "groupname", "gid": "gid", "members": "members"}
    return {spelling: group[name] for name, spelling in spelled.items() if name in group}


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


def _image(name: str, fields: dict[str, Any]) -> Image:
    lists: dict[str, Any] = {key: tuple(fields[key]) for key in ("extras", "user") if key in fields}
    maps: dict[str, Any] = {key: tuple(fields[key].items()) for key in ("streams", "environment") if key in fields}
    return Image(name=name, **{**fields, **lists, **maps})
