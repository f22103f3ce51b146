"""What is asked of packages, and what the answers mean: values in, values out."""

import pytest

from reconciler.core.availability import Ask, Available, PackageVersion, judge
from reconciler.core.model import Overlay
from reconciler.core.plan import Action, Reason, ReasonCode, Step
from reconciler.core.questions import Config, Recipe, by_config, questions
from reconciler.core.resolved import ResolvedChange, difference
from reconciler.diagnostics import Place, Severity

PLACE = Place(file="m.yaml", line=3, column=5)


def version(name: str, number: str, *architectures: str) -> PackageVersion:
    return PackageVersion(name=name, version=number, architectures=architectures or ("aarch64", "x86_64"))


VERSIONS = {
    "git": (version("git", "2.51.0-r2"), version("git", "2.50.1-r3")),
    "jre": (version("openjdk", ""),),
    "driver": (version("driver", "1-r0", "x86_64"),),
    "crul": (),
}
AVAILABLE = Available(versions=VERSIONS, names=("curl", "git"))


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("git", None),
        ("git~2.51", None),
        ("git=2.50.1-r3", None),
        ("git@edge", None),
        ("git>3", "no-such-version"),
        ("jre", None),
        ("jre>1", "no-such-version"),
        ("crul", "unknown-package"),
        ("driver", "package-lacks-architecture"),
        ("never-looked-up", None),
    ],
)
def test_judging(spec: str, code: str | None) -> None:
    found = judge([Ask(repository="web", spec=spec, where=lambda: PLACE)], AVAILABLE)
    assert [one.diagnostic.code for one in found] == ([code] if code else [])
    assert all(one.diagnostic.place == PLACE and one.repositories == ("web",) for one in found)


def test_one_place_is_told_once_for_all_repositories() -> None:
    (one,) = judge([Ask(repository=name, spec="crul", where=lambda: PLACE) for name in "abcde"], AVAILABLE)
    assert one.diagnostic.severity is Severity.ERROR
    assert one.diagnostic.detail == "wanted in a, b, c and 2 more"


def step(name: str, before: tuple[str, ...], after: tuple[str, ...]) -> Step:
    return Step(
        repository=name,
        id=f"org/{name}",
        action=Action.UPDATE,
        reason=Reason(code=ReasonCode.DIFFERS),
        place=PLACE,
        before=Overlay(packages=before),
        after=Overlay(packages=after),
    )


def recipe(name: str, started: float, *packages: str) -> Recipe:
    return Recipe(repository_id=f"org/{name}", started=started, config=Config(packages=packages))


def test_the_wanted_overlay_takes_the_place_of_the_old_one() -> None:
    (one,) = questions([step("web", ("git",), ("jq",))], [recipe("web", 1, "nginx", "git")])
    assert one.config.packages == ("nginx", "jq")
    assert one.base == {"nginx"}


def test_a_question_for_each_base_and_none_twice() -> None:
    recipes = [recipe("web", 1, "nginx"), recipe("web", 2, "nginx", "bash"), recipe("web", 3, "nginx")]
    steps = [step("web", (), ("jq",)), step("api", (), ("jq",))]
    asked = questions(steps, [*recipes, recipe("api", 1, "nginx")])
    assert len(asked) == 3
    assert sorted(config.packages for config in by_config(asked)) == [("bash", "nginx", "jq"), ("nginx", "jq")]


def test_builds_before_the_live_overlay_are_left_aside() -> None:
    recipes = [recipe("web", 1, "old-nginx"), recipe("web", 2, "nginx", "git")]
    (one,) = questions([step("web", ("git",), ("git", "jq"))], recipes)
    assert "old-nginx" not in one.config.packages


def test_a_lock_is_asked_about_by_its_names() -> None:
    (one,) = questions([step("web", (), ("jq",))], [recipe("web", 1, "nginx=1.29-r0", "glibc=2.42-r3")])
    assert one.config.packages == ("glibc", "nginx", "jq")


def test_the_difference_of_resolved_sets() -> None:
    assert difference(["a=1-r0", "b=1-r0", "c=1-r0"], ["a=1-r0", "b=2-r0", "d=1-r0"]) == ResolvedChange(
        added=(("d", "1-r0"),), removed=(("c", "1-r0"),), changed=(("b", "1-r0", "2-r0"),)
    )
