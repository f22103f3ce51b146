"""Overlays and bindings (v2beta1): what is published of them, and what the API refuses."""

from typing import Any

import pytest

from reconciler.emulator import EmulatorSettings, Fault, NotEnrolled
from tests.support.emulated import World, packages
from tests.support.openapi import DOCUMENT_OVERLAYS, FUTURE_FIELDS, Published
from tests.support.wsgi import Params, Reply, call

OVERLAYS, BINDINGS = "/registry/v2beta1/overlays", "/registry/v2beta1/overlayBindings"
PLAIN, OTHER = "orders-api", "web-frontend"  # without an overlay of their own
ALL = {"kind": "KIND_ALL"}
ENROLL = (
    "Precondition failed: this organization is not enrolled in Custom Assembly Overlays. "
    "Contact your Chainguard account team to enroll."
)


@pytest.fixture
def world() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))


def ask(world: World, method: str, path: str, body: object = None, mask: str = "") -> Reply:
    params: Params = [("updateMask", mask)] if mask else []
    return call(world.emulator, method, path, body=body, params=params)


def root(world: World) -> str:
    return world.id(PLAIN).partition("/")[0]


def create(world: World, name: str, config: Any) -> Reply:
    return ask(world, "POST", f"{OVERLAYS}/{root(world)}", {"name": name, "config": config})


def bind(world: World, overlay: str, selector: Any = ALL, *, to: str = PLAIN) -> Reply:
    return ask(world, "POST", f"{BINDINGS}/{world.id(to)}", {"overlay": overlay, "tagSelector": selector})


def made(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    found: str = reply.json["uid"]
    return found


def test_answers_are_as_published(world: World) -> None:
    published = Published(DOCUMENT_OVERLAYS)
    config = {**packages("jq"), "accounts": {"users": [{"username": "web", "uid": 1, "gid": 1}]}}
    overlay = made(create(world, "tools", {**config, "guardedEntrypoint": True, "commandOverride": {}}))
    binding = made(bind(world, "tools", {"kind": "KIND_EXACT", "tags": ["24"]}))
    asked: dict[tuple[str, str], Reply] = {
        ("GET", OVERLAYS): world.get(OVERLAYS),
        ("GET", BINDINGS): world.get(BINDINGS, ("overlay", overlay)),
        ("GET", f"{OVERLAYS}/{{uid}}"): world.get(f"{OVERLAYS}/{overlay}"),
        ("GET", f"{BINDINGS}/{{uid}}"): world.get(f"{BINDINGS}/{binding}"),
        ("PATCH", f"{OVERLAYS}/{{uid}}"): ask(world, "PATCH", f"{OVERLAYS}/{overlay}", {"name": "more"}, "name"),
        ("PATCH", f"{BINDINGS}/{{uid}}"): ask(
            world, "PATCH", f"{BINDINGS}/{binding}", {"tagSelector": ALL}, "tag_selector"
        ),
        ("POST", f"{OVERLAYS}/{{uid}}"): create(world, "second", packages("git")),
        ("POST", f"{BINDINGS}/{{uid}}"): bind(world, "second", to=OTHER),
        ("DELETE", f"{BINDINGS}/{{uid}}"): ask(world, "DELETE", f"{BINDINGS}/{binding}"),
        ("DELETE", f"{OVERLAYS}/{{uid}}"): ask(world, "DELETE", f"{OVERLAYS}/{overlay}"),
    }
    for (method, path), reply in asked.items():
        assert reply.status == 200, reply.body
        schema = published.answer(method, path, 200)
        assert published.problems(schema, reply.json) == []
        assert published.unknown_keys(schema, reply.json) <= FUTURE_FIELDS
        assert published.missing_keys(schema, reply.json) == set()
    assert [each["name"] for each in asked["GET", OVERLAYS].json["overlays"]] == ["tools"]
    assert [each["overlay"]["name"] for each in asked["GET", BINDINGS].json["overlayBindings"]] == ["tools"]


@pytest.mark.parametrize(("path", "key"), [(OVERLAYS, "overlays"), (BINDINGS, "overlayBindings")])
def test_every_published_parameter_is_read(world: World, path: str, key: str) -> None:
    made(create(world, "tools", packages("jq")))
    made(bind(world, "tools"))
    assert len(world.get(path).json[key]) == 1
    for parameter in Published(DOCUMENT_OVERLAYS).parameters("GET", path):
        reply = world.get(path, (parameter["name"], "no such value"))
        assert reply.status == 400 or reply.json[key] == [], parameter["name"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "config must set at least one customization field"),
        ({"guardedEntrypoint": False}, "config must set at least one customization field"),
        ({"certificates": {"providers": ["java"]}}, "config may set only contents.packages, "),
        ({"failMode": "FAIL_MODE_OPEN"}, "config.fail_mode requires guarded_entrypoint"),
        ({"environment": {"GUARDED_X": "1"}}, "environment variable \"GUARDED_X\" uses reserved prefix 'GUARDED_'"),
        (packages("py{{patch}}"), 'config.contents.packages: package "py{{patch}}" uses'),
        ({"accounts": {"users": [{"username": "a", "uid": 1}, {"username": "a", "uid": 2}]}}, "accounts.users: "),
    ],
)
def test_a_refused_configuration(world: World, config: Any, message: str) -> None:
    reply = create(world, "tools", config)
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert reply.json["message"].startswith(f"Invalid argument: config: {message}")


def test_the_two_models_exclude_each_other(world: World) -> None:
    made(create(world, "tools", packages("jq")))
    replies = [bind(world, "tools", to="custom-go")]
    made(bind(world, "tools"))
    replies.append(world.put(PLAIN, {**world.emulator.repository(PLAIN), "customOverlay": packages("git")}))
    for reply in replies:
        assert (reply.status, reply.json["code"], reply.json["details"]) == (400, 9, [])
        assert reply.json["message"] == "repository custom overlay and overlay binding not allowed"


def test_co_matching_bindings_must_agree(world: World) -> None:
    made(create(world, "open", {"guardedEntrypoint": True, "failMode": "FAIL_MODE_OPEN"}))
    made(create(world, "closed", {"guardedEntrypoint": True, "failMode": "FAIL_MODE_CLOSED"}))
    first = made(bind(world, "open"))
    reply = bind(world, "closed")
    assert (reply.status, reply.json["code"]) == (400, 9)
    assert reply.json["message"] == (
        "Precondition failed: overlay config does not merge commutatively with co-matching binding(s): "
        f'binding "{first}" (overlay "open", selector ALL) on fields [fail_mode]'
    )
    assert "OVERLAY_BINDING_CONFLICT" in str(reply.json["details"])
    made(bind(world, "closed", {"kind": "KIND_VARIANT", "variantType": "VARIANT_TYPE_DEV"}))


def test_an_update_must_not_make_bindings_disagree(world: World) -> None:
    changed = made(create(world, "one", {"environment": {"X": "1"}}))
    made(create(world, "two", {"environment": {"X": "1"}}))
    first, second = made(bind(world, "one")), made(bind(world, "two"))
    reply = ask(world, "PATCH", f"{OVERLAYS}/{changed}", {"config": {"environment": {"X": "2"}}}, "config")
    assert reply.json["message"] == (
        "Precondition failed: overlay config update does not merge commutatively with co-bound overlay(s): "
        f'binding "{first}" and binding "{second}" (overlay "two") on repo "{world.id(PLAIN)}" '
        'conflict on fields [environment["X"]]'
    )
    assert world.get(f"{OVERLAYS}/{changed}").json["config"]["environment"] == {"X": "1"}


def test_only_whole_fields_can_be_updated(world: World) -> None:
    uid = made(create(world, "tools", packages("jq")))
    body = {"config": packages("git")}
    assert ask(world, "PATCH", f"{OVERLAYS}/{uid}", body, "config.contents.packages").status == 400
    assert ask(world, "PATCH", f"{OVERLAYS}/{uid}", body).status == 400
    reply = ask(world, "PATCH", f"{OVERLAYS}/{uid}", body, "config")
    assert reply.json["config"]["contents"]["packages"] == ["git"]


def test_what_is_there_once_is_not_made_twice(world: World) -> None:
    uid = made(create(world, "tools", packages("jq")))
    made(bind(world, "tools"))
    for reply in (create(world, "tools", packages("git")), bind(world, uid)):
        assert (reply.status, reply.json["code"]) == (409, 6)
    assert ask(world, "DELETE", f"{OVERLAYS}/{uid}").json["code"] == 9


@pytest.mark.parametrize("status", [403, 404, 501])
def test_a_server_without_overlays(status: Any) -> None:
    world = World(EmulatorSettings(overlays=status))
    assert {world.get(path).status for path in (OVERLAYS, BINDINGS)} == {status}


def test_an_organization_that_is_not_enrolled(world: World) -> None:
    outside = World(EmulatorSettings(not_enrolled=frozenset({"overlays"})))
    world.emulator.faults.add(Fault(effect=NotEnrolled(feature="overlays"), times=None))
    for each in (outside, world):
        reply = create(each, "tools", packages("jq"))
        assert (reply.status, reply.json["code"], reply.json["message"]) == (400, 9, ENROLL)
        assert each.get(BINDINGS).json["overlayBindings"] == []


def test_the_wrapper_has_an_enrollment_of_its_own(world: World) -> None:
    world.emulator.faults.add(Fault(effect=NotEnrolled(feature="guarded_entrypoint"), times=None))
    reply = create(world, "tools", {"guardedEntrypoint": True})
    assert (reply.status, reply.json["message"]) == (403, "using config.guarded_entrypoint is not allowed")
