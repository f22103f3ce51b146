"""Which packages provide a name, looked up only where a locked configuration does not name what was asked for."""

from collections.abc import Iterable

from reconciler.api.errors import ApiError
from reconciler.core.builds import Build, Progress, Target
from reconciler.core.packages import versions_by_name
from reconciler.core.progress import unnamed_packages, with_provided
from reconciler.core.state import Organization
from reconciler.engine.ports import ReadApi

_TRIES = 3


class Provided:
    """What is known of provided names; the list of packages is read once."""

    def __init__(self, api: ReadApi, organization: Organization) -> None:
        self._api = api
        self._organization = organization
        self._tries = _TRIES
        self._providers: dict[str, frozenset[str]] = {}

    def named(self, builds: Iterable[Build], watch: Target) -> Iterable[Build]:
        """The builds, with the wanted packages that are there under the name of one that provides them."""
        if not self._providers:
            return builds
        return [with_provided(build, watch, self._providers) for build in builds]

    def learn(self, seen: Iterable[Progress]) -> bool:
        """Look up what the builds that count do not name; whether something was learnt.

        Without an answer it stays as if nothing provided it, which is told of as missing: never the other way round.
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
