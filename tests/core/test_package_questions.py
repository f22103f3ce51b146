"""What is asked of packages, and what the answers mean: values in, values out."""

from dataclasses import replace

import pytest

from reconciler.core.availability import Available, PackageRequest, check_packages
from reconciler.core.bases import Question, distinct_configs, find_bases, make_questions
from reconciler.core.builds import Build, PackageConfig, Result, make_recipe
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.packages import PackageVersion
from reconciler.core.resolution import ResolvedChange, package_difference
from reconciler.core.state import Live, LiveRepository, Organization
from reconciler.core.steps import Action, Reason, ReasonCode, Step
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


def request(spec: str, *repositories: str) -> PackageRequest:
    reason = Reason(code=ReasonCode.DIFFERS)
    steps = (Step(repository=name, id=name, action=Action.UPDATE, reason=reason, place=PLACE) for name in repositories)
    return PackageRequest(spec=spec, steps=tuple(steps))


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
    found = check_packages([request(spec, "web")], AVAILABLE)
    assert [one.diagnostic.code for one in found] == ([code] if code else [])
    assert all(one.diagnostic.place == PLACE and one.repositories == ("web",) for one in found)


@pytest.mark.parametrize(
    ("built", "there", "told"),
    [
        (["amd64", "arm64"], "x86_64", True),
        (["amd64"], "x86_64", False),
        ([], "x86_64", False),
        (["amd64", "arm64"], "noarch", False),
    ],
)
def test_what_an_image_is_built_for_counts(built: list[str], there: str, told: bool) -> None:  # noqa: FBT001 - a case
    available = Available(versions={"a": (version("a", "1-r0", there),)}, architectures=frozenset(built))
    found = check_packages([request("a", "web")], available)
    assert [one.diagnostic.summary for one in found] == (['package "a" is not available for aarch64'] if told else [])


def test_one_place_is_reported_once_for_all_repositories() -> None:
    (one,) = check_packages([request("crul", *"abcde")], AVAILABLE)
    assert one.diagnostic.severity is Severity.ERROR
    assert one.diagnostic.repositories == ("a", "b", "c", "d", "e")


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


def build(name: str, started: float, *packages: str, result: Result = Result.SUCCESS) -> Build:
    made = make_recipe(PackageConfig(packages=packages), ())
    id_ = f"org/{name}"
    return Build(id=f"{id_}/{started}", repository_id=id_, started=started, ended=started, result=result, recipe=made)


def asked(steps: list[Step], builds: list[Build], **overlays: Overlay) -> tuple[Question, ...]:
    """The questions, where each repository holds what its step finds there, or another overlay that is given."""
    live = {one.id or "": one.before or EMPTY for one in steps}
    live |= {f"org/{name}": overlay for name, overlay in overlays.items()}
    repositories = tuple(LiveRepository(id=id_, name=id_[4:], overlay=overlay) for id_, overlay in live.items())
    found = Live(organization=Organization(id="org", name="org"), repositories=repositories)
    return make_questions(steps, find_bases(steps, builds, found))


def test_the_wanted_overlay_takes_the_place_of_the_old_one() -> None:
    (one,) = asked([step("web", ("git",), ("jq",))], [build("web", 1, "nginx", "git")])
    assert one.config.packages == ("nginx", "jq")


def test_a_question_for_each_base_and_none_twice() -> None:
    builds = [build("web", 1, "nginx"), build("web", 2, "nginx", "bash"), build("web", 3, "nginx")]
    steps = [step("web", (), ("jq",)), step("api", (), ("jq",))]
    found = asked(steps, [*builds, build("api", 1, "nginx")])
    assert len(found) == 3
    assert sorted({one.config.packages for one in found}) == [("bash", "nginx", "jq"), ("nginx", "jq")]


def test_builds_before_the_live_overlay_are_left_aside() -> None:
    builds = [build("web", 1, "old-nginx"), build("web", 2, "nginx", "git")]
    (one,) = asked([step("web", ("git",), ("git", "jq"))], builds)
    assert "old-nginx" not in one.config.packages


def test_failed_builds_tell_nothing_where_one_succeeded_since() -> None:
    builds = [build("web", 1, "broken", result=Result.FAILURE), build("web", 2, "nginx")]
    (one,) = asked([step("web", (), ("jq",))], builds)
    assert one.config.packages == ("nginx", "jq")


def test_builds_that_failed_with_the_live_overlay_tell_what_the_image_is_made_from() -> None:
    builds = [build("web", 1, "old"), build("web", 2, "nginx", "crul", result=Result.FAILURE)]
    (one,) = asked([step("web", ("crul",), ("jq",))], builds)
    assert one.config.packages == ("nginx", "jq")


def test_a_creation_is_asked_about_without_what_its_source_adds() -> None:
    source = Overlay(packages=("vim",))
    new = replace(step("base", (), ("jq",)), repository="new", action=Action.CREATE)
    (one,) = asked([new], [build("base", 1, "nginx", "vim")], base=source)
    assert one.config.packages == ("nginx", "jq")


def test_a_lock_is_asked_about_by_its_names_and_tells_what_there_was() -> None:
    (one,) = asked([step("web", (), ("jq",))], [build("web", 1, "nginx=1.29-r0", "glibc=2.42-r3")])
    assert one.config.packages == ("glibc", "nginx", "jq")
    assert one.before.locked == ("nginx=1.29-r0", "glibc=2.42-r3")


def test_a_configuration_is_asked_about_once_and_what_was_before_only_where_nothing_tells() -> None:
    steps = [step("web", (), ("jq",)), step("api", (), ("jq",))]
    found = asked(steps, [build("web", 1, "nginx"), build("api", 1, "nginx"), build("api", 2, "nginx=1-r0")])
    assert [(one.packages, id_) for one, id_ in distinct_configs(found, before=False).items()] == [
        (("nginx", "jq"), "org/web")
    ]
    assert [one.packages for one in distinct_configs(found, before=True)] == [("nginx", "jq"), ("nginx",)]
    locked = asked(steps, [build("api", 2, "nginx=1-r0")])
    assert [one.packages for one in distinct_configs(locked, before=True)] == [("nginx", "jq")]


def test_the_difference_of_resolved_sets() -> None:
    after = ["a=1-r0", "b=2-r0", "d=1-r0"]
    assert package_difference(["a=1-r0", "b=1-r0", "c=1-r0"], after) == ResolvedChange(
        packages=tuple(after), added=(("d", "1-r0"),), removed=(("c", "1-r0"),), changed=(("b", "1-r0", "2-r0"),)
    )
    unknown = package_difference([], after)
    assert (unknown.compared, unknown.packages, unknown.added) == (False, tuple(after), ())
