"""Overlays and bindings, call by call: ids, masks, selectors, conflicts between bindings, filters and pages."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.emulator import EmulatorSettings
from reconciler.emulator.settings import OWNER
from tests.support.emulated import World, packages
from tests.support.overlay_calls import (
    ALL,
    BINDINGS,
    DEV,
    OVERLAYS,
    bind,
    create_overlay,
    exact,
    listed,
    organization,
    overlay,
    send,
)
from tests.support.wsgi import Reply

JQ = packages("jq")
CONFLICT = "OVERLAY_BINDING_CONFLICT"


def env(value: str) -> dict[str, Any]:
    return {"environment": {"LANG": value}}


def violations(reply: Reply) -> list[str]:
    return [each["type"] for detail in reply.json["details"] for each in detail["violations"]]


def empty(world: World, name: str) -> None:
    world.emulator.edit(name, {}, replace=True)


@pytest.fixture
def world() -> World:
    made = World(EmulatorSettings(automatic_rebuilds=False))
    for name in ("custom-go", "custom-python"):
        empty(made, name)
    return made


class TestOverlays:
    def test_a_config_is_kept_as_v2_spells_it(self, world: World) -> None:
        config = {"accounts": {"users": [{"username": "app", "uid": 1000}]}, **JQ}
        uid = overlay(world, "app", config)
        assert uid.startswith(f"{organization(world)}/")
        found = world.get(f"{OVERLAYS}/{uid}").json
        assert found["name"] == "app"
        assert found["config"]["accounts"]["users"][0]["username"] == "app"
        assert found["config"]["failMode"] == "FAIL_MODE_UNSPECIFIED"

    def test_an_update_by_mask_replaces_the_whole_config(self, world: World) -> None:
        uid = overlay(world, "app", {**JQ, **env("C")})
        reply = send(world, "PATCH", f"{OVERLAYS}/{uid}", {"config": packages("git")}, "config")
        assert reply.json["config"]["environment"] == {}
        assert reply.json["config"]["contents"]["packages"] == ["git"]
        assert send(world, "PATCH", f"{OVERLAYS}/{uid}", {"name": "renamed"}, "name").json["uid"] == uid
        assert overlay(world, "app", JQ) != uid

    @pytest.mark.parametrize("mask", ["config.contents.packages", "uid", "color"])
    def test_a_mask_of_anything_else_is_refused(self, world: World, mask: str) -> None:
        uid = overlay(world, "app", JQ)
        reply = send(world, "PATCH", f"{OVERLAYS}/{uid}", {"config": JQ}, mask)
        assert (reply.status, reply.json["code"]) == (400, 3)

    def test_leaves_of_a_body_are_no_mask(self, world: World) -> None:
        uid = overlay(world, "app", JQ)
        assert send(world, "PATCH", f"{OVERLAYS}/{uid}", {"config": JQ}).json["code"] == 3

    @pytest.mark.parametrize(
        ("config", "says"),
        [
            ({}, "config must set at least one customization field"),
            ({"environment": {}}, "config must set at least one customization field"),
            ({"certificates": {"providers": ["java"]}, **JQ}, "config may set only contents.packages, "),
            (packages("py{{patch}}-x"), "{{patch}}"),
            ({"environment": {"GUARDED_X": "1"}}, "reserved prefix"),
            ({"failMode": "FAIL_MODE_OPEN"}, "requires guarded_entrypoint"),
            ({"accounts": {"users": [{"username": "a", "uid": 1}, {"username": "a", "uid": 2}]}}, "must be unique"),
        ],
    )
    def test_a_config_that_is_refused(self, world: World, config: object, says: str) -> None:
        reply = create_overlay(world, "app", config)
        assert (reply.status, reply.json["code"]) == (400, 3)
        assert reply.json["message"].startswith("Invalid argument: config: ")
        assert says in reply.json["message"]
        assert listed(world, OVERLAYS) == []

    def test_templates_of_a_version_are_taken(self, world: World) -> None:
        overlay(world, "typer", packages("py{{major}}.{{minor}}-typer"))

    @pytest.mark.parametrize(("name", "code"), [("", 3), ("App", 3), ("app", 6)])
    def test_a_name_is_checked_and_unique(self, world: World, name: str, code: int) -> None:
        overlay(world, "app", JQ)
        assert create_overlay(world, name, JQ).json["code"] == code

    def test_one_that_is_bound_is_not_deleted(self, world: World) -> None:
        uid = overlay(world, "app", JQ)
        binding = bind(world, uid, "custom-go", ALL).json["uid"]
        reply = send(world, "DELETE", f"{OVERLAYS}/{uid}")
        assert (reply.status, reply.json["code"], violations(reply)) == (400, 9, [])
        assert send(world, "DELETE", f"{BINDINGS}/{binding}").json == {}
        assert send(world, "DELETE", f"{OVERLAYS}/{uid}").json == {}
        assert world.get(f"{OVERLAYS}/{uid}").status == 404


class TestBindings:
    def test_a_binding_lies_under_its_repository_and_holds_its_overlay(self, world: World) -> None:
        overlay(world, "app", JQ)
        made = bind(world, "app", "custom-go", exact("1.25", "1.25-dev")).json
        assert made["uid"].startswith(f"{world.id('custom-go')}/")
        assert (made["repo"], made["allRepos"]) == (world.id("custom-go"), False)
        assert made["overlay"]["config"]["contents"]["packages"] == ["jq"]
        assert made["tagSelector"]["variantType"] == "VARIANT_TYPE_UNSPECIFIED"
        assert world.get(f"{BINDINGS}/{made['uid']}").json == made

    def test_one_for_all_repositories_lies_under_the_organization(self, world: World) -> None:
        overlay(world, "app", JQ)
        made = bind(world, "app", organization(world), DEV, allRepos=True).json
        assert (made["repo"], made["allRepos"]) == ("", True)
        assert made["uid"].rpartition("/")[0] == organization(world)

    def test_one_for_all_repositories_of_a_folder_lies_under_it(self, world: World) -> None:
        folder = world.id("team-a/checkout-api").rpartition("/")[0]
        overlay(world, "app", JQ)
        made = bind(world, "app", folder, ALL, allRepos=True).json
        assert (made["repo"], made["allRepos"], made["uid"].rpartition("/")[0]) == ("", True, folder)
        assert listed(world, BINDINGS, ("uidp.descendantsOf", folder)) == [made]
        assert listed(world, BINDINGS, ("uidp.childrenOf", organization(world))) == []
        assert bind(world, "app", folder, ALL).json["code"] == 5  # a folder is no repository

    def test_the_selector_alone_can_change(self, world: World) -> None:
        overlay(world, "app", JQ)
        uid = bind(world, "app", "custom-go", ALL).json["uid"]
        changed = send(world, "PATCH", f"{BINDINGS}/{uid}", {"tagSelector": DEV}, "tag_selector")
        assert changed.json["tagSelector"]["kind"] == "KIND_VARIANT"
        assert send(world, "PATCH", f"{BINDINGS}/{uid}", {"allRepos": True}, "all_repos").status == 400

    def test_leaves_of_a_body_are_no_mask(self, world: World) -> None:
        overlay(world, "app", JQ)
        uid = bind(world, "app", "custom-go", ALL).json["uid"]
        assert send(world, "PATCH", f"{BINDINGS}/{uid}", {"tagSelector": DEV}).json["code"] == 3
        assert send(world, "PATCH", f"{BINDINGS}/{uid}", {"tagSelector": DEV}, "tag_selector.kind").json["code"] == 3
        assert world.get(f"{BINDINGS}/{uid}").json["tagSelector"]["kind"] == "KIND_ALL"

    def test_what_is_made_again_is_another(self, world: World) -> None:
        uid = overlay(world, "app", JQ)
        binding = bind(world, "app", "custom-go", ALL).json["uid"]
        for path in (f"{BINDINGS}/{binding}", f"{OVERLAYS}/{uid}"):
            assert send(world, "DELETE", path).status == 200
        assert overlay(world, "app", JQ) != uid
        assert bind(world, "app", "custom-go", ALL).json["uid"] != binding

    def test_a_name_means_the_overlay_of_the_organization(self, world: World) -> None:
        folder = world.id("team-a/checkout-api").rpartition("/")[0]
        body = {"name": "app", "config": packages("git")}
        in_folder = send(world, "POST", f"{OVERLAYS}/{folder}", body).json["uid"]
        found = bind(world, "app", "team-a/checkout-api", ALL).json["overlay"]["uid"]
        assert found == in_folder
        own = overlay(world, "app", JQ)
        assert bind(world, "app", "team-a/edge/edge-gateway", ALL).json["overlay"]["uid"] == own

    def test_an_overlay_of_another_organization_is_not_found(self) -> None:
        everywhere = dict.fromkeys(("example.com", "partner.example"), OWNER)
        world = World(EmulatorSettings(automatic_rebuilds=False, grants=everywhere))
        uid = overlay(world, "app", JQ)
        for written in ("app", uid):
            assert bind(world, written, "partner.example/example.com/custom-node", ALL).json["code"] == 5
        assert bind(world, uid, "orders-api", ALL).status == 200

    @pytest.mark.parametrize(
        "selector",
        [
            {},
            {"kind": "KIND_UNSPECIFIED"},
            exact(),
            {**ALL, "tags": ["1"]},
            {"kind": "KIND_VARIANT"},
            {**DEV, "tags": ["1"]},
        ],
    )
    def test_a_selector_that_is_refused(self, world: World, selector: object) -> None:
        overlay(world, "app", JQ)
        assert bind(world, "app", "custom-go", selector).json["code"] == 3

    def test_one_overlay_once(self, world: World) -> None:
        overlay(world, "app", JQ)
        for parent, more in (("custom-go", {}), (organization(world), {"allRepos": True})):
            assert bind(world, "app", parent, ALL, **more).status == 200
            assert bind(world, "app", parent, DEV, **more).json["code"] == 6

    @pytest.mark.parametrize(
        ("one", "other", "conflict"),
        [
            (ALL, ALL, True),
            (DEV, DEV, True),
            (exact("1", "2"), exact("2"), True),
            (exact("1"), exact("2"), False),
            (ALL, DEV, False),
            (DEV, exact("1-dev"), False),
        ],
    )
    def test_bindings_of_one_kind_agree(self, world: World, one: object, other: object, *, conflict: bool) -> None:
        overlay(world, "c", env("C"))
        overlay(world, "en", env("en_US"))
        assert bind(world, "c", "custom-go", one).status == 200
        reply = bind(world, "en", "custom-go", other)
        if not conflict:
            assert reply.status == 200
            return
        assert (reply.status, reply.json["code"], violations(reply)) == (400, 9, [CONFLICT])
        assert 'on fields [environment["LANG"]]' in reply.json["message"]
        assert len(listed(world, BINDINGS)) == 1

    def test_packages_never_conflict_and_neither_do_scopes(self, world: World) -> None:
        overlay(world, "c", {**JQ, **env("C")})
        overlay(world, "en", {**packages("git"), **env("en_US")})
        overlay(world, "more", packages("jq=1"))
        assert bind(world, "c", "custom-go", ALL).status == 200
        assert bind(world, "more", "custom-go", ALL).status == 200
        assert bind(world, "en", organization(world), ALL, allRepos=True).status == 200

    def test_an_overlay_may_not_be_changed_into_a_conflict(self, world: World) -> None:
        overlay(world, "c", env("C"))
        uid = overlay(world, "other", JQ)
        for name in ("c", "other"):
            assert bind(world, name, "custom-go", ALL).status == 200
        reply = send(world, "PATCH", f"{OVERLAYS}/{uid}", {"config": env("en_US")}, "config")
        assert violations(reply) == [CONFLICT]
        assert world.get(f"{OVERLAYS}/{uid}").json["config"]["environment"] == {}

    def test_a_conflict_names_every_binding_and_the_scope(self, world: World) -> None:
        uid = overlay(world, "other", JQ)
        for name in ("c", "d"):
            overlay(world, name, env("C"))
        root = organization(world)
        bound = {name: bind(world, name, root, DEV, allRepos=True).json["uid"] for name in ("c", "d", "other")}
        reply = send(world, "PATCH", f"{OVERLAYS}/{uid}", {"config": env("en_US")}, "config")
        assert violations(reply) == [CONFLICT]
        for name in ("c", "d"):
            named = (
                f'binding "{bound["other"]}" and binding "{bound[name]}" (overlay "{name}") on all repos of "{root}"'
            )
            assert f'{named} conflict on fields [environment["LANG"]]' in reply.json["message"]

    def test_a_conflict_with_what_the_caller_may_not_see(self, world: World) -> None:
        folder, outside = world.id("team-a/checkout-api").rpartition("/")[0], "edge-proxy"
        uid = send(world, "POST", f"{OVERLAYS}/{folder}", {"name": "ours", "config": JQ}).json["uid"]
        overlay(world, "theirs", env("C"))
        for name in (uid, "theirs"):
            assert bind(world, name, outside, ALL).status == 200
        world.emulator._settings = replace(world.emulator._settings, grants={"example.com/team-a": OWNER})
        reply = send(world, "PATCH", f"{OVERLAYS}/{uid}", {"config": env("en_US")}, "config")
        assert violations(reply) == [CONFLICT]
        assert reply.json["message"].endswith("conflicts with a binding outside the caller's view")

    def test_a_repository_has_one_of_the_two_models(self, world: World) -> None:
        overlay(world, "app", JQ)
        reply = bind(world, "app", "custom-postgres", ALL)
        assert (reply.status, reply.json["code"], violations(reply)) == (400, 9, [])
        assert "repository custom overlay and overlay binding not allowed" in reply.json["message"]
        assert bind(world, "app", "custom-go", ALL).status == 200
        other = world.put("custom-go", {"name": "custom-go", "customOverlay": JQ})
        assert (other.status, other.json["code"], other.json["message"]) == (400, 9, reply.json["message"])
        assert world.put("custom-go", {"name": "custom-go"}).status == 200


class TestLists:
    @pytest.fixture(autouse=True)
    def three(self, world: World) -> None:
        for name, to in (("a", "custom-go"), ("b", "custom-python")):
            world.emulator.bind(name, to)
        world.emulator.bind("a", "example.com/", "dev")

    def test_filters(self, world: World) -> None:
        root, go = organization(world), world.id("custom-go")
        assert len(listed(world, BINDINGS, ("uidp.descendantsOf", root))) == 3
        assert [each["repo"] for each in listed(world, BINDINGS, ("uidp.childrenOf", go))] == [go]
        assert [each["allRepos"] for each in listed(world, BINDINGS, ("uidp.childrenOf", root))] == [True]
        (a,) = listed(world, OVERLAYS, ("name", "a"))
        assert len(listed(world, BINDINGS, ("overlay", a["uid"]))) == 2

    def test_pages(self, world: World) -> None:
        first = world.get(BINDINGS, ("pageSize", "2")).json
        second = world.get(BINDINGS, ("pageSize", "2"), ("pageToken", first["nextPageToken"])).json
        assert (first["totalCount"], len(first["overlayBindings"]), len(second["overlayBindings"])) == ("3", 2, 1)
        assert second["nextPageToken"] == ""


@pytest.mark.parametrize(("who", "code"), [("viewer", 7), ("owner", None)])
def test_writing_needs_the_capability_and_reading_less(world: World, who: str, code: int | None) -> None:
    reply = send(world, "POST", f"{OVERLAYS}/{organization(world)}", {"name": "app", "config": JQ}, who=who)
    assert reply.json.get("code") == code
    assert send(world, "GET", OVERLAYS, who=who).status == 200
