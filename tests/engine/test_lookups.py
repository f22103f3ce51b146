"""Looking packages up: what is found out, by which way, and how many requests it takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.api.errors import ApiError, NotFound, PermissionDenied, RateLimited
from reconciler.core.availability import Available, PackageRequest, check_packages, requested_constraints
from reconciler.core.packages import PackagePage, PackageVersion
from reconciler.core.state import Organization
from reconciler.core.steps import Action, Reason, ReasonCode, Step
from reconciler.diagnostics import Diagnostic
from reconciler.engine import packages as lookups
from reconciler.engine.packages import Found, look_up

ORGANIZATION = Organization(id="o", name="example.com")
PROBLEM = Diagnostic(code="x", summary="no")
BOTH = ("aarch64", "x86_64")
PAGE = 200


def package(
    name: str, *versions: str, provides: Iterable[str] = (), archs: tuple[str, ...] = BOTH
) -> tuple[PackageVersion, ...]:
    """The versions of a package, the newest first, each of them on the same architectures."""
    return tuple(
        PackageVersion(name=name, version=version, architectures=archs, provides=tuple(provides))
        for version in versions or ("1-r0",)
    )


@dataclass(slots=True)
class Api:
    """A catalog by name, which counts what it is asked and refuses what `fail` has an error for."""

    packages: Mapping[str, tuple[PackageVersion, ...]]
    total: bool = True
    circles: bool = False
    fail: Mapping[str, ApiError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        error = self.fail.get(what) or self.fail.get(what.partition(" ")[0])
        if error is not None:
            raise error

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        assert organization == ORGANIZATION
        self._ask(f"name {name}")
        found = self.packages.get(name, ())
        return found if all_versions else found[:1]

    def is_in_catalog(self, name: str) -> bool:
        return False

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        assert organization == ORGANIZATION
        self._ask("list")
        return tuple(versions[0] for versions in self.packages.values())

    def package_summaries(self, organization: Organization, token: str = "", *, prefix: str = "") -> PackagePage:
        assert organization == ORGANIZATION
        self._ask(f"page {prefix}{token}")
        names = [name for name in sorted(self.packages) if name.startswith(prefix)]
        start = 0 if self.circles else int(token or 0)
        found = tuple(
            PackageVersion(
                name=name, version=self.packages[name][0].version, architectures=self.packages[name][0].architectures
            )
            for name in names[start : start + PAGE]
        )
        after = str(start + PAGE) if start + PAGE < len(names) else ""
        return PackagePage(packages=found, after=after, total=len(names) if self.total else None)


def catalog(*packages: tuple[PackageVersion, ...], size: int = 0) -> dict[str, tuple[PackageVersion, ...]]:
    filler = (package(f"filler-{number:05}") for number in range(size))
    return {versions[0].name: versions for versions in (*packages, *filler)}


def request(spec: str) -> PackageRequest:
    reason = Reason(code=ReasonCode.DIFFERS)
    return PackageRequest(
        spec=spec, steps=(Step(repository="web", id="1/2", action=Action.UPDATE, reason=reason, place=None),)
    )


def search(api: Api, *specs: str) -> Found:
    return look_up(api, ORGANIZATION, requested_constraints(map(request, specs)))


def codes(found: Found, *specs: str) -> list[str]:
    """What would be told of each specification, in their order; empty where nothing is wrong with it."""
    available = Available(versions=found.versions, names=found.names)
    told = [check_packages([request(spec)], available) for spec in specs]
    return [one[0].diagnostic.code if one else "" for one in told]


NAMES = [f"want-{number * 37 % 60:02}" for number in range(60)]


@pytest.mark.parametrize(("size", "most"), [(0, 1), (300, 2), (2_000, 11), (11_700, 59), (11_900, 60), (30_000, 60)])
def test_it_takes_no_more_requests_than_names_or_pages(size: int, most: int) -> None:
    api = Api(catalog(*(package(name) for name in NAMES), size=size))
    found = search(api, *NAMES)
    assert found.requests == len(api.asked) <= most
    assert set(found.versions) == set(NAMES)
    assert all(found.versions.values())


def test_names_with_a_version_take_no_more_where_the_latest_will_do() -> None:
    api = Api(catalog(*(package(name, "2-r1", "1-r0") for name in NAMES), size=300))
    specs = [f"{name}~2" for name in NAMES]
    assert search(api, *specs).requests == 2
    older = [f"{name}=1-r0" for name in NAMES[:2]]
    found = search(api, *specs[2:], *older)
    assert found.requests == 4
    assert set(codes(found, *specs[2:], *older)) == {""}


def test_without_a_count_names_are_asked_for() -> None:
    api = Api(catalog(*(package(name) for name in NAMES), size=30_000), total=False)
    assert search(api, *NAMES).requests <= 61


def test_pages_that_lead_nowhere_are_left() -> None:
    api = Api(catalog(*(package(name) for name in NAMES[:10]), size=700), circles=True)
    assert set(search(api, *NAMES[:10]).versions) == set(NAMES[:10])
    assert len(api.asked) <= 13


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("nodejs", ""),
        ("nodejs~20", ""),
        ("nodejs=20.18.0-r0", ""),
        ("nodejs~18", "no-such-version"),
        ("cmd:node", ""),
        ("cmd:nod", "unknown-package"),
        ("tls", ""),
        ("tls~3", ""),
        ("tls~4", "no-such-version"),
    ],
)
def test_what_others_provide(spec: str, code: str) -> None:
    old, new = (
        PackageVersion(
            name="nodejs-20", version=version, architectures=BOTH, provides=(f"nodejs={version}", "cmd:node")
        )
        for version in ("20.18.0-r0", "20.19.5-r1")
    )
    api = Api(catalog((new, old), package("tls", "1-r0"), package("other-tls", "9-r0", provides=["tls=3.1"])))
    assert codes(search(api, spec), spec) == [code]


def test_a_mistyped_provided_name_is_compared_with_those_of_its_kind() -> None:
    found = search(Api(catalog(package("curl", provides=["cmd:curl=1-r0", "so:x"]))), "cmd:crul")
    (one,) = check_packages([request("cmd:crul")], Available(versions=found.versions, names=found.names))
    assert one.diagnostic.summary == 'package "cmd:crul" does not exist; did you mean "cmd:curl"?'


def test_a_summary_that_lacks_an_architecture_is_looked_into() -> None:
    there = [*NAMES[:9], "late"]
    late = (
        PackageVersion(name="late", version="2-r0", architectures=("x86_64",)),
        PackageVersion(name="late", version="1-r0", architectures=("aarch64",)),
    )
    api = Api(catalog(*(package(name) for name in NAMES[:9]), late))
    assert search(api, *there).requests == 2
    assert api.asked[1:] == ["name late"]


def refusal(kind: str) -> ApiError:
    match kind:
        case "not-found":
            return NotFound(PROBLEM)
        case "denied":
            return PermissionDenied(PROBLEM, capability="apk.list")
        case _:
            return RateLimited(PROBLEM)


def test_without_summaries_names_are_asked_for() -> None:
    api = Api(catalog(*map(package, NAMES)), fail={"page": refusal("not-found")})
    found = search(api, *NAMES)
    assert (found.problem, set(found.versions)) == (None, set(NAMES))


def test_one_name_that_cannot_be_looked_up_leaves_the_others() -> None:
    api = Api(catalog(package("curl"), package("git")), fail={"name curl": refusal("not-found")})
    found = search(api, "curl", "git")
    assert (found.problem, set(found.versions)) == (PROBLEM, {"git"})


@pytest.mark.parametrize("kind", ["denied", "crowded"])
def test_a_refusal_that_holds_for_all_ends_the_search(kind: str) -> None:
    api = Api(catalog(*map(package, NAMES)), fail={"page": refusal(kind), "name": refusal(kind)})
    found = search(api, *NAMES)
    assert (found.problem, found.versions, len(api.asked)) == (PROBLEM, {}, 1)


def test_nothing_is_reported_of_what_may_be_provided_without_knowing() -> None:
    api = Api(catalog(package("curl")), fail={"list": refusal("denied")})
    found = search(api, "curl", "crul", "git>1")
    assert (found.problem, set(found.versions)) == (PROBLEM, {"curl"})


def test_nothing_wanted_is_nothing_asked() -> None:
    api = Api({})
    assert (search(api).requests, api.asked) == (0, [])


VERSIONS = ("1-r0", "1.2-r3", "2-r0", "2_rc1-r0")
SPECS = st.builds(
    "{}{}".format,
    st.sampled_from([*(f"p{number}" for number in range(6)), "v", "cmd:x"]),
    st.sampled_from(["", "", "~1", "=2-r0", ">1.2", "<1"]),
)


@st.composite
def packages(draw: st.DrawFn) -> tuple[PackageVersion, ...]:
    provided = draw(st.lists(st.sampled_from(["v=1.2-r3", "v", "cmd:x", "p0=2-r0"]), max_size=2, unique=True))
    versions = draw(st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=3, unique=True))
    return package(f"p{draw(st.integers(0, 5))}", *versions, provides=provided)


@given(found=st.lists(packages(), max_size=6), specs=st.lists(SPECS, min_size=1, max_size=6, unique=True))
def test_both_ways_find_out_the_same(found: list[tuple[PackageVersion, ...]], specs: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookups, "_FEW", 0)
        paged = search(Api(catalog(*found)), *specs)
        patch.setattr(lookups, "_FEW", 100)
        named = search(Api(catalog(*found)), *specs)
    assert codes(paged, *specs) == codes(named, *specs)
