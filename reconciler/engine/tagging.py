"""The names of what was built: tags by digest, asked for as seldom as can be while builds are followed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.api.errors import ApiError
from reconciler.core.builds import Progress
from reconciler.core.state import Organization
from reconciler.engine.ports import ReadApi

# A digest that no tag points to may be untagged for good.
_TRIES = 3


def recorded(progress: Iterable[Progress]) -> Mapping[str, tuple[str, ...]]:
    """The tags by digest that builds were recorded with."""
    return {build.digest: build.tags for one in progress for build in one.builds if build.tags}


class Tags:
    """Tags as far as they are known, read for the whole organisation at once."""

    def __init__(self, api: ReadApi, organization: Organization, known: Mapping[str, tuple[str, ...]]) -> None:
        self._api = api
        self._organization = organization
        self._tries: dict[str, int] = {}
        self.known = known

    def learn(self, digests: Iterable[str]) -> None:
        """Ask for the tags of digests where one is not known yet; without an answer they stay unknown."""
        wanted = {digest for digest in digests if digest}
        unknown = [one for one in wanted if one not in self.known and self._tries.get(one, 0) < _TRIES]
        if not unknown:
            return
        self._tries |= {one: self._tries.get(one, 0) + 1 for one in unknown}
        try:
            found = self._api.list_tags(self._organization)
        except ApiError:
            return
        # Tags move on to later builds; what was seen once keeps its name.
        self.known = {**self.known, **{one: found[one] for one in wanted if one in found}}

    def named(self, progress: Progress) -> Progress:
        """What is known of a repository, with the tags of its builds, to be told and recorded."""
        builds = (replace(build, tags=self.known.get(build.digest, ())) for build in progress.builds)
        return replace(progress, builds=tuple(builds))
