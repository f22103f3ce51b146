"""Paged lists: sizes, order, tokens, and a world that changes between pages."""

import base64
import json
from typing import Any

import pytest

from reconciler.emulator import EmulatorSettings
from tests.support.emulated import GROUPS, REPOS, TAGS, World
from tests.support.wsgi import call

REPOS_V2 = "/registry/v2/repos"
GROUPS_V2 = "/iam/v2/groups"
TAGS_V2 = "/registry/v2/tags"
KEYS = {REPOS_V2: "repos", GROUPS_V2: "groups", TAGS_V2: "tags"}


@pytest.fixture
def world() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))


def pages(world: World, path: str, *params: tuple[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while not found or token:
        reply = world.get(path, *params, *([("pageToken", token)] if token else []))
        assert reply.status == 200, reply.body
        found.append(reply.json)
        assert len(found) < 300, "the list never ends"
        token = reply.json["nextPageToken"]
    return found


def named(found: list[dict[str, Any]], path: str, key: str = "uid") -> list[str]:
    return [item[key] for page in found for item in page[KEYS[path]]]


@pytest.mark.parametrize(("path", "other"), [(REPOS_V2, REPOS), (GROUPS_V2, GROUPS)])
@pytest.mark.parametrize("size", ["1", "7", "200", ""])
def test_the_pages_together_are_the_list_of_v1(world: World, path: str, other: str, size: str) -> None:
    found = pages(world, path, ("pageSize", size))
    ids = [item["id"] for item in world.items(other)]
    assert named(found, path) == sorted(ids)
    assert {page["totalCount"] for page in found} == {str(len(ids))}
    assert {page["skipped"] for page in found} == {0}
    assert all(len(page[KEYS[path]]) == int(size or "50") for page in found[:-1])


def test_a_page_has_fifty_and_at_most_two_hundred(world: World) -> None:
    assert len(world.get(TAGS_V2).json["tags"]) == 50
    every = ("includeReferrers", "true"), ("includeDates", "true"), ("includeEpochs", "true")
    assert len(world.get(TAGS_V2, *every, ("pageSize", "100000")).json["tags"]) == 200
    assert sorted(named(pages(world, TAGS_V2, *every), TAGS_V2)) == sorted(tag["id"] for tag in world.items(TAGS))


def test_tags_leave_out_what_v1_leaves_out_when_asked(world: World) -> None:
    excluded = world.items(TAGS, *((f"exclude{form}", "true") for form in ("Referrers", "Dates", "Epochs")))
    assert sorted(named(pages(world, TAGS_V2), TAGS_V2)) == sorted(tag["id"] for tag in excluded)
    digest = excluded[0]["digest"]
    found = pages(world, TAGS_V2, ("digest", digest))
    assert {tag["digest"] for page in found for tag in page["tags"]} == {digest}


def test_filters_are_those_of_v1(world: World) -> None:
    root = world.id("custom-node").partition("/")[0]
    assert named(pages(world, REPOS_V2, ("uidp.childrenOf", root), ("name", "custom-node")), REPOS_V2) == [
        world.id("custom-node")
    ]
    assert named(pages(world, GROUPS_V2, ("name", "example.com"), ("uidp.inRoot", "true")), GROUPS_V2) == [root]
    assert pages(world, REPOS_V2, ("name", "nobody")) == [
        {"repos": [], "nextPageToken": "", "totalCount": "0", "skipped": 0}
    ]
    assert world.get(REPOS_V2, ("uidp.ids", "x")).status == 400


def test_folders_have_kind_and_status_of_their_organization(world: World) -> None:
    found = {group["name"]: group for page in pages(world, GROUPS_V2) for group in page["groups"]}
    assert found["edge"]["kind"] == "ORG_KIND_CUSTOMER"
    assert found["edge"]["status"] == "ORG_STATUS_READY"
    (edge,) = world.items(GROUPS, ("name", "edge"))
    assert edge["kind"] == "ORG_KIND_CUSTOMER"


@pytest.mark.parametrize(
    ("order", "key", "descending"),
    [
        ("name", "name", False),
        ("name asc", "name", False),
        ("name desc", "name", True),
        ("uid DESC", "uid", True),
        ("create_time desc", "createTime", True),
    ],
)
def test_an_order_holds_across_pages(world: World, order: str, key: str, descending: bool) -> None:  # noqa: FBT001 - a case of the table
    found = pages(world, REPOS_V2, ("orderBy", order), ("pageSize", "4"))
    values = named(found, REPOS_V2, key)
    assert values == sorted(values, reverse=descending)
    assert len(set(named(found, REPOS_V2))) == len(values) == 25


def test_the_newest_update_comes_first_when_asked(world: World) -> None:
    world.clock.advance(1)
    assert world.put("orders-api", world.emulator.repository("orders-api")).status == 200
    assert named(pages(world, REPOS_V2, ("orderBy", "update_time desc")), REPOS_V2, "name")[0] == "orders-api"


@pytest.mark.parametrize("order", ["color", "name sideways", "updateTime", "name asc desc"])
def test_an_order_that_there_is_not(world: World, order: str) -> None:
    assert world.get(REPOS_V2, ("orderBy", order)).status == 400


def test_skipping_counts_from_the_page(world: World) -> None:
    every = named(pages(world, REPOS_V2), REPOS_V2)
    first = world.get(REPOS_V2, ("pageSize", "5"), ("skip", "3")).json
    assert [repo["uid"] for repo in first["repos"]] == every[3:8]
    assert first["skipped"] == 3
    again = ("pageSize", "5"), ("pageToken", first["nextPageToken"])
    second = world.get(REPOS_V2, *again, ("skip", "2")).json
    assert [repo["uid"] for repo in second["repos"]] == every[10:15]
    assert second["skipped"] == 5
    beyond = world.get(REPOS_V2, ("skip", "2147483647")).json
    assert (beyond["repos"], beyond["nextPageToken"], beyond["skipped"]) == ([], "", 25)


def test_a_token_survives_a_repository_that_comes_between(world: World) -> None:
    names = named(pages(world, REPOS_V2, ("orderBy", "name")), REPOS_V2, "name")
    page = world.get(REPOS_V2, ("orderBy", "name"), ("pageSize", "10")).json
    parent = world.id("custom-go").rpartition("/")[0]
    assert call(world.emulator, "POST", f"{REPOS_V2}/{parent}", body={"name": "aaa"}).status == 200
    rest = world.get(REPOS_V2, ("orderBy", "name"), ("pageToken", page["nextPageToken"])).json
    assert [repo["name"] for repo in (*page["repos"], *rest["repos"])] == names


def test_a_token_belongs_to_its_filter_and_order(world: World) -> None:
    token = world.get(REPOS_V2, ("pageSize", "2")).json["nextPageToken"]
    assert world.get(REPOS_V2, ("pageToken", token)).status == 200
    for other in (("orderBy", "name"), ("name", "custom-node"), ("uidp.inRoot", "true")):
        reply = world.get(REPOS_V2, ("pageToken", token), other)
        assert (reply.status, reply.json["code"]) == (400, 3)
        assert "another filter or order" in reply.json["message"]


def test_a_token_lives_three_days(world: World) -> None:
    token = world.get(REPOS_V2, ("pageSize", "2")).json["nextPageToken"]
    world.clock.advance(3 * 86_400)
    assert world.get(REPOS_V2, ("pageToken", token)).status == 200
    world.clock.advance(1)
    reply = world.get(REPOS_V2, ("pageToken", token))
    assert reply.status == 400
    assert "expired" in reply.json["message"]


MADE_UP: tuple[object, ...] = ({}, [1], ["", 0, None, "x", 0], ["", True, "a", "x", 0], ["", 0, 1.5, "x", 0])


@pytest.mark.parametrize("text", ["x", "AAAA", "é", "=", *(json.dumps(value) for value in MADE_UP)])
def test_a_token_that_is_none(world: World, text: str) -> None:
    for token in (text, base64.urlsafe_b64encode(text.encode()).decode()):
        reply = world.get(REPOS_V2, ("pageToken", token))
        assert (reply.status, reply.json["code"]) == (400, 3)


@pytest.mark.parametrize("name", ["pageSize", "skip"])
@pytest.mark.parametrize("value", ["-1", "2147483648", "9" * 5000, "many", "1.5", " 1"])
def test_numbers_that_cannot_be_counts(world: World, name: str, value: str) -> None:
    assert world.get(REPOS_V2, (name, value)).status == 400
