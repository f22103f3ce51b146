"""Builds: which ones a write caused, and whether they contain the requested configuration.

A build report does not say which write caused it, and images are rebuilt every day for other reasons. A report does
contain the configuration of the build, and mostly the resulting packages; both are compared with the overlays before
and after the write.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from reconciler.core.diff import Change, Field, Item, Value, items_of
from reconciler.core.guarded import GUARDED, wrapper_serves
from reconciler.core.overlay import Group, Overlay, PemFile, User, package_name
from reconciler.core.packages import Constraint, parse_constraint
from reconciler.core.version_templates import names_package


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageConfig:
    """The part of a configuration that decides the packages of an image."""

    packages: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    build_repositories: tuple[str, ...] = ()
    runtime_repositories: tuple[str, ...] = ()
    keyring: tuple[str, ...] = ()
    archs: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """Return it in the form of the API, without empty fields."""
        contents: dict[str, object] = {
            "packages": list(self.packages),
            "repositories": list(self.repositories),
            "buildRepositories": list(self.build_repositories),
            "runtimeRepositories": list(self.runtime_repositories),
            "keyring": list(self.keyring),
        }
        document: dict[str, object] = {"contents": {key: value for key, value in contents.items() if value}}
        return {**document, "archs": list(self.archs)} if self.archs else document


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The input of a build, and the resulting exact packages if the report has them."""

    config: PackageConfig
    locked: tuple[str, ...] = ()


def make_recipe(config: PackageConfig, locked: Sequence[str]) -> Recipe:
    """Return the recipe of a build from its requested configuration and its locked packages.

    A configuration with an exact revision for every package is itself the lock of an earlier build; then only the names
    were requested.
    """
    if not config.packages or not all("=" in spec and "-r" in spec for spec in config.packages):
        return Recipe(config=config, locked=tuple(locked))
    names = tuple(package_name(spec) for spec in config.packages)
    return Recipe(config=replace(config, packages=names), locked=tuple(locked) or config.packages)


class Result(StrEnum):
    """Result of a build. `RUNNING` includes "not known yet": the API does not distinguish them.

    `UNKNOWN` has ended with no result, or with one that this version does not know.
    """

    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


_UID = re.compile(r"[0-9]{1,10}")


class Sync(StrEnum):
    """Place of a repository in the work queue of the service; `IDLE` if it is not queued."""

    IDLE = "idle"
    QUEUED = "queued"
    IN_PROGRESS = "in-progress"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """The configuration in a build report, as items of an overlay.

    `fields` are those that the configuration mentions at all: a missing field proves nothing.
    """

    entries: frozenset[Item]
    parts: frozenset[Field]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build report; times are seconds since the epoch on the server's clock.

    `config` is the requested configuration and `locked` the result, each package with its version and its dependencies;
    `recipe` is the same in the form of resolution requests. Each is None if the report lacks it. `tags` are those that
    the build is recorded with.
    """

    id: str
    repository_id: str
    started: float | None
    ended: float | None
    result: Result
    config: BuildConfig | None = field(default=None, repr=False)
    locked: BuildConfig | None = field(default=None, repr=False)
    recipe: Recipe | None = field(default=None, repr=False, compare=False)
    digest: str = ""
    warnings: tuple[str, ...] = ()
    log: str = field(default="", repr=False)
    tags: tuple[str, ...] = field(default=(), compare=False)

    @property
    def content(self) -> BuildConfig | None:
        """Return the known content of the image: the locked configuration, else the requested one."""
        return self.locked or self.config


class Evidence(StrEnum):
    """Proof, by a build's configuration, of the overlay that it was made with.

    `LACKING`: something requested is missing, in a way that the overlay before does not explain.
    """

    NEW = "new"
    OLD = "old"
    EITHER = "either"
    LACKING = "lacking"


def evidence(
    config: BuildConfig | None, wanted: Sequence[Item], before: frozenset[Item], changes: Sequence[Change]
) -> Evidence:
    """Return whether a build was made with the overlay holding `wanted`, rather than with the one holding `before`.

    The configuration holds the base image's own items next to the overlay's. A missing requested item proves the old
    overlay, unless that one has it too. A removed item that is gone proves the new overlay; a removed item that is
    present proves nothing, because the base image may have it. `changes` are the difference between the two.
    """
    if config is None:
        return Evidence.EITHER
    described = [entry for entry in wanted if entry.field in config.parts]
    absent = missing_items(config, wanted)
    if absent:
        gone = set(absent)
        partly = any(_is_distinctive(entry) and entry not in before and entry not in gone for entry in described)
        return Evidence.LACKING if partly or gone & before else Evidence.OLD
    if any(_proves_new(one, config, wanted, before) for one in changes if one.field in config.parts):
        return Evidence.NEW
    return Evidence.EITHER if changes else Evidence.NEW


def _is_distinctive(entry: Item) -> bool:
    """Return whether an added item proves the overlay: a base image has packages and accounts of its own."""
    return entry.field in (Field.ENVIRONMENT, Field.ANNOTATIONS, *GUARDED)


def missing_items(config: BuildConfig, wanted: Iterable[Item]) -> tuple[Item, ...]:
    """Return the wanted items missing from a configuration, of the fields that it mentions."""
    asked = tuple(wanted)
    described = (entry for entry in asked if entry.field in config.parts)
    return tuple(entry for entry in described if not config_holds(config, entry, users=asked) and not is_virtual(entry))


def config_holds(config: BuildConfig, wanted: Item, *, users: Iterable[Item] = ()) -> bool:
    """Return whether a configuration has an item that satisfies the wanted one.

    `users` may be items of the overlay: its own users decide the UID of the name in `run-as`.
    """
    if wanted in config.entries:
        return True
    alike = (one for one in config.entries if one.field is wanted.field and names_package(wanted.key, one.key))
    if wanted.field is Field.RUN_AS:
        uids = _uids(config.entries) | _uids(users)
        return any(_uid(one.value, uids) == _uid(wanted.value, uids) for one in alike)
    if wanted.field in GUARDED:
        return any(wrapper_serves(one.value, wanted.value) for one in alike)
    return any(serves(one.value, wanted) for one in alike)


def _uids(items: Iterable[Item]) -> dict[str, int]:
    return {item.value.username: item.value.uid for item in items if isinstance(item.value, User)}


def _uid(run_as: Value, uids: Mapping[str, int]) -> Value | int:
    """Return the UID of a `run-as`, which apko writes instead of the name; the name if no user defines it."""
    if not isinstance(run_as, str):
        return run_as
    return int(run_as) if _UID.fullmatch(run_as) else uids.get(run_as, run_as)


def _proves_new(change: Change, config: BuildConfig, wanted: Sequence[Item], before: frozenset[Item]) -> bool:
    if change.after is not None:
        item = Item(change.field, change.key, change.after)
        if item in config.entries or (change.before is None and config_holds(config, item, users=wanted)):
            return True
    if change.before is None:
        return not is_virtual(Item(change.field, change.key, change.after or ""))
    return not config_holds(config, Item(change.field, change.key, change.before), users=before)


_SHOWN_TAGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A repository whose builds are followed: its change, and the server's time just before the write.

    With `tags`, only the builds of those tags: their effective configuration changed in the same way. `repository` is
    the label, `id` the UIDP.
    """

    repository: str
    id: str
    before: Overlay
    after: Overlay
    since: float
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the unique name of the target among those that are followed together."""
        return f"{self.id}:{','.join(self.tags)}" if self.tags else self.id

    @property
    def label(self) -> str:
        """Return the label of the repository, with the first of its tags where only some are meant."""
        if not self.tags:
            return self.repository
        more = f",+{len(self.tags) - _SHOWN_TAGS}" if len(self.tags) > _SHOWN_TAGS else ""
        return f"{self.repository}:{','.join(self.tags[:_SHOWN_TAGS])}{more}"


class Stage(StrEnum):
    """Stage of a followed repository.

    `SUPERSEDED`: changed or deleted by somebody else since. `UNREPORTED`: no build report arrived within the grace
    period although the queue released it.
    """

    WAITING = "waiting"
    BUILDING = "building"
    SETTLING = "settling"
    DONE = "done"
    SUPERSEDED = "superseded"
    UNREPORTED = "unreported"


FINISHED = frozenset({Stage.DONE, Stage.SUPERSEDED, Stage.UNREPORTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of one followed repository: its stage, the builds that count, and its place in the queue.

    `reports` are all reports of the latest poll, so that the next poll examines only new ones.
    """

    target: Target
    stage: Stage
    builds: tuple[Build, ...]
    sync: Sync
    queue_seen: bool
    changed: float
    reports: tuple[Build, ...] = field(default=(), compare=False, repr=False)

    @property
    def ended(self) -> tuple[Build, ...]:
        """Return the builds that count and have ended."""
        return tuple(build for build in self.builds if build.result is not Result.RUNNING)

    @property
    def others(self) -> int:
        """Return the number of builds since the write that do not count."""
        return len(builds_since(self.target, self.reports)) - len(self.builds) if self.reports else 0

    @property
    def failures(self) -> tuple[Build, ...]:
        """Return the builds that count and have failed, or lack part of the requested configuration."""
        return tuple(build for build in self.builds if build_failed(build, self.target))


def count_results(progress: Progress) -> Mapping[Result, int]:
    """Count a repository's builds by result; a build that lacks requested items has failed."""
    wrong = {build.id for build in progress.failures}
    return Counter(Result.FAILURE if build.id in wrong else build.result for build in progress.builds)


def build_failed(build: Build, target: Target) -> bool:
    """Return whether a build that counts has failed, or lacks part of the requested configuration."""
    if build.result is Result.SUCCESS:
        return build.content is not None and bool(lacking_items(build.content, target.after))
    return build.result is Result.FAILURE


# The journal, the table and the final report repeat it for the same few configurations.
@lru_cache(maxsize=4096)
def lacking_items(config: BuildConfig, after: Overlay) -> tuple[Item, ...]:
    """Return the items of an overlay that a configuration lacks."""
    return missing_items(config, items_of(after))


def builds_since(target: Target, builds: Iterable[Build]) -> list[Build]:
    """Return the builds that started after the write, or at an unknown time."""
    return [build for build in builds if build.started is None or build.started >= target.since]


def serves(found: Value, wanted: Item) -> bool:
    """Return whether an item of a configuration satisfies an overlay's item of the same field and key."""
    match wanted.value, found:
        case str(), str():
            return found == wanted.value or (wanted.field is Field.PACKAGES and _allowed(found, wanted.value))
        case tuple(), tuple():
            return {_repository(str(one)) for one in wanted.value} <= {_repository(str(one)) for one in found}
        case PemFile(), PemFile():
            return "".join(found.pem.split()) == "".join(wanted.value.pem.split())
        case User(), User():
            return _user_serves(found, wanted.value)
        case Group(), Group():
            return found.gid == wanted.value.gid and set(wanted.value.members) <= set(found.members)
        case _:
            return found == wanted.value


def _repository(address: str) -> str:
    """Return a repository's address as apko parses it: no trailing slash, host and scheme in lower case."""
    scheme, mark, rest = address.strip().partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower().removesuffix(':443')}{slash}{path}".rstrip("/")


def locked_version(found: Value) -> str:
    """Return the version that a package of a configuration is locked to; empty if it is not."""
    parsed = parse_constraint(found) if isinstance(found, str) else None
    return parsed.version if parsed is not None and parsed.operator == "=" else ""


def is_virtual(wanted: Item) -> bool:
    """Return whether a package is requested by a virtual name, such as `cmd:jq`."""
    return wanted.field is Field.PACKAGES and ":" in wanted.key


def _allowed(found: str, wanted: str) -> bool:
    asked = parse_constraint(wanted)
    if asked is None:
        return False
    version = locked_version(found)
    if asked.operator == "=" and version.rpartition("-r")[0] == asked.version:
        return True  # the resolution decided that any revision satisfies a version without one
    if version:
        return asked.allows(version)
    constraint = parse_constraint(found)
    return not asked.operator or (constraint is not None and _spelling(constraint) == _spelling(asked))


def _spelling(constraint: Constraint) -> tuple[str, str, str]:
    operator = "~" if "~" in constraint.operator else constraint.operator
    return constraint.name, operator, constraint.version


def _user_serves(found: User, wanted: User) -> bool:
    # A configuration may omit optional names (apko has no group name for a user). Only a missing gid has a meaning:
    # absent differs from 0.
    texts = ((wanted.groupname, found.groupname), (wanted.shell, found.shell), (wanted.homedir, found.homedir))
    return (
        found.uid == wanted.uid
        and wanted.gid in (None, found.gid)
        and all(theirs in ("", ours) or not ours for ours, theirs in texts)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Everything requested is present; `versions` are the resolved versions of the wanted packages, if known."""

    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Requested items that are missing."""

    missing: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """The report does not mention these items, and lacks none that it mentions."""

    entries: tuple[Item, ...]


Proof = Proven | Lacking | Unproven


def prove(build: Build, target: Target) -> Proof:
    """Return what a build's configuration proves about the written overlay."""
    wanted = tuple(entry for entry in items_of(target.after) if _provable(entry))
    content = build.content
    if content is None:
        return Unproven(entries=wanted)
    absent = missing_items(content, wanted)
    if absent:
        return Lacking(missing=absent)
    undescribed = tuple(entry for entry in wanted if not _is_described(entry, content))
    return Unproven(entries=undescribed) if undescribed else Proven(versions=_versions(wanted, content))


def _provable(entry: Item) -> bool:
    """Return the items that can be proven; fields unknown to this version were kept, not requested."""
    return entry.field is not Field.UNRECOGNIZED


def _is_described(entry: Item, config: BuildConfig) -> bool:
    return entry.field in config.parts and (not is_virtual(entry) or config_holds(config, entry))


def verified(progress: Iterable[Progress]) -> tuple[int, int]:
    """Return how many digests of successful builds are proven, and how many there are.

    Two builds can have the same digest; it counts once, and is proven only if both builds are.
    """
    proven: dict[tuple[str, str], bool] = {}
    for one in progress:
        for build in one.builds:
            if build.result is Result.SUCCESS:
                key = (one.target.id, build.digest or build.id)
                proven[key] = proven.get(key, True) and isinstance(prove(build, one.target), Proven)
    return sum(proven.values()), len(proven)


def _versions(wanted: Iterable[Item], config: BuildConfig) -> Mapping[str, str]:
    names = {entry.key for entry in wanted if entry.field is Field.PACKAGES}
    found = {one.key: locked_version(one.value) for one in config.entries if one.field is Field.PACKAGES}
    return {name: found[name] for name in sorted(names) if found.get(name)}
