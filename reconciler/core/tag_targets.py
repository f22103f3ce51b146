"""The tags whose builds are followed after overlays or bindings were written: those that really get something else."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from reconciler.core.builds import Build, BuildConfig, Progress, Result, Target, missing_items
from reconciler.core.diff import items_of
from reconciler.core.effective import Effective
from reconciler.core.effects import live_assembly
from reconciler.core.overlay import Overlay
from reconciler.core.state import Live
from reconciler.core.steps import TagEffect

# The effective configuration of each active tag of a repository, by its UIDP; empty for one that does not exist.
TagConfigs = Callable[[str], dict[str, Effective]]


def tag_configs(live: Live) -> TagConfigs:
    """Return a function from a repository's UIDP to the effective configuration of each of its active tags."""
    assembly = live_assembly(live)
    repositories = {one.id: one for one in live.repositories}

    def of(id_: str) -> dict[str, Effective]:
        one = repositories.get(id_)
        return {} if one is None else dict(zip(one.active_tags, assembly.of_tags(one), strict=True))

    return of


def changed_targets(effects: Iterable[TagEffect], live: Live, since: float) -> tuple[Target, ...]:
    """Return the targets of planned effects: the tags whose configuration differs from that before the run.

    A run that failed in part changed other tags, or to something else, than was planned: what is live now decides. Tags
    that do not exist, or whose configuration is not known, are not followed.
    """
    configs = tag_configs(live)
    return tuple(target for effect in effects for target in _targets(effect, configs(effect.id), since))


def planned_targets(effects: Iterable[TagEffect], since: float) -> tuple[Target, ...]:
    """Return the targets of planned effects that all hold."""
    return tuple(_target(effect, effect.tags, effect.after, since) for effect in effects)


def _targets(effect: TagEffect, now: dict[str, Effective], since: float) -> Iterator[Target]:
    alike: list[tuple[Effective, list[str]]] = []
    for tag in effect.tags:
        config = now.get(tag)
        if config is None or config == effect.before:
            continue
        same = next((tags for one, tags in alike if one == config), None)
        if same is None:
            alike.append((config, [tag]))
        else:
            same.append(tag)
    for config, tags in alike:
        if isinstance(config, Overlay):
            yield _target(effect, tuple(tags), config, since)


def _target(effect: TagEffect, tags: tuple[str, ...], after: Overlay, since: float) -> Target:
    return Target(repository=effect.repository, id=effect.id, tags=tags, before=effect.before, after=after, since=since)


def builds_of(
    target: Target, siblings: Sequence[Target], builds: Iterable[Build], tags: Mapping[str, tuple[str, ...]]
) -> list[Build]:
    """Return those builds of a repository that may be of the tags of a target.

    `siblings` are all targets of the repository, `tags` the known tags by digest. Without known tags a build belongs to
    the targets whose configuration it fits best; one that tells no configuration, as a refusal, to the first of them.
    """
    return _latest([one for one in builds if _belongs(one, target, siblings, tags.get(one.digest, ()))], target, tags)


def _latest(builds: list[Build], target: Target, tags: Mapping[str, tuple[str, ...]]) -> list[Build]:
    """Return the builds without those that a later build of the same tags replaced.

    Every write of a run may rebuild a tag, in between with something that is not wanted in the end. Once each tag has a
    build, what has no tag was replaced as well.
    """
    latest: dict[str, Build] = {}
    for build in sorted(builds, key=lambda one: (one.started or 0.0, one.id)):
        if build.result is Result.SUCCESS:
            latest.update(dict.fromkeys(set(tags.get(build.digest, ())).intersection(target.tags), build))
    kept = {build.id for build in latest.values()}
    covered = latest.keys() >= set(target.tags)
    replaced_before = max((build.started or 0.0 for build in latest.values()), default=0.0) if covered else 0.0
    return [
        build
        for build in builds
        if build.result is not Result.SUCCESS
        or build.id in kept
        or ((build.started or 0.0) >= replaced_before and not set(tags.get(build.digest, ())).intersection(target.tags))
    ]


def _belongs(build: Build, target: Target, siblings: Sequence[Target], tags: tuple[str, ...]) -> bool:
    if tags:
        return not set(tags).isdisjoint(target.tags)
    if len(siblings) == 1:
        return True
    if build.config is None:
        return target == siblings[0]
    return _misfit(build.config, target) == min(_misfit(build.config, one) for one in siblings)


def _misfit(config: BuildConfig, target: Target) -> tuple[int, int]:
    """Return how badly a configuration fits a target: what it lacks, then how little of it is wanted."""
    wanted = tuple(items_of(target.after))
    missing = len(missing_items(config, wanted))
    return missing, missing - len(wanted)


def uncovered(progress: Progress, tags: Mapping[str, tuple[str, ...]]) -> int:
    """Return the number of builds that the tags of a target may still need; 0 if each has a new digest already."""
    covered = {tag for build in progress.builds for tag in tags.get(build.digest, ())}
    return 0 if covered.issuperset(progress.target.tags) else len(progress.target.tags)


def current(target: Target, live: Live, configs: TagConfigs) -> Effective | None:
    """Return what a target has now: its overlay, or that of its tags; None where the repository does not exist.

    Of tags that differ it is one that is not as the target wants it.
    """
    there = next((one for one in live.repositories if one.id == target.id), None)
    if there is None or not target.tags:
        return None if there is None else there.overlay
    now = configs(target.id)
    return next((now[tag] for tag in target.tags if now.get(tag, target.after) != target.after), target.after)
