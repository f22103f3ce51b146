"""What a build's configuration proves of what was asked for."""

from dataclasses import replace

import pytest

from reconciler.core.builds import (
    Build,
    BuildConfig,
    Lacking,
    Proof,
    Proven,
    Result,
    Target,
    Unproven,
    build_failed,
    prove,
    verified,
)
from reconciler.core.diff import Field, items_of
from reconciler.core.overlay import EMPTY
from reconciler.core.progress import begin, with_provided
from tests.support.overlays import overlay


def proof(wanted: str, found: str) -> Proof:
    after = overlay({"packages": [wanted]})
    config = BuildConfig(frozenset(items_of(overlay({"packages": [found]}))), frozenset({Field.PACKAGES}))
    build = Build(id="1", repository_id="r", started=None, ended=None, result=Result.SUCCESS, config=config)
    return prove(build, Target(repository="r", id="r", before=EMPTY, after=after, since=0))


@pytest.mark.parametrize("wanted", ["git", "git~2.1", "git=2.1.3-r0", "git>2"])
def test_a_locked_version_that_is_allowed_is_proof(wanted: str) -> None:
    assert proof(wanted, "git=2.1.3-r0") == Proven(versions={"git": "2.1.3-r0"})


@pytest.mark.parametrize("wanted", ["jq", "git~2.2", "git>3"])
def test_what_is_not_there_is_lacking(wanted: str) -> None:
    assert isinstance(proof(wanted, "git=2.1.3-r0"), Lacking)


def test_the_provider_of_a_virtual_name_is_not_reported() -> None:
    assert isinstance(proof("cmd:git", "git=2.1.3-r0"), Unproven)


def contents(*packages: str) -> BuildConfig:
    return BuildConfig(frozenset(items_of(overlay({"packages": list(packages)}))), frozenset({Field.PACKAGES}))


def locked_build(asked: str, *locked: str) -> Build:
    return Build(
        id="1",
        repository_id="r",
        started=None,
        ended=None,
        result=Result.SUCCESS,
        config=contents(asked),
        locked=contents(*locked),
    )


def watching(*packages: str) -> Target:
    return Target(repository="r", id="r", before=EMPTY, after=overlay({"packages": list(packages)}), since=0)


def test_what_was_locked_decides_and_not_what_was_asked_for() -> None:
    build = locked_build("git", "curl=8.16.0-r1")
    assert isinstance(prove(build, watching("git")), Lacking)
    assert build_failed(build, watching("git"))


@pytest.mark.parametrize("wanted", ["go", "go~1.25", "cmd:go"])
def test_a_package_that_provides_what_was_asked_for_is_proof(wanted: str) -> None:
    name = wanted.partition("~")[0]
    build = with_provided(locked_build(wanted, "go-1.25=1.25.2-r0"), watching(wanted), {name: frozenset({"go-1.25"})})
    assert prove(build, watching(wanted)) == Proven(versions={name: "1.25.2-r0"})
    assert not build_failed(build, watching(wanted))


def test_a_name_may_be_provided_in_a_version_of_its_own() -> None:
    build = with_provided(locked_build("jvm=21", "openjdk=9"), watching("jvm=21"), {"jvm": frozenset({"openjdk"})})
    assert isinstance(prove(build, watching("jvm=21")), Proven)


def test_a_provider_that_was_not_installed_is_not_a_proof() -> None:
    build = with_provided(locked_build("go", "git=2.1"), watching("go"), {"go": frozenset({"go-1.25"})})
    assert isinstance(prove(build, watching("go")), Lacking)


def test_what_this_version_does_not_know_is_not_proven() -> None:
    after = overlay({"packages": ["git"], "unrecognised": [("newThing", "1")]})
    watch = Target(repository="r", id="r", before=EMPTY, after=after, since=0)
    assert isinstance(prove(locked_build("git", "git=2.1"), watch), Proven)


def test_what_is_verified_is_counted_by_digest() -> None:
    """Two builds that came to the same digest are one; it is proven when both are."""
    right, wrong = locked_build("git", "git=2.1"), locked_build("git", "jq=1")
    builds = (
        replace(right, id="r/1", digest="sha256:1"),
        replace(right, id="r/2", digest="sha256:1"),
        replace(right, id="r/3", digest="sha256:2"),
        replace(wrong, id="r/4", digest="sha256:2"),
        replace(right, id="r/5"),
        replace(right, id="r/6", digest="sha256:6", result=Result.FAILURE),
    )
    progress = replace(begin(watching("git"), now=0), builds=builds)
    assert verified([progress]) == (2, 3)
