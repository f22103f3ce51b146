"""Look up packages: by name or in the pages of summaries, whichever takes fewer requests.

`core.packages` evaluates the result; the caller caches it between runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import Protocol

from reconciler.api.errors import ApiError, NotFound, NotUnderstood, Rejected, ServerFault
from reconciler.core.packages import (
    Constraint,
    PackagePage,
    PackageVersion,
    constraints_met,
    kind_of,
    known_names,
    listed_names,
    versions_by_name,
)
from reconciler.core.state import Organization
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import stream

# For so few names reading pages does not pay.
_FEW = 8
# A name with more providers than this is not searched in all their versions.
_MOST_PROVIDERS = 20
# At most so many names are looked up in the whole catalog, to explain why they are unavailable.
_MOST_ELSEWHERE = 10
# Shorter prefixes match more names than fit into a page.
_TELLING = 3
WORKERS = 10

Wanted = Mapping[str, tuple[Constraint, ...]]
# These errors concern one call: another call, or another name, may still succeed.
_OF_THE_CALL = (NotFound, NotUnderstood, Rejected, ServerFault)


class PackageApi(Protocol):
    """The reads of looking up packages; every method raises `ApiError`."""

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        """Return the packages that the organization may install under a name."""
        ...

    def is_in_catalog(self, name: str) -> bool:
        """Return whether the catalog has a package of a name, for any organization."""
        ...

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        """Return the latest version of every package with its provided names."""
        ...

    def package_summaries(self, organization: Organization, token: str = "", *, prefix: str = "") -> PackagePage:
        """Return one page of package summaries, ordered by name."""
        ...


@dataclass(slots=True)
class Found:
    """The packages found so far; `listed` are all names of the list, and `problem` is why the rest is unknown."""

    versions: dict[str, tuple[PackageVersion, ...]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    listed: frozenset[str] | None = None
    elsewhere: frozenset[str] = frozenset()
    requests: int = 0
    problem: Diagnostic | None = None


def look_up(api: PackageApi, organization: Organization, wanted: Wanted) -> Found:
    """Return the versions of each name, as many as needed to decide its constraints. Never raises.

    A name without a package or without a satisfying version is looked up among provided names.
    """
    search = _Search(api, organization, wanted)
    try:
        search.run()
    except ApiError as error:
        search.found.problem = search.found.problem or error.diagnostic
        # Whether others provide it is unknown, so it is not reported.
        for name in search.unmet():
            search.found.versions.pop(name, None)
    return search.found


class _Search:
    """One search: results, and names still to be looked up."""

    def __init__(self, api: PackageApi, organization: Organization, wanted: Wanted) -> None:
        self.found = Found()
        self._api = api
        self._organization = organization
        self._wanted = wanted

    def run(self) -> None:
        """Run the requests, cheapest first; raises `ApiError` if continuing cannot help."""
        if len(self._wanted) > _FEW:
            self._read_pages()
        self._search_names()
        if self.found.problem is None and self.unmet():
            self._search_provided()
            self._search_catalog()

    def unmet(self) -> list[str]:
        """Return the names without a satisfying version so far."""
        known = self.found.versions
        return [name for name in known if not known[name] or not constraints_met(self._wanted[name], known[name])]

    def _left(self) -> list[str]:
        return [name for name in self._wanted if name not in self.found.versions]

    def _read_pages(self) -> None:
        """Read pages while they are cheaper than single names; the first one has the total."""
        try:
            self._follow_pages()
        except _OF_THE_CALL:
            return
        self._forget_incomplete()

    def _follow_pages(self) -> None:
        page = self._page()
        size, seen = len(page.packages), {one.name for one in page.packages}
        while page.after:
            unseen = [name for name in self._left() if name not in seen]
            if page.total is None or not size or -(-(page.total - len(seen)) // size) >= len(unseen):
                self._read_prefix(unseen)
                return
            page, before = self._page(page.after), len(seen)
            seen.update(one.name for one in page.packages)
            if len(seen) == before:
                return  # pages are unavailable
        self.found.versions.update({name: () for name in self._left() if name not in seen})

    def _page(self, token: str = "", *, prefix: str = "") -> PackagePage:
        """Read one page; return it with the names that it answers."""
        self.found.requests += 1
        page = self._api.package_summaries(self._organization, token, prefix=prefix)
        for one in page.packages:
            if one.name in self._wanted and constraints_met(self._wanted[one.name], (one,)):
                self.found.versions[one.name] = (one,)
        return page

    def _read_prefix(self, names: list[str]) -> None:
        """Read one page for the names with the longest common prefix, which makes up for the first page."""
        begins = max((_common_beginning(*pair) for pair in pairwise(sorted(names))), key=len, default="")
        if len(begins) >= _TELLING:
            self._page(prefix=begins)

    def _forget_incomplete(self) -> None:
        """Forget summaries that lack an architecture: they list the latest version, and an older one may have it."""
        known = {name: versions[0].architectures for name, versions in self.found.versions.items() if versions}
        there = {arch for architectures in known.values() for arch in architectures}
        for name, architectures in known.items():
            if architectures and there.difference(architectures):
                del self.found.versions[name]

    def _search_names(self) -> None:
        def work(name: str) -> Iterator[tuple[str, tuple[PackageVersion, ...] | ApiError]]:
            if stopped:
                return
            try:
                yield name, self._api.find_package(self._organization, name, all_versions=self._versioned(name))
            except ApiError as error:
                yield name, error

        names, stopped = self._left(), False
        if not names:
            return
        for name, answer in stream(names, work, workers=min(WORKERS, len(names))):
            self.found.requests += 1
            if isinstance(answer, ApiError):
                self.found.problem = self.found.problem or answer.diagnostic
                stopped = stopped or not isinstance(answer, _OF_THE_CALL)
            else:
                self.found.versions[name] = answer

    def _versioned(self, name: str) -> bool:
        return any(constraint.operator for constraint in self._wanted[name])

    def _search_provided(self) -> None:
        """Read the long list of provided names, only if a name is unavailable; it also serves suggestions."""
        names = self.unmet()
        self.found.requests += 1
        packages = self._api.list_packages(self._organization)
        self.found.names = known_names(packages, {kind for name in names if (kind := kind_of(name))})
        self.found.listed = listed_names(packages)
        for name, there in versions_by_name(names, packages).items():
            self._take(name, there)
            if there and not constraints_met(self._wanted[name], self.found.versions[name]):
                self._search_providers(name, there)

    def _search_catalog(self) -> None:
        """Check whether the catalog has packages that the organization may not install; a refusal is no answer."""
        try:
            for name in [name for name in self.unmet() if not self.found.versions[name]][:_MOST_ELSEWHERE]:
                self.found.requests += 1
                if self._api.is_in_catalog(name):
                    self.found.elsewhere |= {name}
        except ApiError:
            return

    def _search_providers(self, name: str, there: tuple[PackageVersion, ...]) -> None:
        """Read every version of the providers of a name if the latest ones do not satisfy."""
        providers = sorted({one.name for one in there if one.name != name and one.version})
        for provider in providers[:_MOST_PROVIDERS]:
            self.found.requests += 1
            versions = self._api.find_package(self._organization, provider, all_versions=True)
            self._take(name, versions_by_name((name,), versions)[name])

    def _take(self, name: str, more: tuple[PackageVersion, ...]) -> None:
        self.found.versions[name] = tuple(dict.fromkeys((*self.found.versions[name], *more)))


def _common_beginning(one: str, other: str) -> str:
    return "".join(left for left, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
