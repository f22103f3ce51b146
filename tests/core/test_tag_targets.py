"""Of several builds of one tag, the last one counts."""

from collections.abc import Mapping

from reconciler.core.builds import Build, Result, Target
from reconciler.core.tag_targets import builds_of
from tests.support.overlays import overlay

TARGET = Target(
    repository="web", id="o/1", tags=("1", "1-dev"), before=overlay({}), after=overlay({"packages": ["x"]}), since=0.0
)


def build(name: str, started: float, result: Result = Result.SUCCESS) -> Build:
    digest = f"sha256:{name}" if result is Result.SUCCESS else ""
    return Build(id=name, repository_id="o/1", started=started, ended=started + 1, result=result, digest=digest)


def names(builds: list[Build], tags: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [one.id for one in builds_of(TARGET, (TARGET,), builds, tags)]


def test_a_build_that_a_later_one_replaced_does_not_count() -> None:
    builds = [build("between", 1), build("last", 2), build("dev", 2)]
    known = {"sha256:between": ("1",), "sha256:last": ("1",), "sha256:dev": ("1-dev",)}
    assert names(builds, known) == ["last", "dev"]


def test_what_has_no_tag_was_replaced_once_every_tag_has_a_build() -> None:
    builds = [build("between", 1), build("last", 2), build("dev", 2)]
    known = {"sha256:last": ("1",), "sha256:dev": ("1-dev",)}
    assert names(builds, known) == ["last", "dev"]
    assert names(builds[:2], {"sha256:last": ("1",)}) == ["between", "last"]


def test_failures_always_count() -> None:
    builds = [build("failed", 1, Result.FAILURE), build("last", 2), build("dev", 2)]
    known = {"sha256:last": ("1",), "sha256:dev": ("1-dev",)}
    assert names(builds, known) == ["failed", "last", "dev"]
