"""The API client for reading: methods that return core values.

`endpoints` describes the requests, `answers` and `schema` map the responses, and `versions` covers the differences
between v1 and v2. `writer` adds the calls that write.
"""

import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Self
from wsgiref.types import WSGIApplication

import httpx

from reconciler.api import API_VERSION, ApiVersion, answers, endpoints, json_text, organizations, overlays
from reconciler.api.answers import NamedGroup
from reconciler.api.auth.provider import Credentials
from reconciler.api.build_reports import ReportLister, TooManyError, Window, build_from_wire
from reconciler.api.errors import ApiError, NotFound, clean
from reconciler.api.http import Call, Connection, Parameters
from reconciler.api.retry import Retrier
from reconciler.api.transport import Sent
from reconciler.api.url import parse_address, require_privacy
from reconciler.api.versions import Repositories, choose
from reconciler.core.bindings import Bindings
from reconciler.core.builds import Build, Sync
from reconciler.core.doctor import Identity
from reconciler.core.packages import PackagePage, PackageVersion
from reconciler.core.state import (
    Live,
    LiveRepository,
    Organization,
    Overlays,
    Unreadable,
)
from reconciler.diagnostics import Diagnostic


def connect(
    url: str,
    credentials: Credentials | None,
    *,
    wsgi_app: WSGIApplication | None = None,
    retrier: Retrier | None = None,
    api_version: ApiVersion = API_VERSION,
) -> "ReadClient":
    """Return a read-only client. Raises `BadAddress`; sends nothing yet.

    With `wsgi_app` the API runs in this process and `url` only has the form of an address. `retrier` has the clock, the
    request rate and the listener of retries; by default the real clock, no limit and no listener. `api_version` is the
    version of the API used for repositories.
    """
    connection = make_connection(url, credentials, writes=False, wsgi_app=wsgi_app, retrier=retrier)
    return ReadClient(connection, choose(api_version, connection))


def make_connection(
    url: str,
    credentials: Credentials | None,
    *,
    writes: bool,
    wsgi_app: WSGIApplication | None,
    retrier: Retrier | None,
) -> Connection:
    """Return a connection; raises `BadAddress` for an address that is none, or would send a token in clear text."""
    address = parse_address(url)
    if wsgi_app is None and credentials is not None:
        require_privacy(address)
    transport = None if wsgi_app is None else httpx.WSGITransport(app=wsgi_app)
    return Connection(address, credentials, writes=writes, transport=transport, retrier=retrier)


class ReadClient:
    """The calls of planning and following builds; thread-safe. Every method raises `ApiError`.

    The connection refuses writes.
    """

    def __init__(self, connection: Connection, repositories: Repositories) -> None:
        self._connection = connection
        self._repositories = repositories
        self._lock = threading.Lock()
        self._folders: dict[str, Mapping[str, str]] = {}
        self._capabilities: frozenset[str] | None = None
        self._report_listers: dict[str, ReportLister] = {}
        connection.lacks = self._lacks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._connection.close()

    def limit(self, seconds: float | None) -> None:
        """Set a deadline for all further calls together, in seconds from now; None for no limit."""
        self._connection.limit(seconds)

    @property
    def credentials(self) -> Credentials | None:
        """Return the credentials of the client; None if it sends none."""
        return self._connection.credentials

    @property
    def sent(self) -> Sent:
        """Return the number of requests sent so far."""
        return self._connection.sent

    @property
    def api_version(self) -> str:
        """Return the API version used for repositories, with the reason if it was detected; for people."""
        return self._repositories.description

    def ping(self) -> float | None:
        """Return the server's clock once the API responds, even if it rejects the token; None if it sends no time."""
        return self._connection.ping(endpoints.identity())

    def server_now(self) -> float:
        """Return the time on the clock that stamps build reports, by the last response."""
        return self._connection.server_now()

    def identity(self) -> Identity:
        """Return the identity of the token, its expiry and its capabilities."""
        return endpoints.read(self._connection, endpoints.identity(), answers.TokenIdentity).to_core()

    def find_organization(self, written: str) -> Organization:
        """Return the organization or folder of a name, a path of names or a UIDP."""

        def groups(parameters: Parameters) -> Sequence[NamedGroup]:
            call = endpoints.groups(f'look up the organization "{written}"', parameters)
            return endpoints.read_items(self._connection, call, answers.GroupListing)

        return organizations.find(written, groups)

    def read_live(self, organization: Organization) -> Live:
        """Return every repository below the organization; folder names take one more call if there are folders."""
        below = f"{organization.id}/"
        listed = self._repositories.list_repositories(organization)
        found = _once_each(one for one in listed if one.id.startswith(below))
        if any("/" in one.id[len(below) :] for one in found):
            names = self._read_folders(organization)
            found = [organizations.placed(one, organization, names) for one in found]
        return Live(organization=organization, repositories=tuple(_distinguishable(found)))

    def read_bindings(self, organization: Organization) -> Bindings:
        """Return the bindings of the whole organization of a scope; raises only `TokenRejected`."""
        return overlays.read_bindings(self._connection, organization)

    def read_overlays(self, organization: Organization) -> Overlays:
        """Return the overlays of that organization with their configurations; raises `TokenRejected` alone."""
        return overlays.read_overlays(self._connection, organization)

    def read_folders(self, organization: Organization) -> tuple[tuple[str, str], ...]:
        """Return the path from the organization and the UIDP of each folder below it, in the order of the paths."""
        return organizations.folder_paths(organization, self._read_folders(organization))

    def features(self, organization: Organization) -> Mapping[str, bool]:
        """Return which optional parts of the API respond; raises `TokenRejected`."""
        return overlays.features(self._connection, organization)

    def list_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        """Return the build reports of the organization started at or after `since`, without logs."""
        # A second early, so that a report of that second is included whether or not "since" is inclusive.
        earliest = max(0.0, math.floor(since) - 1.0)
        try:
            builds = self._report_lister(organization).list_builds(earliest)
        except TooManyError:
            call = endpoints.reports(organization, Window(since=earliest))
            raise self._connection.incomplete(call, "more reports than can be listed") from None
        below = f"{organization.id}/"
        ours = (one for one in builds if one.id.startswith(below))
        return tuple(one for one in ours if one.started is None or one.started >= since)

    def sample_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        """Return one page of build reports started at or after `since`, as a sample for estimates."""
        call = endpoints.reports(organization, Window(since=since))
        found = endpoints.read_items(self._connection, call, answers.ReportListing)
        return tuple(build_from_wire(one) for one in found)

    def sync_states(self, organization: Organization) -> Mapping[str, Sync]:
        """Return the work queue: state by repository UIDP; a repository that is not queued is absent."""
        found = endpoints.read_items(self._connection, endpoints.queue(organization), answers.QueueListing)
        return {one.repository_id: one.state for one in found if one.state is not Sync.IDLE}

    def build_log(self, build_id: str) -> str:
        """Return the log of one build report."""
        return self.read_build(build_id).log

    def read_build(self, build_id: str) -> Build:
        """Return one build report with its log so far."""
        for report in endpoints.read_items(self._connection, endpoints.report(build_id), answers.ReportListing):
            if report.id == build_id:
                return build_from_wire(report)
        raise NotFound(
            Diagnostic(
                code="unknown-build",
                summary=f"build {build_id} not found, or not visible to the token",
                hint="list the builds with `reconciler builds`",
            )
        )

    def list_tags(self, scope: Organization | str) -> Mapping[str, tuple[str, ...]]:
        """Return the sorted tag names by digest, of one repository (its UIDP) or of a whole organization."""
        found: dict[str, set[str]] = {}
        for tag in endpoints.read_items(self._connection, endpoints.tags(scope), answers.TagListing):
            if tag.digest and tag.name:
                found.setdefault(tag.digest, set()).add(tag.name)
        return {digest: tuple(sorted(names)) for digest, names in found.items()}

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        """Return the packages that the organization may install under a name: the latest version or all versions."""
        latest: Parameters = () if all_versions else (("mostRecentlyUpdated", "true"),)
        call = endpoints.packages(organization, (("packageName", name), *latest))
        return tuple(one for one in self._packages(call) if one.name == name)

    def is_in_catalog(self, name: str) -> bool:
        """Return whether the catalog has a package of a name, for any organization."""
        return any(one.name == name for one in self._packages(endpoints.catalog_packages(name)))

    def list_packages(self, organization: Organization, *, all_versions: bool = False) -> tuple[PackageVersion, ...]:
        """Return the latest version of every package, or all, with its provided names; a long response."""
        latest: Parameters = () if all_versions else (("mostRecentlyUpdated", "true"),)
        return tuple(self._packages(endpoints.packages(organization, latest)))

    def package_summaries(self, organization: Organization, token: str = "", *, prefix: str = "") -> PackagePage:
        """Return one page of package summaries ordered by name: that of a page token, else the first."""
        call = endpoints.package_summaries(organization, token, prefix)
        page = endpoints.read(self._connection, call, answers.PackageSummaryListing)
        found = tuple(one.to_core() for one in page.items or ())
        return PackagePage(packages=found, after=page.next_page_token, total=page.total)

    def resolve(self, repository_id: str, config: Mapping[str, object]) -> tuple[str, ...]:
        """Return the exact packages that a configuration resolves to; raises `Rejected` if it does not resolve."""
        call = endpoints.resolve(repository_id, json_text.encode({"config": config}))
        return endpoints.read(self._connection, call, answers.ResolvedAnswer).packages

    def _packages(self, call: Call) -> Iterator[PackageVersion]:
        for page in endpoints.read_pages(self._connection, call, answers.PackageListing):
            yield from (one.to_core() for one in page.items or ())

    def _report_lister(self, organization: Organization) -> ReportLister:
        """Return the lister of an organization, which remembers earlier lists."""

        def fetch(window: Window) -> Sequence[Build]:
            call = endpoints.reports(organization, window)
            return [build_from_wire(one) for one in endpoints.read_items(self._connection, call, answers.ReportListing)]

        def repositories() -> Sequence[str]:
            return [one.id for one in self._repositories.list_repositories(organization)]

        with self._lock:
            return self._report_listers.setdefault(organization.id, ReportLister(fetch, repositories))

    def _lacks(self, capability: str) -> bool | None:
        """Return whether the identity call says that the token lacks a capability; None if unknown."""
        if self._capabilities is None:
            try:
                grants = self.identity().grants
            except ApiError:
                return None
            if not grants:
                return None  # a response without any capabilities does not report them
            self._capabilities = frozenset[str]().union(*(grant.capabilities for grant in grants))
        return capability not in self._capabilities

    def _read_folders(self, organization: Organization) -> Mapping[str, str]:
        groups = endpoints.read_items(self._connection, endpoints.folders(organization), answers.GroupListing)
        names = {group.id: group.name for group in groups}
        with self._lock:
            self._folders[organization.id] = names
        return names

    def forget_folders(self) -> None:
        """Read the names of folders again at the next use: they may have changed since planning."""
        with self._lock:
            self._folders.clear()

    def _folder_names(self, organization: Organization) -> Mapping[str, str]:
        """Return the names of folders as last read, so that reading one repository costs one call."""
        with self._lock:
            known = self._folders.get(organization.id)
        return self._read_folders(organization) if known is None else known


def _once_each(listed: Iterable[LiveRepository]) -> list[LiveRepository]:
    """Return each repository once; one listed with different contents becomes unknown."""
    found: dict[str, LiveRepository] = {}
    for one in listed:
        known = found.get(one.id, one)
        found[one.id] = one
        if known.overlay != one.overlay:
            problem, hint = (
                "the API lists it several times with different content",
                "plan again, and report this to Chainguard",
            )
            found[one.id] = replace(one, overlay=Unreadable(problem=problem, hint=hint))
    return list(found.values())


def _distinguishable(found: Sequence[LiveRepository]) -> Iterator[LiveRepository]:
    """Return the repositories; same-named ones in one folder become unknown, as a manifest cannot distinguish them."""
    ids: dict[tuple[str, str], list[str]] = {}
    for one in found:
        ids.setdefault((one.folder, one.name), []).append(one.id)
    for one in found:
        same = ids[one.folder, one.name]
        if len(same) == 1:
            yield one
        else:
            problem = clean(f"its folder contains several repositories of this name ({', '.join(same)})")
            yield replace(one, overlay=Unreadable(problem=problem, hint="rename or remove one of them in the console"))
