"""Which packages provide a name, looked up only where a locked configuration does not name what was asked for."""

from collections.abc import Iterable

from reconciler.api.errors import ApiError
from reconciler.core.builds import Build, Progress, Watch
from reconciler.core.live import Organization
from reconciler.core.packages import going_by
from reconciler.core.providing import named, unnamed
from reconciler.engine.ports import ReadApi

_TRIES = 3


class Provided:
    """What is known of provided names; the list of packages is read once."""

    def __init__(self, api: ReadApi, organization: Organization) -> None:
        self._api = api
        self._organization = organization
        self._tries = _TRIES
        self._providers: dict[str, frozenset[str]] = {}

    def named(self, builds: Iterable[Build], watch: Watch) -> Iterable[Build]:
        """The builds, with the wanted packages that are there under the name of one that provides them."""
        if not self._providers:
            return builds
        return [named(build, watch, self._providers) for build in builds]

    def learn(self, seen: Iterable[Progress]) -> bool:
        """Look up what the builds that count do not name; whether something was learnt.

        Without an answer it stays as if nothing provided it, which is told of as missing: never the other way round.
        """
        names = {entry.key for one in seen for build in one.builds for entry in unnamed(build, one.watch)}
        unknown = names - self._providers.keys()
        if not unknown or not self._tries:
            return False
        self._tries -= 1
        try:
            packages = self._api.list_packages(self._organization)
        except ApiError:
            return False
        self._providers |= {
            name: frozenset(one.name for one in found) for name, found in going_by(unknown, packages).items()
        }
        return True
