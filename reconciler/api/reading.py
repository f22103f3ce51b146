"""The client that reads. Nothing in this module sends a write, and its connection refuses one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from reconciler.api import calls, organizations
from reconciler.api.errors import ApiError
from reconciler.api.listing import read_list
from reconciler.api.organizations import NamedGroup, group_from_wire
from reconciler.api.wire import Malformed
from reconciler.core.state import Live, Organization

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from reconciler.api.auth.provider import Credentials
    from reconciler.api.build_reading import BuildReader
    from reconciler.api.generations.generation import Generation
    from reconciler.api.http import Connection, Parameters
    from reconciler.api.package_reading import PackageReader
    from reconciler.api.transport import Sent
    from reconciler.core.builds import Build, Sync
    from reconciler.core.doctor import Identity
    from reconciler.core.packages import PackagePage, PackageVersion


class ReadClient:
    """What planning and following builds need; usable from any number of threads. Every method raises `ApiError`."""

    def __init__(self, connection: Connection, generation: Generation) -> None:
        self._connection = connection
        self._generation = generation
        self._lock = threading.Lock()
        self._folders: dict[str, Mapping[str, str]] = {}
        self._capabilities: frozenset[str] | None = None
        self._build_reader: BuildReader | None = None
        self._package_reader: PackageReader | None = None
        connection.lacks = self._lacks

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

    def ping(self) -> float | None:
        """Return when the API answers, whatever it thinks of the token: its clock, None where it does not tell it."""
        return self._connection.ping(calls.identity())

    def server_now(self) -> float:
        """The time on the clock that stamps build reports, as far as an answer has told it."""
        return self._connection.server_now()

    def identity(self) -> Identity:
        """Whose token it is, until when, and what it may do."""
        from reconciler.api.identities import identity_from_wire

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
        return self._builds.list_builds(organization, since=since)

    def sync_states(self, organization: Organization) -> Mapping[str, Sync]:
        """The work queue: state by repository UIDP; a repository that is not in it is absent."""
        return self._builds.sync_states(organization)

    def build_log(self, build_id: str) -> str:
        """The log of one build report."""
        return self.read_build(build_id).log

    def read_build(self, build_id: str) -> Build:
        """One build report with its log as far as there is one."""
        return self._builds.read_build(build_id)

    def list_tags(self, scope: Organization | str) -> Mapping[str, tuple[str, ...]]:
        """The names of the tags by digest, sorted, of one repository (its UIDP) or of a whole organisation."""
        return self._builds.list_tags(scope)

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        """What the organisation may install under a name: the latest version, or all; none where there is none."""
        return self._packages.find_package(organization, name, all_versions=all_versions)

    def is_in_catalog(self, name: str) -> bool:
        """Whether there is a package of a name at all, for whichever organization."""
        return self._packages.is_in_catalog(name)

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        """The latest version of every package with what it provides: a long answer."""
        return self._packages.list_packages(organization)

    def package_summaries(self, organization: Organization, token: str = "", *, prefix: str = "") -> PackagePage:
        """One page of the packages' summaries, ordered by name: that of a token, else the first."""
        return self._packages.package_summaries(organization, token, prefix=prefix)

    def resolve(self, repository_id: str, config: Mapping[str, object]) -> tuple[str, ...]:
        """The exact packages that a configuration comes to; raises `Rejected` where they do not go together."""
        return self._packages.resolve(repository_id, config)

    def limit(self, seconds: float | None) -> None:
        """Give all calls from now on so many seconds together; None for no limit."""
        self._connection.limit(seconds)

    def _lacks(self, capability: str) -> bool | None:
        """Whether the token lacks a capability everywhere, as the identity call says; None where it does not say."""
        if self._capabilities is None:
            try:
                grants = self.identity().grants
            except ApiError:
                return None
            self._capabilities = frozenset[str]().union(*(grant.capabilities for grant in grants))
        return capability not in self._capabilities

    # What the two below read is loaded when it is asked for: a plan of every day asks for none of it.

    @property
    def _builds(self) -> BuildReader:
        from reconciler.api.build_reading import BuildReader

        with self._lock:
            if self._build_reader is None:
                self._build_reader = BuildReader(self._connection)
            return self._build_reader

    @property
    def _packages(self) -> PackageReader:
        from reconciler.api.package_reading import PackageReader

        with self._lock:
            if self._package_reader is None:
                self._package_reader = PackageReader(self._connection)
            return self._package_reader

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
