"""Reading what became of writes: build reports, their logs, the work queue, and tags.

Apart from `reading`, which every command needs, because a plan of every day asks for none of this.
"""

import math
from collections.abc import Mapping, Sequence

from reconciler.api import calls, narrowing
from reconciler.api.errors import NotFound
from reconciler.api.http import Connection
from reconciler.api.listing import read_list
from reconciler.api.narrowing import Window
from reconciler.api.reports import build_from_wire, sync_from_wire, tag_from_wire
from reconciler.core.builds import Build, Sync
from reconciler.core.state import Organization
from reconciler.diagnostics import Diagnostic


class BuildReader:
    """Reads builds; it remembers the last whole list, of which the next one can be a part more. Raises `ApiError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._whole: dict[tuple[str, float], tuple[Build, ...]] = {}

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
