"""Looking packages up: by name or in the pages of the summaries, whichever takes fewer requests.

What the answers mean is decided in `core.availability`; remembering them between runs is the caller's business.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.api.errors import ApiError
from reconciler.core.availability import PackagePage, PackageVersion, provided
from reconciler.core.live import Organization
from reconciler.diagnostics import Diagnostic
from reconciler.engine import pool

PAGE = 200
# For so few names the pages are not worth a try.
_FEW = 8
WORKERS = 10


class PackageApi(Protocol):
    """The reads that looking packages up needs; every method raises `ApiError`."""

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        """What the organisation may install under a name."""
        ...

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        """The latest version of every package with what it provides."""
        ...

    def package_summaries(self, organization: Organization, token: str = "") -> PackagePage:
        """One page of the packages' summaries."""
        ...


@dataclass(slots=True)
class Found:
    """What was found out so far; `problem` is why the rest was not."""

    versions: dict[str, tuple[PackageVersion, ...]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    requests: int = 0
    problem: Diagnostic | None = None


def look_up(api: PackageApi, organization: Organization, names: Mapping[str, bool]) -> Found:
    """The versions of each name; a name that is no package is looked for among what packages provide. Never raises.

    `names` tells of each whether a particular version is wanted: then every version is read.
    """
    found = Found()
    try:
        if len(names) > _FEW:
            _read_pages(api, organization, names, found)
        _ask_one_by_one(api, organization, {name: names[name] for name in names if name not in found.versions}, found)
        if found.problem is None and not all(found.versions.values()):
            _look_among_provided(api, organization, found)
    except ApiError as error:
        found.problem = error.diagnostic
        # Whether it is provided is not known, so that nothing may be said of it.
        found.versions = {name: versions for name, versions in found.versions.items() if versions}
    return found


def _read_pages(api: PackageApi, organization: Organization, names: Mapping[str, bool], found: Found) -> None:
    token, seen = "", 0
    while True:
        page = api.package_summaries(organization, token)
        found.requests += 1
        seen += len(page.packages)
        for one in page.packages:
            if one.name in names and not names[one.name]:
                found.versions[one.name] = (one,)
        left = sum(name not in found.versions for name in names)
        if not page.after:
            found.versions.update({name: () for name in names if name not in found.versions and not names[name]})
            return
        if not left or page.total is None or -(-(page.total - seen) // PAGE) >= left:
            return
        token = page.after


def _ask_one_by_one(api: PackageApi, organization: Organization, names: Mapping[str, bool], found: Found) -> None:
    def work(name: str) -> Iterator[tuple[str, tuple[PackageVersion, ...] | Diagnostic]]:
        if found.problem is not None:
            return
        try:
            yield name, api.find_package(organization, name, all_versions=names[name])
        except ApiError as error:
            yield name, error.diagnostic

    if not names:
        return
    for name, answer in pool.stream(names, work, workers=min(WORKERS, len(names))):
        found.requests += 1
        if isinstance(answer, Diagnostic):
            found.problem = found.problem or answer
        else:
            found.versions[name] = answer


def _look_among_provided(api: PackageApi, organization: Organization, found: Found) -> None:
    """One long list, read only where some name is no package: it tells what is provided, and what was perhaps meant."""
    packages = api.list_packages(organization)
    found.requests += 1
    found.names = tuple(sorted({one.name for one in packages}))
    for name, versions in found.versions.items():
        if not versions:
            found.versions[name] = provided(name, packages)
