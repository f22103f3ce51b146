"""What checking before writing costs: requests for 500 changed repositories with 60 distinct packages."""

from collections.abc import Mapping

import pytest

from reconciler.core.bases import find_bases, make_questions
from reconciler.core.builds import Build, PackageConfig, Recipe, Result
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.packages import Constraint, PackagePage, PackageVersion
from reconciler.core.state import Live, LiveRepository, Organization
from reconciler.core.steps import Action, Reason, ReasonCode, Step
from reconciler.engine.packages import look_up
from reconciler.engine.resolve import resolve_configs

REPOSITORIES = 500
PACKAGES = 60
BASES = 12
PAGE = 200


class Api:
    """A catalog of some size, which counts how often it is asked to resolve."""

    def __init__(self, size: int) -> None:
        self.names = [f"package-{number:05}" for number in range(size)]
        self.resolved = 0

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        """One version of every package."""
        del organization, all_versions
        return (PackageVersion(name=name, version="1-r0"),)

    def is_in_catalog(self, name: str) -> bool:
        """Not asked: nothing is missing."""
        del name
        return False

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        """Every package."""
        del organization
        return tuple(PackageVersion(name=name, version="1-r0") for name in self.names)

    def package_summaries(self, organization: Organization, token: str = "", *, prefix: str = "") -> PackagePage:
        """Pages of the usual size."""
        del organization
        names = [name for name in self.names if name.startswith(prefix)]
        start = int(token or 0)
        found = tuple(PackageVersion(name=name, version="1-r0") for name in names[start : start + PAGE])
        after = str(start + PAGE) if start + PAGE < len(names) else ""
        return PackagePage(packages=found, after=after, total=len(names))

    def resolve(self, repository_id: str, config: Mapping[str, object]) -> tuple[str, ...]:
        """Everything resolves."""
        del repository_id, config
        self.resolved += 1
        return ()


def _step(number: int) -> Step:
    wanted = Overlay(packages=(f"package-{number % PACKAGES:05}",))
    reason = Reason(code=ReasonCode.DIFFERS)
    return Step(
        repository=f"r{number}", id=f"o/r{number}", action=Action.UPDATE, reason=reason, place=None, after=wanted
    )


def _build(number: int) -> Build:
    recipe = Recipe(config=PackageConfig(packages=(f"base-{number % BASES}",)))
    id_ = f"o/r{number}"
    return Build(id=f"{id_}/b", repository_id=id_, started=1.0, ended=2.0, result=Result.SUCCESS, recipe=recipe)


def _wanted(size: int) -> dict[str, tuple[Constraint, ...]]:
    """Names from all over the catalog, without a constraint."""
    names = (f"package-{number * size // PACKAGES:05}" for number in range(PACKAGES))
    return {name: (Constraint(text=name, name=name),) for name in names}


@pytest.mark.parametrize(("size", "most"), [(1_000, 1_000 / PAGE), (30_000, PACKAGES)])
def test_no_more_is_asked_than_names_or_pages_and_distinct_questions(size: int, most: float) -> None:
    organization = Organization(id="o", name="example.com")
    repositories = tuple(LiveRepository(id=f"o/r{n}", name=f"r{n}", overlay=EMPTY) for n in range(REPOSITORIES))
    steps = [_step(number) for number in range(REPOSITORIES)]
    live = Live(organization=organization, repositories=repositories)
    known = find_bases(steps, map(_build, range(REPOSITORIES)), live)
    api = Api(size)
    found = look_up(api, organization, _wanted(size))
    resolve_configs(api, {question.config: question.step.id or "" for question in make_questions(steps, known)})
    assert found.requests <= most
    assert api.resolved == PACKAGES
