"""The emulator's second generation held to the published description of it, without a client between."""

from collections.abc import Callable

import pytest

from reconciler.emulator import EmulatorSettings
from reconciler.emulator.query import proto_name
from tests.support.emulated import World, packages
from tests.support.openapi import DOCUMENT_V2, FUTURE_FIELDS, Published
from tests.support.wsgi import ANY_TOKEN, Reply, call

GROUPS, REPOS, TAGS = "/iam/v2/groups", "/registry/v2/repos", "/registry/v2/tags"
REPO = "/registry/v2/repos/{uid}"
LISTS = ((GROUPS, "groups"), (REPOS, "repos"), (TAGS, "tags"))


@pytest.fixture(scope="module")
def published() -> Published:
    return Published(DOCUMENT_V2)


def of(world: World, method: str, name: str, body: object = None, mask: str = "", *, who: str = ANY_TOKEN) -> Reply:
    params = [("updateMask", mask)] if mask else []
    return call(world.emulator, method, f"{REPOS}/{world.id(name)}", body=body, params=params, token=who)


def create(world: World, body: object) -> Reply:
    parent = world.id("custom-go").partition("/")[0]
    return call(world.emulator, "POST", f"{REPOS}/{parent}", body=body)


PLAIN = {"name": "custom-go", "customOverlay": packages("jq")}
CASES: dict[str, tuple[str, str, int, Callable[[World], Reply]]] = {
    "groups": ("GET", GROUPS, 200, lambda world: world.get(GROUPS)),
    "repositories": ("GET", REPOS, 200, lambda world: world.get(REPOS)),
    "one page": ("GET", REPOS, 200, lambda world: world.get(REPOS, ("pageSize", "3"), ("skip", "2"))),
    "nobody's": ("GET", REPOS, 200, lambda world: world.get(REPOS, ("name", "nobody"))),
    "a made-up token": ("GET", REPOS, 400, lambda world: world.get(REPOS, ("pageToken", "x"))),
    "tags": ("GET", TAGS, 200, lambda world: world.get(TAGS)),
    "one": ("GET", REPO, 200, lambda world: of(world, "GET", "custom-postgres")),
    "future": ("GET", REPO, 200, lambda world: of(world, "GET", "data-pipeline")),
    "changed": ("PATCH", REPO, 200, lambda world: of(world, "PATCH", "custom-go", PLAIN, "custom_overlay")),
    "not changed": ("PATCH", REPO, 400, lambda world: of(world, "PATCH", "custom-go", PLAIN, "color")),
    "forbidden": ("PATCH", REPO, 403, lambda world: of(world, "PATCH", "custom-go", PLAIN, who="viewer")),
    "created": ("POST", REPO, 200, lambda world: create(world, {"name": "fresh", "customOverlay": packages("jq")})),
    "not created": ("POST", REPO, 409, lambda world: create(world, {"name": "custom-go"})),
    "not deleted": ("DELETE", REPO, 501, lambda world: of(world, "DELETE", "custom-go")),
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_as_published(published: Published, name: str) -> None:
    method, path, status, ask = CASES[name]
    reply = ask(World())
    assert reply.status == status
    schema = published.answer(method, path, status)
    assert published.problems(schema, reply.json) == []
    assert published.unknown_keys(schema, reply.json) <= FUTURE_FIELDS
    assert published.missing_keys(schema, reply.json) == set()


@pytest.mark.parametrize(("path", "key"), LISTS)
def test_every_published_parameter_is_read(published: Published, path: str, key: str) -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False))
    parameters = [each["name"] for each in published.parameters("GET", path)]
    assert len(parameters) >= 10
    for name in parameters:
        reply = world.get(path, (name, "no such value"))
        refused = reply.status == 400 and proto_name(name) in reply.json["message"]
        assert refused or reply.json[key] == [], name


def test_an_update_may_change_what_the_document_lets_it(published: Published) -> None:
    """No field is refused as a path that the document has, but for what only the server writes."""
    schema = published.body("PATCH", REPO)
    assert schema is not None
    world = World()
    for name in schema["properties"]:
        proto = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        body = of(world, "GET", "custom-go").json
        assert of(world, "PATCH", "custom-go", body, proto).status == 200, name
