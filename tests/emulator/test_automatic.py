"""Rebuilds that no update asked for."""

import json
from typing import Any

from reconciler.emulator import EmulatorSettings, schedule, timestamps
from tests.support.emulated import REPORTS, TAGS, World, packages

SINCE = ("startedSince", "2023-11-14T22:13:20.250Z")


def has(report: dict[str, Any], package: str) -> bool:
    return package in json.loads(report["config"])["contents"]["packages"]


def everything(world: World) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = world.get(REPORTS, SINCE).json["reports"]
    return reports


def test_some_repositories_are_rebuilt_now_and_then() -> None:
    world = World()
    world.clock.advance(3600)
    reports = everything(world)
    repositories = {report["id"].rpartition("/")[0] for report in reports}
    assert 5 < len(repositories) < 25
    assert all(report["startedAt"] > "2023-11-14T22:13:20.250Z" for report in reports)
    world.clock.advance(-1800)
    assert 0 < len(everything(world)) < len(reports)


def test_rebuilds_can_be_turned_off() -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False))
    world.clock.advance(3600)
    assert everything(world) == []


def test_what_is_seen_does_not_depend_on_how_often_one_looks() -> None:
    patient, eager = World(), World()
    for _ in range(60):
        eager.clock.advance(60)
        everything(eager)
    patient.clock.advance(3600)
    assert everything(patient) == everything(eager)


def test_after_a_long_absence_only_the_last_day_is_rebuilt() -> None:
    world = World()
    world.clock.advance(40 * 86_400)
    reports = everything(world)
    assert reports
    assert min(report["startedAt"] for report in reports) > "2023-12-23T22"


def test_an_update_finds_a_rebuild_under_way_that_runs_with_the_old_overlay() -> None:
    world = World()
    world.put_overlay("custom-node", packages("jq"))
    world.clock.advance(0.9)
    (early,) = world.reports("custom-node", SINCE)
    assert not has(early, "jq")
    assert early["startedAt"] > "2023-11-14T22:13:20.250Z"
    world.clock.advance(30)
    reports = world.reports("custom-node", SINCE)
    assert sorted(has(report, "jq") for report in reports) == [False] + [True] * 6


def test_not_every_repository_is_rebuilt_at_that_moment() -> None:
    world = World()
    world.put_overlay("custom-redis", packages("jq"))
    world.clock.advance(30)
    assert all(has(report, "jq") for report in world.reports("custom-redis", SINCE))


def test_the_old_overlay_never_wins_a_tag() -> None:
    world = World()
    world.put_overlay("custom-node", packages("jq"))
    world.clock.advance(30)
    current = {report["digest"] for report in world.reports("custom-node", SINCE) if has(report, "jq")}
    tags = world.items(TAGS, ("uidp.childrenOf", world.id("custom-node")))
    active = world.emulator.repository("custom-node")["activeTags"]
    assert {tag["digest"] for tag in tags if tag["name"] in active} == current


def test_a_rebuild_that_was_planned_but_not_begun_takes_the_new_overlay() -> None:
    ahead = World()
    ahead.clock.advance(3600)
    planned = everything(ahead)[-1]
    repository = planned["id"].rpartition("/")[0]
    slot = timestamps.from_text(planned["startedAt"]) // schedule.SLOT

    world = World()
    world.clock.now = slot * schedule.SLOT / timestamps.SECOND
    everything(world)  # plans the slot
    world.emulator.edit(repository, packages("tree"))
    world.clock.advance(3600)
    (same,) = [report for report in everything(world) if report["id"] == planned["id"]]
    assert same["startedAt"] == planned["startedAt"]
    assert (has(planned, "tree"), has(same, "tree")) == (False, True)
