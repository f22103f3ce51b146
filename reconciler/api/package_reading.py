"""Reading packages: what an organisation may install, and what a configuration comes to.

Apart from `reading`, which every command needs, because a plan of every day asks for none of this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.api import calls, json_text
from reconciler.api.http import Call, Connection, Parameters
from reconciler.api.listing import read_page
from reconciler.api.packages import locked_from_wire, package_from_wire, summary_from_wire, total_of
from reconciler.api.wire import Malformed
from reconciler.core.packages import PackagePage, PackageVersion
from reconciler.core.state import Organization


class PackageReader:
    """Reads packages. Raises `ApiError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        """What the organisation may install under a name: the latest version, or all; none where there is none."""
        latest: Parameters = () if all_versions else (("mostRecentlyUpdated", "true"),)
        call = calls.packages(organization, (("packageName", name), *latest))
        return tuple(one for one in self._packages(call) if one.name == name)

    def is_in_catalog(self, name: str) -> bool:
        """Whether there is a package of a name at all, for whichever organization."""
        return any(one.name == name for one in self._packages(calls.catalog_packages(name)))

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
