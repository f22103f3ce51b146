"""The emulator held to the published description of the API."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.emulator import EmulatorSettings
from reconciler.emulator.protojson import snake_case
from reconciler.emulator.query import proto_name
from tests.support.emulated import GROUPS, PACKAGES, REPORTS, REPOS, STATUSES, SUMMARIES, TAGS, World, packages
from tests.support.openapi import FUTURE_FIELDS, Published
from tests.support.wsgi import Reply, call

REPO = "/registry/v1/repos/{id}"
RESOLVE = "/apko/v1/resolve/{repoUidp}"
STATUS = "/registry/v1/repos/{repoId}:syncstatus"
OK = "/auth/v1/ok"


@pytest.fixture(scope="module")
def published() -> Published:
    return Published()


def busy() -> World:
    """Return a world in which builds wait, run, have failed and have succeeded."""
    world = World()
    world.put_overlay("custom-node", packages("crul"))
    world.clock.advance(14)
    world.put_overlay("custom-python", packages("tree"))
    world.clock.advance(2)
    world.put_overlay("custom-go", packages("jq"))
    return world


def organization(world: World) -> str:
    return world.id("custom-node").partition("/")[0]


def put(world: World, name: str, body: object, **options: Any) -> Reply:
    return world.put(name, body, **options)


def resolve(world: World, *names: str, **options: Any) -> Reply:
    path = RESOLVE.replace("{repoUidp}", world.id("orders-api"))
    return call(world.emulator, "POST", path, body={"config": packages(*names)}, **options)


def post(world: World, body: object, **options: Any) -> Reply:
    return call(world.emulator, "POST", f"{REPOS}/{organization(world)}", body=body, **options)


FULL_CONFIG = {
    **packages("jq"),
    "entrypoint": {"command": "/bin/sh", "services": {"web": "/bin/web"}},
    "accounts": {"runAs": "web", "users": [{"userName": "web", "uid": 1, "gid": 0}], "groups": [{"groupName": "web"}]},
    "paths": [{"path": "/data", "type": "directory", "uid": 0, "permissions": 493}],
    "layering": {"strategy": "origin", "budget": "10"},
    "certificates": {"additional": [{"name": "root", "content": "x"}], "providers": ["java"]},
}
CASES: dict[str, tuple[str, str, int, Callable[[World], Reply]]] = {
    "groups": ("GET", GROUPS, 200, lambda world: world.get(GROUPS)),
    "no group": ("GET", GROUPS, 200, lambda world: world.get(GROUPS, ("name", "nobody"))),
    "a filter that is none": ("GET", GROUPS, 400, lambda world: world.get(GROUPS, ("uidp.inRoot", "perhaps"))),
    "identity": ("GET", OK, 200, lambda world: world.get(OK)),
    "no identity": ("GET", OK, 401, lambda world: call(world.emulator, "GET", OK, token="")),
    "repositories": ("GET", REPOS, 200, lambda world: world.get(REPOS)),
    "reports": ("GET", REPORTS, 200, lambda world: world.get(REPORTS, ("startedSince", "2023-01-01T00:00:00Z"))),
    "running": ("GET", REPORTS, 200, lambda world: world.get(REPORTS, ("startedSince", "2023-11-14T22:13:00Z"))),
    "statuses": ("GET", STATUSES, 200, lambda world: world.get(STATUSES, ("registryId", organization(world)))),
    "no registry": ("GET", STATUSES, 400, lambda world: world.get(STATUSES)),
    "queued": ("GET", STATUS, 200, lambda world: world.get(f"{REPOS}/{world.id('custom-go')}:syncstatus")),
    "failed": ("GET", STATUS, 200, lambda world: world.get(f"{REPOS}/{world.id('custom-node')}:syncstatus")),
    "idle": ("GET", STATUS, 200, lambda world: world.get(f"{REPOS}/{world.id('orders-api')}:syncstatus")),
    "no status": ("GET", STATUS, 404, lambda world: world.get(f"{REPOS}/{organization(world)}:syncstatus")),
    "packages": ("GET", PACKAGES, 200, lambda world: world.get(PACKAGES)),
    "some packages": ("GET", PACKAGES, 200, lambda world: world.get(PACKAGES, ("pageSize", "3"), ("skip", "2"))),
    "no package": ("GET", PACKAGES, 200, lambda world: world.get(PACKAGES, ("packageName", "crul"))),
    "summaries": ("GET", SUMMARIES, 200, lambda world: world.get(SUMMARIES)),
    "no summary": ("GET", SUMMARIES, 200, lambda world: world.get(SUMMARIES, ("query", "crul"))),
    "resolved": ("POST", RESOLVE, 200, lambda world: resolve(world, "jq")),
    "resolved whole": (
        "POST",
        RESOLVE,
        200,
        lambda world: call(
            world.emulator,
            "POST",
            RESOLVE.replace("{repoUidp}", world.id("orders-api")),
            body={"config": FULL_CONFIG},
        ),
    ),
    "not resolved": ("POST", RESOLVE, 400, lambda world: resolve(world, "crul")),
    "not to be resolved": ("POST", RESOLVE, 401, lambda world: resolve(world, "jq", token="")),
    "tags": ("GET", TAGS, 200, lambda world: world.get(TAGS)),
    "replaced": ("PUT", REPO, 200, lambda world: put(world, "orders-api", {"customOverlay": {}})),
    "customised": (
        "PUT",
        REPO,
        200,
        lambda world: put(world, "custom-jre", world.emulator.repository("custom-postgres")),
    ),
    "not replaced": ("PUT", REPO, 400, lambda world: put(world, "orders-api", {"readme": 1})),
    "forbidden": ("PUT", REPO, 403, lambda world: put(world, "orders-api", {}, token="viewer")),
    "created": ("POST", REPO, 200, lambda world: post(world, {"name": "fresh"})),
    "not created": (
        "POST",
        REPO,
        409,
        lambda world: post(world, {"name": "orders-api"}, params=[("preventExisting", "true")]),
    ),
    "not deleted": (
        "DELETE",
        REPO,
        501,
        lambda world: call(world.emulator, "DELETE", f"{REPOS}/{world.id('orders-api')}"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_as_published(published: Published, name: str) -> None:
    method, path, status, ask = CASES[name]
    reply = ask(busy())
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/json"
    schema = published.answer(method, path, status)
    assert published.problems(schema, reply.json) == []
    assert published.unknown_keys(schema, reply.json) <= FUTURE_FIELDS
    assert published.missing_keys(schema, reply.json) == set()


def test_answers_that_have_items_have_some() -> None:
    world = busy()
    for name in ("groups", "packages", "repositories", "some packages", "statuses", "summaries", "tags"):
        assert CASES[name][3](world).json["items"], name
    results = {report["result"] for report in CASES["running"][3](world).json["reports"]}
    assert results == {"Unknown", "Failure", "Success"}
    statuses = {item["repoStatus"]["status"] for item in CASES["statuses"][3](world).json["items"]}
    assert statuses == {"QUEUED", "IN_PROGRESS", "FAILED"}


def test_the_future_fields_are_indeed_unknown(published: Published) -> None:
    repo = World().emulator.repository("data-pipeline")
    schema = published.answer("PUT", REPO, 200)
    assert published.unknown_keys(schema, repo) == FUTURE_FIELDS


def test_the_document_can_object(published: Published) -> None:
    repo = World().emulator.repository("custom-postgres")
    schema = published.answer("PUT", REPO, 200)
    assert published.problems(schema, {**repo, "readme": 1}) == ["$.readme: 1 is not of type 'string'"]
    assert published.problems(schema, {**repo, "createTime": "yesterday"})
    assert published.unknown_keys(schema, {**repo, "color": "red"}) == {"color"}
    del repo["customOverlay"]["accounts"]["users"][0]["gid"]
    assert published.missing_keys(schema, repo) == {"gid"}


READ = [(GROUPS, "items"), (REPOS, "items"), (REPORTS, "reports"), (TAGS, "items"), (STATUSES, "items")]
READ += [(PACKAGES, "items"), (SUMMARIES, "items")]


@pytest.mark.parametrize(("path", "key"), READ)
def test_every_published_parameter_is_read(published: Published, path: str, key: str) -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False))
    parameters = published.parameters("GET", path)
    assert parameters
    for parameter in parameters:
        reply = world.get(path, (parameter["name"], "no such value"))
        names = (snake_case(parameter["name"]), proto_name(parameter["name"]))
        refused = reply.status == 400 and any(name in reply.json["message"] for name in names)
        assert refused or reply.json[key] == [], parameter["name"]


def test_the_parameter_of_a_creation_is_read(published: Published) -> None:
    names = {each["name"] for each in published.parameters("POST", REPO)}
    assert names == {"id", "preventExisting"}
    assert post(World(), {"name": "orders-api"}, params=[("preventExisting", "perhaps")]).status == 400
