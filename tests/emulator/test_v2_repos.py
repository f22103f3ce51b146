"""Repositories in the second generation: one state, other names, masked updates."""

from typing import Any, Literal

import pytest

from reconciler.emulator import EmulatorSettings, Fault, Status
from tests.support.emulated import REPOS, World, packages, sections
from tests.support.wsgi import Params, Reply, call

REPOS_V2 = "/registry/v2/repos"


@pytest.fixture
def world() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))


def read(world: World, name: str) -> dict[str, Any]:
    reply = world.get(f"{REPOS_V2}/{world.id(name)}")
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json
    return found


def patch(world: World, name: str, body: object, mask: str = "", **options: Any) -> Reply:
    params: Params = [("updateMask", mask)] if mask else []
    return call(world.emulator, "PATCH", f"{REPOS_V2}/{world.id(name)}", body=body, params=params, **options)


def without(repo: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in repo.items() if key not in keys}


def test_one_repository_in_the_names_of_v2(world: World) -> None:
    v1, v2 = world.emulator.repository("custom-postgres"), read(world, "custom-postgres")
    assert v2["uid"] == v1["id"]
    assert "id" not in v2
    assert "readme" not in v2
    assert v2["catalogTier"] == "CATALOG_TIER_APPLICATION"
    assert v2["createTime"] == v2["updateTime"] == v1["createTime"]
    assert "syncApks" not in v2["sync_config"]
    assert v2["sync_config"]["expirationTime"] is None
    users = v2["customOverlay"]["accounts"]["users"]
    assert [user["username"] for user in users] == [
        user["userName"] for user in v1["customOverlay"]["accounts"]["users"]
    ]
    assert [user["gid"] for user in users] == [0, 0]  # absent and 0 cannot be told apart here
    assert [user["gid"] for user in v1["customOverlay"]["accounts"]["users"]] == [None, 0]
    assert {"groupName", "homeDir"} <= set(users[0])
    assert "userName" not in users[0]


def test_a_large_id_is_negative_in_32_bits_and_comes_back_whole(world: World) -> None:
    world.put_overlay("orders-api", {"accounts": {"users": [{"userName": "a", "uid": 2**32 - 2, "gid": 1}]}})
    (user,) = read(world, "orders-api")["customOverlay"]["accounts"]["users"]
    assert (user["uid"], user["gid"]) == (-2, 1)
    assert patch(world, "orders-api", read(world, "orders-api"), "custom_overlay").status == 200
    (user,) = world.emulator.repository("orders-api")["customOverlay"]["accounts"]["users"]
    assert user["uid"] == 2**32 - 2


def test_a_repository_that_is_not_there(world: World) -> None:
    missing = world.id("orders-api")[:-4] + "0000"
    assert world.get(f"{REPOS_V2}/{missing}").status == 404
    assert call(world.emulator, "PATCH", f"{REPOS_V2}/{missing}", body={}).status == 404
    assert world.get(f"{REPOS_V2}/orders-api").status == 400


def test_a_given_mask_replaces_one_field_whole(world: World) -> None:
    before = world.emulator.repository("data-pipeline")
    body = {"name": "data-pipeline", "description": "ignored", "customOverlay": packages("git")}
    reply = patch(world, "data-pipeline", body, "custom_overlay")
    after = world.emulator.repository("data-pipeline")
    assert reply.json == read(world, "data-pipeline")
    assert without(after, "customOverlay") == without(before, "customOverlay")
    assert after["customOverlay"]["contents"]["packages"] == ["git"]
    assert after["customOverlay"]["accounts"] is None
    assert "hardeningProfile" not in after["customOverlay"]
    assert world.emulator.writes == 1
    assert world.status("data-pipeline") == "QUEUED"


def test_a_masked_field_that_the_body_lacks_is_unset(world: World) -> None:
    assert patch(world, "custom-postgres", {}, "custom_overlay").json["customOverlay"] is None


def test_sending_back_what_was_read_changes_nothing_but_the_time(world: World) -> None:
    for repo in world.items(REPOS, ("uidp.descendantsOf", world.id("orders-api").partition("/")[0])):
        shown = read(world, repo["id"])
        world.clock.advance(1)
        reply = patch(world, repo["id"], shown, "custom_overlay,sync_config,description,active_tags,uid,create_time")
        assert without(reply.json, "updateTime") == without(shown, "updateTime")
        assert reply.json["updateTime"] > shown["updateTime"]
        for user in ((repo["customOverlay"] or {}).get("accounts") or {}).get("users", ()):
            user["gid"] = user["gid"] or None  # a gid of 0 cannot be said
        assert world.emulator.repository(repo["id"]) == repo


def test_without_a_mask_only_the_leaves_that_were_sent_change(world: World) -> None:
    before = world.emulator.repository("custom-postgres")["customOverlay"]
    body = {"customOverlay": {"contents": {"packages": ["jq"]}, "environment": {"A": "b"}}}
    assert patch(world, "custom-postgres", body).status == 200
    after = world.emulator.repository("custom-postgres")["customOverlay"]
    assert after == {
        **before,
        "contents": {**(before["contents"] or {"runtimeRepositories": [], "runtimeKeyring": []}), "packages": ["jq"]},
        "environment": {"A": "b"},
    }


@pytest.mark.parametrize("body", [{"customOverlay": {}}, {"customOverlay": None}])
def test_an_empty_message_is_a_leaf(world: World, body: object) -> None:
    assert patch(world, "custom-postgres", body).status == 200
    assert sections(world.emulator.repository("custom-postgres")["customOverlay"]) == {}


@pytest.mark.parametrize(
    "body",
    [
        {"custmOverlay": {}},
        {"id": "x"},
        {"readme": "x"},
        {"customOverlay": {"contents": {"package": ["jq"]}}},
        {"customOverlay": {"color": None}},
    ],
)
def test_without_a_mask_an_unknown_key_is_refused(world: World, body: object) -> None:
    reply = patch(world, "custom-go", body)
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert "could not find field" in reply.json["message"]
    assert world.emulator.writes == 0


def test_with_a_mask_an_unknown_key_is_refused_as_well(world: World) -> None:
    """Section E: the gateway makes a mask of the body before it looks for one."""
    body = {"custmOverlay": {}, "customOverlay": {"environment": {"A": "b"}}}
    reply = patch(world, "custom-go", body, "custom_overlay")
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert "could not find field" in reply.json["message"]
    assert world.emulator.writes == 0


@pytest.mark.parametrize(
    "mask",
    [
        "customOverlay",
        "overlay",
        "custom_overlay,",
        "custom_overlay.package",
        "custom_overlay.environment.A",
        "readme",
        "*",
        "description,custom_overlay.contents.packages.x",
        " custom_overlay",
    ],
)
def test_an_unknown_path_is_refused(world: World, mask: str) -> None:
    reply = patch(world, "custom-go", {"description": "x"}, mask)
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert "invalid path" in reply.json["message"]
    assert world.emulator.writes == 0


def test_a_mask_may_name_several_fields_and_go_deep(world: World) -> None:
    before = world.emulator.repository("custom-go")["customOverlay"]
    body = {"description": "new", "customOverlay": {"contents": {"packages": ["jq"]}}}
    reply = patch(world, "custom-go", body, "description,custom_overlay.contents.packages")
    assert reply.json["description"] == "new"
    after = world.emulator.repository("custom-go")["customOverlay"]
    assert after["contents"]["packages"] == ["jq"]
    assert after["environment"] == before["environment"] != {}


def test_a_deep_path_into_what_neither_has_leaves_it_unset(world: World) -> None:
    reply = patch(world, "orders-api", {}, "custom_overlay.contents.packages")
    assert reply.json["customOverlay"] is None


def test_what_v2_does_not_show_stays(world: World) -> None:
    world.emulator.patch("custom-go", {"sync_config": {"syncApks": True, "uniqueTags": True}})
    shown = read(world, "custom-go")
    sync = {"source": shown["sync_config"]["source"], "google": "there", "uniqueTags": False}
    assert patch(world, "custom-go", {"sync_config": sync}, "sync_config").status == 200
    after = world.emulator.repository("custom-go")["sync_config"]
    assert (after["google"], after["uniqueTags"], after["syncApks"]) == ("there", True, True)


@pytest.mark.parametrize(
    ("body", "mask"),
    [
        ({"activeTags": ["latest"]}, "active_tags"),
        ({"aliases": ["x"]}, "aliases"),
        ({"catalogTier": "CATALOG_TIER_AI"}, "catalog_tier"),
        ({}, "bundles,active_tags"),
        ({"name": "other"}, "name"),
        ({"sync_config": {"source": "chainguard/nothing"}}, "sync_config"),
        ({"customOverlay": {"environment": {"CHAINGUARD_A": "b"}}}, "custom_overlay"),
        ({"customOverlay": {"environment": {"A": 1}}}, "description"),
    ],
)
def test_what_may_not_be_changed_is_refused(world: World, body: object, mask: str) -> None:
    before = read(world, "custom-go")
    reply = patch(world, "custom-go", body, mask)
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert read(world, "custom-go") == before


def test_a_viewer_may_not_update(world: World) -> None:
    reply = patch(world, "custom-go", {}, "custom_overlay", token="viewer")
    assert (reply.status, reply.json["code"]) == (403, 7)
    assert "repo.update" in reply.json["message"]


def test_nothing_deletes(world: World) -> None:
    reply = call(world.emulator, "DELETE", f"{REPOS_V2}/{world.id('custom-go')}")
    assert (reply.status, reply.json["code"]) == (501, 12)
    assert world.emulator.repository("custom-go")


class TestCreating:
    def create(self, world: World, body: object) -> Reply:
        parent = world.id("custom-go").rpartition("/")[0]
        return call(world.emulator, "POST", f"{REPOS_V2}/{parent}", body=body)

    @pytest.mark.parametrize("source", ["chainguard/python", "images.example/chainguard/python", ""])
    def test_a_source_by_name_or_id(self, world: World, source: str) -> None:
        of_python = world.emulator.repository("custom-python")["sync_config"]["source"]
        body = {"name": "fresh", "sync_config": {"source": source or of_python}, "customOverlay": packages("jq")}
        reply = self.create(world, body)
        assert reply.status == 200
        assert reply.json["sync_config"]["source"] == of_python
        assert reply.json["sync_config"]["expirationTime"].startswith("2023-11-28T")
        assert reply.json["description"] == "Python interpreter."
        assert reply.json["createTime"] == reply.json["updateTime"] == "2023-11-14T22:13:20.250Z"
        assert world.emulator.repository("fresh")["activeTags"]
        assert world.status("fresh") == "QUEUED"

    def test_an_existing_one_is_never_replaced(self, world: World) -> None:
        reply = self.create(world, {"name": "custom-go"})
        assert (reply.status, reply.json["code"]) == (409, 6)

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": "Upper"},
            {"name": "fresh", "sync_config": {"source": "python"}},
            {"name": "fresh", "sync_config": {"source": "chainguard/python"}, "activeTags": ["x"]},
        ],
    )
    def test_what_cannot_be_created(self, world: World, body: object) -> None:
        assert self.create(world, body).status == 400
        assert world.emulator.writes == 0

    def test_what_only_the_server_says_is_ignored(self, world: World) -> None:
        reply = self.create(world, {"name": "fresh", "uid": "x", "createTime": "2001-01-01T00:00:00Z"})
        assert reply.status == 200
        assert reply.json["uid"] == world.id("fresh")
        assert reply.json["createTime"] == "2023-11-14T22:13:20.250Z"


SWITCHED_OFF: tuple[tuple[Literal[403, 404, 501], int], ...] = ((403, 7), (404, 5), (501, 12))


@pytest.mark.parametrize(("status", "code"), SWITCHED_OFF)
def test_the_second_generation_can_be_switched_off(status: Literal[403, 404, 501], code: int) -> None:
    world = World(EmulatorSettings(v2=status))
    for path in ("/iam/v2/groups", REPOS_V2, "/registry/v2/tags", f"{REPOS_V2}/{world.id('custom-go')}"):
        reply = world.get(path)
        assert (reply.status, reply.json["code"]) == (status, code)
    assert patch(world, "custom-go", {}, "custom_overlay").status == status
    assert world.emulator.writes == 0
    assert world.get(REPOS).status == 200


def test_a_fault_switches_it_off_as_well(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=404, message="Not Found"), path="/v2/", times=None))
    assert world.get(REPOS_V2).json == {"code": 5, "message": "Not Found", "details": []}
    assert world.get(REPOS_V2).status == 404
    assert world.get(REPOS).status == 200
