"""Packages and recent builds of a snapshot, which replaces the API without a request."""

from collections.abc import Mapping, Sequence

from reconciler.api.errors import NotFound, Unreachable
from reconciler.core.builds import Build
from reconciler.core.packages import PackagePage, PackageVersion
from reconciler.core.state import Organization
from reconciler.diagnostics import Diagnostic


class OfflineApi:
    """Reads the package index and the builds of a snapshot; everything else raises `ApiError`.

    `whole` is False if the index has only the latest version of each package; `created` is when the builds were read.
    """

    def __init__(
        self, packages: Sequence[PackageVersion], builds: Sequence[Build], *, created: float, whole: bool
    ) -> None:
        self._packages = tuple(packages)
        self._builds = tuple(builds)
        self._created = created
        self._whole = whole
        self._by_name: dict[str, list[PackageVersion]] = {}
        for one in self._packages:
            self._by_name.setdefault(one.name, []).append(one)

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        """Return what the organization may install under a name."""
        del organization
        if all_versions and not self._whole:
            raise NotFound(_problem("the snapshot has only the latest version of each package"))
        return tuple(self._by_name.get(name, ()))

    def is_in_catalog(self, name: str) -> bool:
        """Raise `ApiError`: the catalog is not in the snapshot."""
        raise NotFound(_problem(f'the snapshot does not contain the catalog, so "{name}" was not looked up in it'))

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        """Return every package with what it provides."""
        del organization
        return self._packages

    def package_summaries(self, organization: Organization, token: str = "", *, prefix: str = "") -> PackagePage:
        """Raise `ApiError`: packages are found by name without a request each."""
        del organization, token, prefix
        raise NotFound(_problem("a snapshot has no summaries"))

    def resolve(self, repository_id: str, config: Mapping[str, object]) -> tuple[str, ...]:
        """Raise `ApiError`: only the API resolves packages."""
        del repository_id, config
        raise Unreachable(_problem("a plan against a snapshot sends no requests"))

    def sample_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        """Return the builds below an organization or of a repository, those started since a time."""
        below = f"{organization.id}/"
        return tuple(
            one for one in self._builds if one.id.startswith(below) and (one.started is None or one.started >= since)
        )

    def server_now(self) -> float:
        """Return the time of the snapshot."""
        return self._created


def _problem(summary: str) -> Diagnostic:
    return Diagnostic(code="not-in-snapshot", summary=summary)
