"""The client that reads. Nothing in this module sends a write, and its connection refuses one."""

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from reconciler.api import calls, json_text, narrowing, organizations
from reconciler.api.call import Call, Parameters
from reconciler.api.connection import Connection
from reconciler.api.credentials import Credentials
from reconciler.api.errors import NotFound
from reconciler.api.generations.generation import Generation
from reconciler.api.identities import identity_from_wire
from reconciler.api.listing import read_list, read_page
from reconciler.api.narrowing import Window
from reconciler.api.organizations import NamedGroup, group_from_wire
from reconciler.api.packages import locked_from_wire, package_from_wire, summary_from_wire, total_of
from reconciler.api.reports import build_from_wire, sync_from_wire, tag_from_wire
from reconciler.api.values import Sent
from reconciler.api.wire import Malformed
from reconciler.core.builds import Build, Sync
from reconciler.core.identity import Identity
from reconciler.core.live import Live, Organization
from reconciler.core.packages import PackagePage, PackageVersion
from reconciler.diagnostics import Diagnostic


class ReadClient:
    """What planning and following builds need; usable from any number of threads. Every method raises `ApiError`."""

    def __init__(self, connection: Connection, generation: Generation) -> None:
        self._connection = connection
        self._generation = generation
        self._lock = threading.Lock()
        self._folders: dict[str, Mapping[str, str]] = {}
        self._whole: dict[tuple[str, float], tuple[Build, ...]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._connection.close()

    @property
    def credentials(self) -> Credentials | None:
        """What the client shows the API; None where it shows nothing."""
        return self._connection.credentials

    @property
    def sent(self) -> Sent:
        """How many requests were sent so far."""
        return self._connection.sent

    @property
    def generation(self) -> str:
        """Which generation of the API answers for repositories, and why where that was found out; for people."""
        return self._generation.told

    def greet(self) -> float | None:
        """Return when the API answers, whatever it thinks of the token: its clock, None where it does not tell it."""
        return self._connection.greet(calls.identity())

    def server_now(self) -> float:
        """The time on the clock that stamps build reports, as far as an answer has told it."""
        return self._connection.server_now()

    def identity(self) -> Identity:
        """Whose token it is, until when, and what it may do."""
        call = calls.identity()
        answer = self._connection.answer(call)
        try:
            return identity_from_wire(answer.document)
        except Malformed as problem:
            raise self._connection.incomplete(call, str(problem)) from None

    def find_organization(self, written: str) -> Organization:
        """The organisation or folder that a name, a path of names or a UIDP means."""

        def groups(parameters: Parameters) -> Sequence[NamedGroup]:
            call = calls.groups(f'look up the organisation "{written}"', parameters)
            return read_list(self._connection, call, group_from_wire)

        return organizations.find(written, groups)

    def read_live(self, organization: Organization) -> Live:
        """Every repository below the organisation; one call more for the names of folders where there are any."""
        listed = self._generation.list_repositories(organization)
        below = f"{organization.id}/"
        found = {one.id: one for one in listed if one.id.startswith(below)}
        if any("/" in id_[len(below) :] for id_ in found):
            names = self._read_folders(organization)
            found = {id_: organizations.placed(one, organization, names) for id_, one in found.items()}
        return Live(organization=organization, repositories=tuple(found.values()))

    def list_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        """The build reports started at or after `since` in the whole organisation, without logs."""

        def fetch(window: Window) -> Sequence[Build]:
            return read_list(self._connection, calls.reports(organization, window), build_from_wire, key="reports")

        # A second early, so that a report of that very second comes whatever "since" means to the server.
        earliest = max(0.0, math.floor(since) - 1.0)
        try:
            builds = narrowing.gather(fetch, earliest, self._whole.get((organization.id, earliest), ()))
        except narrowing.TooManyError:
            call = calls.reports(organization, Window(since=earliest))
            raise self._connection.incomplete(call, "there are more reports than can be listed") from None
        self._whole = {(organization.id, earliest): builds}
        below = f"{organization.id}/"
        ours = (one for one in builds if one.id.startswith(below))
        return tuple(one for one in ours if one.started is None or one.started >= since)

    def sync_states(self, organization: Organization) -> Mapping[str, Sync]:
        """The work queue: state by repository UIDP; a repository that is not in it is absent."""
        states = read_list(self._connection, calls.queue(organization), sync_from_wire)
        return {id_: state for id_, state in states if state is not Sync.IDLE}

    def build_log(self, build_id: str) -> str:
        """The log of one build report."""
        return self.read_build(build_id).log

    def read_build(self, build_id: str) -> Build:
        """One build report with its log as far as there is one."""
        for build in read_list(self._connection, calls.report(build_id), build_from_wire, key="reports"):
            if build.id == build_id:
                return build
        raise NotFound(
            Diagnostic(
                code="unknown-build",
                summary=f"there is no build {build_id}, or the token cannot see it",
                hint="list the builds with `reconciler builds`",
            )
        )

    def list_tags(self, scope: Organization | str) -> Mapping[str, tuple[str, ...]]:
        """The names of the tags by digest, sorted, of one repository (its UIDP) or of a whole organisation."""
        found: dict[str, set[str]] = {}
        for digest, name in read_list(self._connection, calls.tags(scope), tag_from_wire):
            if digest and name:
                found.setdefault(digest, set()).add(name)
        return {digest: tuple(sorted(names)) for digest, names in found.items()}

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        """What the organisation may install under a name: the latest version, or all; none where there is none."""
        latest: Parameters = () if all_versions else (("mostRecentlyUpdated", "true"),)
        call = calls.packages(organization, (("packageName", name), *latest))
        return tuple(one for one in self._packages(call) if one.name == name)

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        """The latest version of every package with what it provides: a long answer."""
        return tuple(self._packages(calls.packages(organization, (("mostRecentlyUpdated", "true"),))))

    def package_summaries(self, organization: Organization, token: str = "", *, prefix: str = "") -> PackagePage:
        """One page of the packages' summaries, ordered by name: that of a token, else the first."""
        call = calls.package_summaries(organization, token, prefix)
        found, rest = read_page(self._connection, call, summary_from_wire)
        after = rest.get("nextPageToken")
        return PackagePage(packages=tuple(found), after=after if isinstance(after, str) else "", total=total_of(rest))

    def resolve(self, repository_id: str, config: Mapping[str, object]) -> tuple[str, ...]:
        """The exact packages that a configuration comes to; raises `Rejected` where they do not go together."""
        call = calls.resolve(repository_id, json_text.encode({"config": config}))
        answer = self._connection.answer(call)
        try:
            return locked_from_wire(answer.document)
        except Malformed as problem:
            raise self._connection.incomplete(call, str(problem)) from None

    def _packages(self, call: Call) -> Iterator[PackageVersion]:
        seen: set[str] = set()
        while True:
            found, rest = read_page(self._connection, call, package_from_wire)
            yield from found
            token = rest.get("nextPageToken")
            if not isinstance(token, str) or not token:
                return
            if token in seen:
                raise self._connection.incomplete(call, "its pages lead back to one that was read already")
            seen.add(token)
            kept = tuple(one for one in call.parameters if one[0] != "pageToken")
            call = replace(call, parameters=(*kept, ("pageToken", token)))

    def _read_folders(self, organization: Organization) -> Mapping[str, str]:
        groups = read_list(self._connection, calls.folders(organization), group_from_wire)
        names = {group.id: group.name for group in groups}
        with self._lock:
            self._folders[organization.id] = names
        return names

    def _folder_names(self, organization: Organization) -> Mapping[str, str]:
        """The names of folders as they were last read, so that reading one repository costs one call."""
        with self._lock:
            known = self._folders.get(organization.id)
        return self._read_folders(organization) if known is None else known
