"""Whether images will build after a change: the latest builds of a repository, and what resolution answers."""

from dataclasses import replace

import pytest

from reconciler.core.bases import NO_RECORD, BuildRecord, build_records, built_already, find_bases, make_questions
from reconciler.core.builds import Build, BuildConfig, PackageConfig, Result, make_recipe
from reconciler.core.diff import Field, Item
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.resolution import will_build
from reconciler.core.state import Live, LiveRepository, Organization
from reconciler.core.steps import Action, Reason, ReasonCode, Step, WillBuild

WORKS, FAILS = BuildRecord(works=True), BuildRecord(works=False)


@pytest.mark.parametrize(
    ("record", "resolves", "mends", "expected"),
    [
        (WORKS, True, False, WillBuild.YES),
        (WORKS, False, False, WillBuild.WOULD_BREAK),
        (WORKS, None, False, WillBuild.UNKNOWN),
        (NO_RECORD, True, False, WillBuild.YES),
        (NO_RECORD, False, False, WillBuild.NO),
        (NO_RECORD, None, False, WillBuild.UNKNOWN),
        (FAILS, True, True, WillBuild.WOULD_FIX),
        (FAILS, True, False, WillBuild.FAILS_ALREADY),
        (FAILS, False, True, WillBuild.FAILS_ALREADY),
        (FAILS, None, False, WillBuild.FAILS_ALREADY),
    ],
)
def test_the_rule(record: BuildRecord, resolves: bool | None, mends: bool, expected: WillBuild) -> None:  # noqa: FBT001 - a case
    assert will_build(record, resolves=resolves, mends=mends) is expected


def step(before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> Step:
    return Step(
        repository="web",
        id="org/web",
        action=Action.UPDATE,
        reason=Reason(code=ReasonCode.DIFFERS),
        place=None,
        before=Overlay(packages=before),
        after=Overlay(packages=after),
    )


def build(
    started: float,
    *packages: str,
    failed: bool = False,
    locked: tuple[str, ...] = (),
    main: str = "",
    running: bool = False,
) -> Build:
    result = Result.RUNNING if running else Result.FAILURE if failed else Result.SUCCESS
    recipe = make_recipe(PackageConfig(packages=packages), locked)
    items = {Item(Field.ANNOTATIONS, "dev.chainguard.package.main", main)} if main else set()
    config = BuildConfig(entries=frozenset(items), parts=frozenset({Field.ANNOTATIONS}))
    return Build(
        id=f"org/web/{started}",
        repository_id="org/web",
        started=started,
        ended=started,
        result=result,
        recipe=recipe,
        config=config,
    )


def live(overlay: Overlay) -> Live:
    repository = LiveRepository(id="org/web", name="web", overlay=overlay)
    return Live(organization=Organization(id="org", name="org"), repositories=(repository,))


def record(one: Step, *builds: Build) -> BuildRecord:
    return build_records([one], builds, find_bases([one], builds, live(one.before or EMPTY)))["web"]


def test_a_repository_fails_while_nothing_has_succeeded_since() -> None:
    failing = record(step(("crul",)), build(1, "nginx"), build(2, "nginx", "crul", failed=True))
    assert failing == BuildRecord(works=False, failing=(PackageConfig(packages=("nginx", "crul")),))
    mended = record(step(), build(1, "nginx", "crul", failed=True), build(2, "nginx"))
    assert mended == BuildRecord(works=True)


def test_one_of_several_images_that_fails_is_a_failure_until_it_succeeds() -> None:
    builds = [build(1, "nginx"), build(2, "nginx", "bash"), build(3, "nginx", "bash", failed=True), build(4, "nginx")]
    assert record(step(), *builds).works is False
    assert record(step(), *builds, build(5, "nginx", "bash")).works is True


def test_a_failure_that_tells_no_configuration_is_one_all_the_same() -> None:
    refused = replace(build(2, failed=True), recipe=None, config=None)
    assert record(step(), build(1, "nginx"), refused) == BuildRecord(works=False)
    assert record(step(), build(1, "nginx"), refused, build(3, "nginx")) == BuildRecord(works=True)


def test_nothing_is_known_without_builds_that_have_ended() -> None:
    assert record(step(), build(1, "nginx", running=True)) == NO_RECORD
    creation = replace(step(), action=Action.CREATE)
    assert build_records([creation], [build(1, "nginx")], {}) == {}


def test_what_the_latest_build_was_made_from_is_not_asked_about() -> None:
    one = step(("git",), ("git",))
    builds = [build(1, "nginx", "git", locked=("git=2-r0", "nginx=1-r0"))]
    asked = make_questions([one], find_bases([one], builds, live(Overlay(packages=("git",)))))
    (question,) = asked
    assert built_already(asked, builds) == {question.config: ("git=2-r0", "nginx=1-r0")}
    assert built_already(asked, [*builds, build(2, "git", "nginx", failed=True)]) == {}


def test_a_template_means_the_version_of_the_main_package() -> None:
    one = step((), ("py{{major}}.{{minor}}-typer",))
    builds = [build(1, "python-3.13", locked=("python-3.13=3.13.7-r0",), main="python-3.13")]
    (question,) = make_questions([one], find_bases([one], builds, live(EMPTY)))
    assert (question.config.packages, question.unknown) == (("python-3.13", "py3.13-typer"), ())


def test_a_template_is_unknown_where_neither_a_report_nor_the_only_tag_tells() -> None:
    one = step((), ("py{{major}}.{{minor}}-typer",))
    known = find_bases([one], [build(1, "python-3.13")], live(EMPTY))
    (several,) = make_questions([one], known, {"org/web": ("3.12", "3.13")})
    assert several.unknown == ("py{{major}}.{{minor}}-typer",)
    (only,) = make_questions([one], known, {"org/web": ("3.13", "3.13-dev")})
    assert (only.config.packages, only.unknown) == (("python-3.13", "py3.13-typer"), ())
