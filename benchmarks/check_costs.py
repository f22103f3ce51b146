"""What knowing before writing costs: requests for a plan that changes 500 repositories with 60 distinct packages.

Counts calls against an API in memory; how long they take belongs to the other benchmarks.
"""

import sys
from collections.abc import Mapping

from reconciler.core.availability import PackagePage, PackageVersion
from reconciler.core.live import Organization
from reconciler.core.model import Overlay
from reconciler.core.plan import Action, Reason, ReasonCode, Step
from reconciler.core.questions import Config, Recipe, questions
from reconciler.engine.lookups import PAGE, look_up
from reconciler.engine.resolving import ask

REPOSITORIES = 500
PACKAGES = 60
BASES = 12


class Api:
    """A catalogue of some size, which counts how often it is asked to resolve."""

    def __init__(self, size: int) -> None:
        self.names = [f"package-{number:05}" for number in range(size)]
        self.resolved = 0

    def find_package(
        self, organization: Organization, name: str, *, all_versions: bool = False
    ) -> tuple[PackageVersion, ...]:
        """One version of every package."""
        del organization, all_versions
        return (PackageVersion(name=name, version="1-r0"),)

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        """Every package."""
        del organization
        return tuple(PackageVersion(name=name, version="1-r0") for name in self.names)

    def package_summaries(self, organization: Organization, token: str = "") -> PackagePage:
        """Pages of the usual size."""
        del organization
        start = int(token or 0)
        found = tuple(PackageVersion(name=name, version="1-r0") for name in self.names[start : start + PAGE])
        after = str(start + PAGE) if start + PAGE < len(self.names) else ""
        return PackagePage(packages=found, after=after, total=len(self.names))

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


def main() -> None:
    """Print the numbers for a small catalogue and for a large one."""
    steps = [_step(number) for number in range(REPOSITORIES)]
    bases = [Config(packages=(f"base-{number}",)) for number in range(BASES)]
    recipes = [Recipe(repository_id=f"o/r{n}", started=1.0, config=bases[n % BASES]) for n in range(REPOSITORIES)]
    for size in (1_000, 30_000):
        api = Api(size)
        names = {f"package-{number * size // PACKAGES:05}": False for number in range(PACKAGES)}
        found = look_up(api, Organization(id="o", name="example.com"), names)
        ask(api, questions(steps, recipes))
        sys.stdout.write(
            f"{size:,} packages to choose from: {PACKAGES} names in {found.requests} requests, "
            f"{api.resolved} questions for {REPOSITORIES} repositories\n"
        )


if __name__ == "__main__":
    main()
