"""Overlays and bindings of an emulated world, asked for without a client."""

from typing import Any

from tests.support.emulated import World
from tests.support.wsgi import ANY_TOKEN, Reply, call

OVERLAYS, BINDINGS = "/registry/v2beta1/overlays", "/registry/v2beta1/overlayBindings"
ALL = {"kind": "KIND_ALL"}
DEV = {"kind": "KIND_VARIANT", "variantType": "VARIANT_TYPE_DEV"}


def exact(*tags: str) -> dict[str, Any]:
    return {"kind": "KIND_EXACT", "tags": list(tags)}


def organization(world: World) -> str:
    return world.id("orders-api").partition("/")[0]


def send(world: World, method: str, path: str, body: object = None, mask: str = "", *, who: str = ANY_TOKEN) -> Reply:
    params = [("updateMask", mask)] if mask else []
    return call(world.emulator, method, path, body=body, params=params, token=who)


def create_overlay(world: World, name: str, config: object) -> Reply:
    return send(world, "POST", f"{OVERLAYS}/{organization(world)}", {"name": name, "config": config})


def overlay(world: World, name: str, config: object) -> str:
    """Create an overlay and return its id."""
    reply = create_overlay(world, name, config)
    assert reply.status == 200, reply.body
    uid: str = reply.json["uid"]
    return uid


def bind(world: World, written: str, to: str, selector: object, **more: object) -> Reply:
    """Bind an overlay to a repository by name, or to what an id stands for."""
    parent = to if len(to) >= 40 else world.id(to)
    return send(world, "POST", f"{BINDINGS}/{parent}", {"overlay": written, "tagSelector": selector, **more})


def listed(world: World, path: str, *params: tuple[str, str]) -> list[Any]:
    reply = world.get(path, *params)
    assert reply.status == 200, reply.body
    found: list[Any] = reply.json["overlays" if path == OVERLAYS else "overlayBindings"]
    return found
