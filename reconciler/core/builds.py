"""Builds: which ones a write caused, and whether they contain what was asked for.

A build report does not say which write caused it, and images are rebuilt every day for other reasons. What a report
does say is the configuration that it was made with, and mostly the packages that came of it; both are compared with
the overlays before and after the write.
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
    """The part of a configuration that decides which packages an image gets."""

    packages: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    build_repositories: tuple[str, ...] = ()
    runtime_repositories: tuple[str, ...] = ()
    keyring: tuple[str, ...] = ()
    archs: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """As the API takes it; what is empty is left out."""
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
    """What a build was made from, and the exact packages that came of it where the report tells."""

    config: PackageConfig
    locked: tuple[str, ...] = ()


def make_recipe(config: PackageConfig, locked: Sequence[str]) -> Recipe:
    """The recipe of a build that was asked for a configuration and locked to some packages.

    Where every package of the configuration is tied to one revision it is a lock itself, of an earlier build, and no
    question: then the names alone were meant.
    """
    if not config.packages or not all("=" in spec and "-r" in spec for spec in config.packages):
        return Recipe(config=config, locked=tuple(locked))
    names = tuple(package_name(spec) for spec in config.packages)
    return Recipe(config=replace(config, packages=names), locked=tuple(locked) or config.packages)


class Result(StrEnum):
    """How a build ended. `RUNNING` also stands for "not known yet", as the API does not tell the two apart.

    `UNKNOWN` has ended, and the API did not say how, or in a word that this version does not know.
    """

    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


_UID = re.compile(r"[0-9]{1,10}")


class Sync(StrEnum):
    """Where a repository stands in the service's work queue; `IDLE` when it is not in it."""

    IDLE = "idle"
    QUEUED = "queued"
    IN_PROGRESS = "in-progress"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """What a report says of the configuration that it was built with, as entries of an overlay.

    `parts` are those that the configuration speaks of at all: silence about a part proves nothing.
    """

    entries: frozenset[Item]
    parts: frozenset[Field]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build report. Times are seconds since the epoch by the server's clock.

    `config` is what the build was asked for, and `locked` what came of it, package by package with its version and
    those that it needs; `recipe` is the same as questions of resolution need it. Each is None when the report did not
    tell. `tags` are those that it is recorded with.
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
        """What is known to be in what was built."""
        return self.locked or self.config


class Evidence(StrEnum):
    """What a build's configuration says about the overlay that it was made with.

    `LACKING` is that of a build that has not all that was wanted, in a way that the overlay before does not explain.
    """

    NEW = "new"
    OLD = "old"
    EITHER = "either"
    LACKING = "lacking"


def evidence(
    config: BuildConfig | None, wanted: Sequence[Item], before: frozenset[Item], changes: Sequence[Change]
) -> Evidence:
    """Whether a build was made with the overlay that holds `wanted`, rather than with the one that holds `before`.

    The configuration holds the base image's own entries beside the overlay's. So what is wanted and missing proves the
    old overlay, unless that one has it too; and what was removed and is gone proves the new one; but what was removed
    and is still there proves nothing, as the base image may have it too. `changes` are the difference of the two.
    """
    if config is None:
        return Evidence.EITHER
    described = [entry for entry in wanted if entry.field in config.parts]
    absent = missing_items(config, wanted)
    if absent:
        gone = set(absent)
        partly = any(_telling(entry) and entry not in before and entry not in gone for entry in described)
        return Evidence.LACKING if partly or gone & before else Evidence.OLD
    if any(_proves_new(one, config, wanted, before) for one in changes if one.field in config.parts):
        return Evidence.NEW
    return Evidence.EITHER if changes else Evidence.NEW


def _telling(entry: Item) -> bool:
    """Whether finding an added entry proves the overlay: a base image has packages and accounts of its own."""
    return entry.field in (Field.ENVIRONMENT, Field.ANNOTATIONS, *GUARDED)


def missing_items(config: BuildConfig, wanted: Iterable[Item]) -> tuple[Item, ...]:
    """The wanted entries that a configuration lacks, of those that it would tell of."""
    asked = tuple(wanted)
    described = (entry for entry in asked if entry.field in config.parts)
    return tuple(entry for entry in described if not config_holds(config, entry, users=asked) and not is_virtual(entry))


def config_holds(config: BuildConfig, wanted: Item, *, users: Iterable[Item] = ()) -> bool:
    """Whether a configuration has an entry that does what is wanted.

    `users` may be entries of the overlay: its own users decide which UID the name in `run-as` is.
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
    """The UID that a `run-as` means, which apko writes in the place of the name; the name where nothing decides it."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A repository whose builds are followed: what was written to it, and the server's time just before that."""

    repository: str
    id: str
    before: Overlay
    after: Overlay
    since: float


class Stage(StrEnum):
    """How far a followed repository is.

    `SUPERSEDED` where somebody else has changed or deleted it since; `UNREPORTED` where no build report came within the
    grace although the queue took it and let it go.
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
    """What is known of one followed repository: its stage, the builds that count, and its place in the queue.

    `reports` are all that were seen at the last look, so that the next one judges only what is new.
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
        """The builds that count and have ended."""
        return tuple(build for build in self.builds if build.result is not Result.RUNNING)

    @property
    def others(self) -> int:
        """How many builds were seen since the write that do not count."""
        return len(builds_since(self.target, self.reports)) - len(self.builds) if self.reports else 0

    @property
    def failures(self) -> tuple[Build, ...]:
        """The builds that count and have failed, or succeeded without what was asked."""
        return tuple(build for build in self.builds if build_failed(build, self.target))


def count_results(progress: Progress) -> Mapping[Result, int]:
    """The number of a repository's builds for each result; one that lacks what was asked has failed."""
    wrong = {build.id for build in progress.failures}
    return Counter(Result.FAILURE if build.id in wrong else build.result for build in progress.builds)


def build_failed(build: Build, target: Target) -> bool:
    """Whether a build that counts has failed, or succeeded without what was asked."""
    if build.result is Result.SUCCESS:
        return build.content is not None and bool(lacking_items(build.content, target.after))
    return build.result is Result.FAILURE


# Asked again and again of the same few configurations: by the journal, the table, and the end report.
@lru_cache(maxsize=4096)
def lacking_items(config: BuildConfig, after: Overlay) -> tuple[Item, ...]:
    """What an overlay asks for and a configuration lacks."""
    return missing_items(config, items_of(after))


def builds_since(target: Target, builds: Iterable[Build]) -> list[Build]:
    """The builds that started after the write, or of which that is not known."""
    return [build for build in builds if build.started is None or build.started >= target.since]


def serves(found: Value, wanted: Item) -> bool:
    """Whether an entry of a configuration, of the same part and key, does what the overlay asked for."""
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
    """A repository's address as apko has it after parsing: no slash at the end, host and scheme in small letters."""
    scheme, mark, rest = address.strip().partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower().removesuffix(':443')}{slash}{path}".rstrip("/")


def locked_version(found: Value) -> str:
    """The version that a package of a configuration is locked to; empty where it is not."""
    parsed = parse_constraint(found) if isinstance(found, str) else None
    return parsed.version if parsed is not None and parsed.operator == "=" else ""


def is_virtual(wanted: Item) -> bool:
    """Whether a package is asked for by something that packages provide, such as `cmd:jq`, rather than by its name."""
    return wanted.field is Field.PACKAGES and ":" in wanted.key


def _allowed(found: str, wanted: str) -> bool:
    asked = parse_constraint(wanted)
    if asked is None:
        return False
    version = locked_version(found)
    if asked.operator == "=" and version.rpartition("-r")[0] == asked.version:
        return True  # that a version without a revision may be any revision was for the resolution to decide
    if version:
        return asked.allows(version)
    constraint = parse_constraint(found)
    return not asked.operator or (constraint is not None and _spelling(constraint) == _spelling(asked))


def _spelling(constraint: Constraint) -> tuple[str, str, str]:
    operator = "~" if "~" in constraint.operator else constraint.operator
    return constraint.name, operator, constraint.version


def _user_serves(found: User, wanted: User) -> bool:
    # A configuration may leave out names that it does not need (apko has no group name for a user). Only a gid that is
    # left out says something: absent and 0 are different.
    texts = ((wanted.groupname, found.groupname), (wanted.shell, found.shell), (wanted.homedir, found.homedir))
    return (
        found.uid == wanted.uid
        and wanted.gid in (None, found.gid)
        and all(theirs in ("", ours) or not ours for ours, theirs in texts)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """All that was asked is there; `versions` are those that the wanted packages were resolved to, where it tells."""

    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What was asked and is not there."""

    missing: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """The report does not tell of these entries, and lacks none that it tells of."""

    entries: tuple[Item, ...]


Proof = Proven | Lacking | Untold


def prove(build: Build, target: Target) -> Proof:
    """What a build's configuration proves of what was written to the repository."""
    wanted = tuple(entry for entry in items_of(target.after) if _provable(entry))
    content = build.content
    if content is None:
        return Untold(entries=wanted)
    absent = missing_items(content, wanted)
    if absent:
        return Lacking(missing=absent)
    undescribed = tuple(entry for entry in wanted if not _is_described(entry, content))
    return Untold(entries=undescribed) if undescribed else Proven(versions=_versions(wanted, content))


def _provable(entry: Item) -> bool:
    """Fields that this version does not know were not asked for but kept, and no report can be read for them."""
    return entry.field is not Field.UNRECOGNIZED


def _is_described(entry: Item, config: BuildConfig) -> bool:
    return entry.field in config.parts and (not is_virtual(entry) or config_holds(config, entry))


def verified(progress: Iterable[Progress]) -> tuple[int, int]:
    """Of all that successful builds made: how many digests are proven, and how many there are.

    Two builds can come to the same digest, which then is one; it is proven when each of them is.
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
