"""Which builds a write caused, and when a repository is done."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.builds import Build, BuildConfig, Evidence, Progress, Result, Stage, Sync, Target
from reconciler.core.diff import Field, items_of
from reconciler.core.overlay import EMPTY
from reconciler.core.progress import advance, begin
from tests.support.overlays import evidence_of, overlay

BASE = {"packages": ["busybox", "nodejs-22"], "environment": {"PATH": "/usr/bin"}}
ALL = frozenset(Field) - {Field.UNRECOGNIZED}


def config(short: dict[str, Any], parts: frozenset[Field] = ALL) -> BuildConfig:
    told = frozenset((*items_of(overlay(BASE)), *items_of(overlay(short))))
    return BuildConfig(frozenset(entry for entry in told if entry.field in parts), parts)


def build(number: int = 1, *, result: Result = Result.SUCCESS, started: float = 100.0, **told: Any) -> Build:
    return Build(
        id=f"r/{number}", repository_id="r", started=started, ended=None, result=result, config=told.get("config")
    )


NOTHING: dict[str, Any] = {}
GIT, JQ = {"packages": ["git"]}, {"packages": ["jq"]}
C1, C2, C = {"packages": ["c=1"]}, {"packages": ["c=2"]}, {"packages": ["c"]}
A1, A2 = {"environment": {"A": "1"}}, {"environment": {"A": "2"}}
TX, TY = {"annotations": {"t": "x"}}, {"annotations": {"t": "y"}}


def user(**fields: Any) -> dict[str, Any]:
    return {"accounts": {"users": [{"username": "app", "uid": 7, **fields}]}}


def mirrors(*urls: str) -> dict[str, Any]:
    return {"runtime_repositories": urls}


@pytest.mark.parametrize(
    ("before", "after", "built_with", "expected"),
    [
        pytest.param(NOTHING, GIT, GIT, "new", id="added and there"),
        pytest.param(NOTHING, GIT, NOTHING, "old", id="added and missing"),
        pytest.param(GIT, NOTHING, NOTHING, "new", id="removed and gone"),
        pytest.param(GIT, NOTHING, GIT, "either", id="removed and still there"),
        pytest.param({"packages": ["git", "jq"]}, NOTHING, JQ, "new", id="base has one of the removed"),
        pytest.param(GIT, JQ, GIT, "old", id="replaced, old"),
        pytest.param(GIT, JQ, JQ, "new", id="replaced, new"),
        pytest.param(C1, C2, C1, "old", id="constraint, old"),
        pytest.param(C1, C2, C2, "new", id="constraint, new"),
        pytest.param(C1, C, C1, "either", id="constraint dropped, still pinned"),
        pytest.param(NOTHING, C, {"packages": ["c=2.1-r0"]}, "new", id="locked version serves a bare name"),
        pytest.param(A1, A2, A1, "old", id="variable changed, old"),
        pytest.param(A1, A2, A2, "new", id="variable changed, new"),
        pytest.param(A1, NOTHING, NOTHING, "new", id="variable gone"),
        pytest.param(TX, TY, TX, "old", id="annotation changed, old"),
        pytest.param(NOTHING, user(), user(gid=7, shell="/bin/sh"), "new", id="the image may say more of a user"),
        pytest.param(NOTHING, user(gid=0), user(), "old", id="a wanted gid of 0 is not an absent one"),
        pytest.param(NOTHING, user(shell="/bin/sh"), user(shell="/bin/bash"), "old", id="another shell"),
        pytest.param(NOTHING, user(groupname="app"), user(), "new", id="a name that the configuration leaves out"),
        pytest.param(NOTHING, mirrors("https://a"), mirrors("https://z", "https://a"), "new", id="further mirrors"),
        pytest.param(NOTHING, mirrors("https://a"), mirrors("https://z"), "old", id="other mirrors"),
    ],
)
def test_evidence(before: dict[str, Any], after: dict[str, Any], built_with: dict[str, Any], expected: str) -> None:
    assert evidence_of(build(config=config(built_with)), overlay(before), overlay(after)) == Evidence(expected)


def test_silence_about_a_part_proves_nothing() -> None:
    packages_only = frozenset({Field.PACKAGES})
    told = build(config=config({"packages": ["git"]}, packages_only))
    assert evidence_of(told, EMPTY, overlay({"environment": {"A": "1"}})) is Evidence.EITHER
    assert evidence_of(told, EMPTY, overlay({"environment": {"A": "1"}, "packages": ["git"]})) is Evidence.NEW
    assert evidence_of(build(config=None), EMPTY, overlay({"packages": ["git"]})) is Evidence.EITHER


ADD_GIT = Target(repository="r", id="r", before=EMPTY, after=overlay({"packages": ["git"]}), since=100.0)
DROP_GIT = Target(repository="r", id="r", before=overlay({"packages": ["git"]}), after=EMPTY, since=100.0)
NEW = config({"packages": ["git"]})
OLD = config({})


def look(known: Progress, *builds: Build, sync: Sync = Sync.IDLE, now: float = 0.0) -> Progress:
    return advance(known, builds, sync, now=now, settle=5.0)


def test_a_repository_from_the_queue_to_done() -> None:
    known = begin(ADD_GIT, now=0)
    known = look(known, sync=Sync.QUEUED, now=1)
    assert known.stage is Stage.WAITING
    running = build(result=Result.RUNNING, config=NEW)
    known = look(known, running, sync=Sync.IN_PROGRESS, now=2)
    assert known.stage is Stage.BUILDING
    ended = replace(running, result=Result.SUCCESS)
    known = look(known, ended, sync=Sync.IN_PROGRESS, now=3)
    assert known.stage is Stage.BUILDING
    known = look(known, ended, now=4)
    assert known.stage is Stage.SETTLING
    known = look(known, ended, now=8.9)
    assert known.stage is Stage.SETTLING
    assert look(known, ended, now=9).stage is Stage.DONE
    late = build(2, result=Result.RUNNING, config=NEW)
    assert look(known, ended, late, now=9).stage is Stage.BUILDING


def test_a_rebuild_with_the_old_overlay_does_not_count() -> None:
    known = begin(ADD_GIT, now=0)
    for now in range(100):
        known = look(known, build(config=OLD), now=now)
    assert (known.stage, known.builds) == (Stage.WAITING, ())


def test_a_running_rebuild_with_the_old_overlay_does_not_hold_up() -> None:
    known = begin(ADD_GIT, now=0)
    old = build(1, config=OLD, result=Result.RUNNING)
    known = look(known, old, build(2, config=NEW), now=1)
    assert look(known, old, build(2, config=NEW), now=9).stage is Stage.DONE


def test_a_build_from_before_the_write_does_not_count() -> None:
    known = look(begin(ADD_GIT, now=0), build(config=NEW, started=99.9), now=50)
    assert known.builds == ()


def test_a_running_build_that_does_not_tell_its_configuration_holds_up() -> None:
    known = begin(ADD_GIT, now=0)
    silent = build(1, result=Result.RUNNING)
    known = look(known, silent, build(2, config=NEW), now=1)
    assert look(known, silent, build(2, config=NEW), now=50).stage is Stage.BUILDING


def test_undecidable_builds_count_once_the_queue_took_the_write_and_is_through() -> None:
    has_git_itself = build(config=NEW)
    known = look(begin(DROP_GIT, now=0), has_git_itself, now=50)
    assert known.builds == ()
    known = look(known, has_git_itself, sync=Sync.IN_PROGRESS, now=51)
    assert known.builds == ()
    known = look(known, has_git_itself, now=52)
    assert known.builds == (has_git_itself,)
    assert look(known, has_git_itself, now=60).stage is Stage.DONE


def test_undecidable_builds_do_not_count_next_to_certain_ones() -> None:
    known = look(begin(DROP_GIT, now=0), sync=Sync.IN_PROGRESS, now=1)
    known = look(known, build(1, config=NEW), build(2, config=OLD), now=2)
    assert [one.id for one in known.builds] == ["r/2"]


def test_failures_are_distinguished() -> None:
    known = look(begin(ADD_GIT, now=0), build(1, config=NEW, result=Result.FAILURE), build(2, config=NEW), now=1)
    assert [one.id for one in known.failures] == ["r/1"]
    assert len(known.ended) == 2
