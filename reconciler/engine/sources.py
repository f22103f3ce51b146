"""Sources of following besides build reports: the queue, tags, provided names, and writes by others.

They are independent: an unreadable source keeps its last state, and a permanent refusal ends it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.api.errors import ApiError, NotFound, NotUnderstood, PermissionDenied, Rejected, TokenRejected
from reconciler.core.bindings import UnknownBindings
from reconciler.core.builds import FINISHED, Build, Progress, Result, Stage, Sync, Target
from reconciler.core.effective import Effective
from reconciler.core.events import Listener, PollFailed, QueueUnread
from reconciler.core.packages import versions_by_name
from reconciler.core.progress import unnamed_packages, with_provided, without_better
from reconciler.core.state import Live, Organization
from reconciler.core.tag_targets import current, tag_configs
from reconciler.engine.ports import Clock, ReadApi, with_overlays

_REFUSALS = (NotFound, NotUnderstood, PermissionDenied, Rejected)
_NOT_IMPLEMENTED = 501


def is_permanent(error: ApiError) -> bool:
    """Return whether the same call will be refused again for the same reason."""
    return isinstance(error, _REFUSALS) or error.status == _NOT_IMPLEMENTED


class Queue:
    """Places of repositories in the queue at the last poll, if known."""

    def __init__(self, api: ReadApi, organization: Organization, *, clock: Clock, on_event: Listener) -> None:
        self._api = api
        self._organization = organization
        self._clock = clock
        self._on_event = on_event
        self._ended = False
        self._states: Mapping[str, Sync] | None = None

    def read(self) -> None:
        """Read the queue of the whole organization, unless that was refused; raises `TokenRejected`."""
        if self._ended:
            return
        try:
            self._states = self._api.sync_states(self._organization)
        except TokenRejected:
            raise
        except ApiError as error:
            self._states = None
            self._ended = is_permanent(error)
            kind = QueueUnread if self._ended else PollFailed
            self._on_event(kind(at=self._clock.now(), problem=error.diagnostic))

    def of(self, progress: Progress) -> Sync:
        """Return the place of a repository: the last known one if the queue cannot be read."""
        return progress.sync if self._states is None else self._states.get(progress.target.id, Sync.IDLE)


# A digest without a tag may stay untagged.
_TRIES = 3


def recorded(progress: Iterable[Progress]) -> Mapping[str, tuple[str, ...]]:
    """Return the recorded tags by digest."""
    return {build.digest: build.tags for one in progress for build in one.builds if build.tags}


class Tags:
    """Known tags by digest, read for the whole organization at once."""

    def __init__(self, api: ReadApi, organization: Organization, known: Mapping[str, tuple[str, ...]]) -> None:
        self._api = api
        self._organization = organization
        self._tries: dict[str, int] = {}
        self.known = known

    def learn(self, digests: Iterable[str]) -> None:
        """Read the tags of digests if one is unknown; after a failure they stay unknown."""
        wanted = {digest for digest in digests if digest}
        unknown = [one for one in wanted if one not in self.known and self._tries.get(one, 0) < _TRIES]
        if not unknown:
            return
        self._tries |= {one: self._tries.get(one, 0) + 1 for one in unknown}
        try:
            found = self._api.list_tags(self._organization)
        except ApiError:
            return
        # Tags move to later builds; a recorded one keeps its name.
        self.known = {**self.known, **{one: found[one] for one in wanted if one in found}}

    def named(self, progress: Progress) -> Progress:
        """Return the progress with the tags of its builds, to be emitted and recorded."""
        builds = (replace(build, tags=self.known.get(build.digest, ())) for build in progress.builds)
        return replace(progress, builds=tuple(builds))


_TRIES = 3


class Provided:
    """Known provided names; the list of packages is read once."""

    def __init__(self, api: ReadApi, organization: Organization) -> None:
        self._api = api
        self._organization = organization
        self._tries = _TRIES
        self._providers: dict[str, frozenset[str]] = {}

    def named(self, builds: Iterable[Build], watch: Target) -> Iterable[Build]:
        """Return the builds with wanted packages added that a locked package provides."""
        if not self._providers:
            return builds
        return [with_provided(build, watch, self._providers) for build in builds]

    def learn(self, seen: Iterable[Progress]) -> bool:
        """Look up packages that the counting builds do not name; return whether any was found.

        After a failure they count as not provided, and are reported as missing: never the other way round.
        """
        names = {entry.key for one in seen for build in one.builds for entry in unnamed_packages(build, one.target)}
        unknown = names - self._providers.keys()
        if not unknown or not self._tries:
            return False
        self._tries -= 1
        try:
            packages = self._api.list_packages(self._organization)
        except ApiError:
            return False
        self._providers |= {
            name: frozenset(one.name for one in found) for name, found in versions_by_name(unknown, packages).items()
        }
        return True


_BETWEEN_SECONDS = 180.0
# Builds usually start sooner than that, and the queue takes a write at once.
_SUSPICIOUS_AFTER_SECONDS = 120.0
# A read may return the overlay before for a while, unless a build has proved the one after.
_SURE_AFTER_SECONDS = 20.0


class Supersession:
    """Detects writes by others, at most once in a few minutes unless requested."""

    def __init__(self, api: ReadApi, organization: Organization, *, began: float, by_tag: bool) -> None:
        self._api = api
        self._organization = organization
        self._began = began
        self._by_tag = by_tag
        self._next = began
        self._tag_count: Mapping[str, int] = {}
        self._live: Live | None = None

    def tag_count(self, progress: Progress) -> int:
        """Return the number of tags that are built for a repository, 0 if unknown."""
        return self._tag_count.get(progress.target.id, 0)

    def poll(self, *, now: float) -> bool:
        """Read the current repositories; after a failure nothing is superseded."""
        self._next = now + _BETWEEN_SECONDS if self._is_sure(now) else self._began + _SURE_AFTER_SECONDS
        try:
            found = self._api.read_live(self._organization)
            self._live = with_overlays(found, self._api) if self._by_tag else found
        except ApiError:
            return False
        self._tag_count = {one.id: len(one.active_tags) for one in found.repositories}
        return True

    def checked(self, seen: tuple[Progress, ...], *, now: float) -> tuple[Progress, ...]:
        """Return the progress with superseded repositories marked, by the last read."""
        if self._live is None and now >= self._next and any(_suspicious(one, now - self._began) for one in seen):
            self.poll(now=now)
        if self._live is None:
            return seen
        # The read is used once: it is large, and soon outdated.
        sure, live, self._live = self._is_sure(now), self._live, None
        configs = tag_configs(live)
        unknown = isinstance(live.overlays, UnknownBindings) or isinstance(live.bindings, UnknownBindings)
        return tuple(
            one if one.target.tags and unknown else _judged(one, current(one.target, live, configs), sure=sure, now=now)
            for one in seen
        )

    def _is_sure(self, now: float) -> bool:
        return now - self._began >= _SURE_AFTER_SECONDS


def concluded(seen: Sequence[Progress]) -> tuple[Progress, ...]:
    """Return the progress at the time limit: without better builds, those that match the overlay before count."""
    return tuple(
        one if one.builds or one.stage in FINISHED else replace(one, builds=without_better(one.target, one.reports))
        for one in seen
    )


def _suspicious(one: Progress, waited: float) -> bool:
    if one.stage in FINISHED:
        return False
    if one.stage is Stage.WAITING:
        timeout = _SURE_AFTER_SECONDS if one.sync is Sync.IDLE else _SUSPICIOUS_AFTER_SECONDS
        return waited >= timeout or any(report.result is not Result.RUNNING for report in one.reports)
    return any(build.result is Result.SUCCESS for build in one.failures)


def _judged(one: Progress, there: Effective | None, *, sure: bool, now: float) -> Progress:
    if one.stage is Stage.SUPERSEDED or there == one.target.after:
        return one
    if not sure and there == one.target.before:
        # Reads may lag behind a write: until that time a repository is not done, whatever its builds.
        return replace(one, stage=Stage.SETTLING) if one.stage is Stage.DONE else one
    return replace(one, stage=Stage.SUPERSEDED, changed=now)
