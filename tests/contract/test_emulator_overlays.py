"""The emulator's overlays and bindings held to the published description of them, without a client between."""

from collections.abc import Callable

import pytest

from reconciler.emulator import EmulatorSettings
from reconciler.emulator.query import proto_name
from tests.support.emulated import World, packages
from tests.support.openapi import DOCUMENT_OVERLAYS, Published
from tests.support.overlay_calls import ALL, BINDINGS, OVERLAYS, bind, create_overlay, exact, listed, send
from tests.support.wsgi import Reply

OVERLAY, BINDING = f"{OVERLAYS}/{{uid}}", f"{BINDINGS}/{{uid}}"


@pytest.fixture(scope="module")
def published() -> Published:
    return Published(DOCUMENT_OVERLAYS)


def bound() -> World:
    """Return a world with two overlays and three bindings."""
    world = World(EmulatorSettings(automatic_rebuilds=False))
    for name in ("custom-go", "custom-python"):
        world.emulator.edit(name, {}, replace=True)
    world.emulator.bind("corp-ca", "example.com/")
    world.emulator.bind("typer", "custom-go", ["1.25"])
    world.emulator.bind("typer", "custom-python", "dev")
    return world


def one(world: World, path: str) -> str:
    return f"{path}/{listed(world, path)[0]['uid']}"


CASES: dict[str, tuple[str, str, int, Callable[[World], Reply]]] = {
    "overlays": ("GET", OVERLAYS, 200, lambda world: world.get(OVERLAYS)),
    "bindings": ("GET", BINDINGS, 200, lambda world: world.get(BINDINGS)),
    "one page": ("GET", BINDINGS, 200, lambda world: world.get(BINDINGS, ("pageSize", "1"))),
    "an overlay": ("GET", OVERLAY, 200, lambda world: world.get(one(world, OVERLAYS))),
    "a binding": ("GET", BINDING, 200, lambda world: world.get(one(world, BINDINGS))),
    "created overlay": ("POST", OVERLAY, 200, lambda world: create_overlay(world, "x", packages("jq"))),
    "refused overlay": ("POST", OVERLAY, 400, lambda world: create_overlay(world, "x", {})),
    "created binding": ("POST", BINDING, 200, lambda world: bind(world, "corp-ca", "custom-go", exact("1.25"))),
    "refused binding": ("POST", BINDING, 400, lambda world: bind(world, "corp-ca", "custom-postgres", ALL)),
    "changed overlay": (
        "PATCH",
        OVERLAY,
        200,
        lambda world: send(world, "PATCH", one(world, OVERLAYS), {"name": "renamed"}, "name"),
    ),
    "changed binding": (
        "PATCH",
        BINDING,
        200,
        lambda world: send(world, "PATCH", one(world, BINDINGS), {"tagSelector": ALL}, "tag_selector"),
    ),
    "deleted binding": ("DELETE", BINDING, 200, lambda world: send(world, "DELETE", one(world, BINDINGS))),
    "not deleted": ("DELETE", OVERLAY, 400, lambda world: send(world, "DELETE", one(world, OVERLAYS))),
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_as_published(published: Published, name: str) -> None:
    method, path, status, ask = CASES[name]
    reply = ask(bound())
    assert reply.status == status
    schema = published.answer(method, path, status)
    assert published.problems(schema, reply.json) == []
    assert published.unknown_keys(schema, reply.json) == set()
    assert published.missing_keys(schema, reply.json) == set()


@pytest.mark.parametrize(("path", "key"), [(OVERLAYS, "overlays"), (BINDINGS, "overlayBindings")])
def test_every_published_parameter_is_read(published: Published, path: str, key: str) -> None:
    world = bound()
    parameters = [each["name"] for each in published.parameters("GET", path)]
    assert len(parameters) >= 10
    for name in parameters:
        reply = world.get(path, (name, "no such value"))
        refused = reply.status == 400 and proto_name(name) in reply.json["message"]
        assert refused or reply.json[key] == [], name
