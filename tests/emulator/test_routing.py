"""Paths, methods, tokens: what comes before any call."""

import pytest

from reconciler.emulator import Emulator, EmulatorSettings
from tests.support.emulated import GROUPS, REPOS, TAGS, World, packages
from tests.support.wsgi import call


@pytest.fixture
def world() -> World:
    return World()


def test_unknown_path_is_not_found(world: World) -> None:
    reply = world.get("/registry/v1/nothing")
    assert reply.status == 404
    assert reply.json == {"code": 5, "message": "Not Found", "details": []}


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "HEAD"])
def test_nothing_deletes_a_repository(world: World, method: str) -> None:
    identifier = world.id("orders-api")
    reply = call(world.emulator, method, f"{REPOS}/{identifier}")
    assert reply.status == 501
    assert method == "HEAD" or reply.json["code"] == 12  # nothing is sent in answer to HEAD but headers
    assert world.emulator.repository(identifier)["name"] == "orders-api"
    assert world.emulator.writes == 0


@pytest.mark.parametrize("raw_uri", [True, False])
def test_ids_with_plain_slashes_reach_the_repository(world: World, *, raw_uri: bool) -> None:
    identifier = world.id("team-a/custom-node")
    body = {**world.emulator.repository(identifier), "description": "changed"}
    reply = call(world.emulator, "PUT", f"{REPOS}/{identifier}", body=body, raw_uri=raw_uri)
    assert reply.status == 200
    assert world.emulator.repository(identifier)["description"] == "changed"


def test_an_escaped_slash_is_a_slash(world: World) -> None:
    """Section E: `%2F` in ids is accepted."""
    identifier = world.id("orders-api")
    body = {**world.emulator.repository(identifier), "description": "changed"}
    reply = call(world.emulator, "PUT", f"{REPOS}/{identifier.replace('/', '%2F')}", body=body, raw_uri=True)
    assert reply.status == 200
    assert world.emulator.repository(identifier)["description"] == "changed"


@pytest.mark.parametrize("path", [REPOS, f"{REPOS}/", "/registry/v2/repos"])
def test_a_creation_without_a_parent_is_refused_by_the_call_itself(world: World, path: str) -> None:
    """Section E: the path fits with an empty parent."""
    reply = call(world.emulator, "POST", path, body={"name": "fresh"})
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert world.emulator.writes == 0


def test_the_list_with_a_slash_is_not_the_list(world: World) -> None:
    """Section E: `GET /registry/v1/repos/` fits the paths of writes alone."""
    assert world.get(f"{REPOS}/").status == 501


def test_requests_are_remembered_up_to_a_number(world: World) -> None:
    """Section E: the list does not grow for ever."""
    for _ in range(3):
        world.get("/nothing")
    assert world.emulator._requests.maxlen == 10_000
    world.emulator._requests.extend([("GET", "/", "")] * 10_000)
    assert len(world.emulator.requests) == 10_000


def test_an_id_that_is_not_an_uidp_is_refused(world: World) -> None:
    reply = call(world.emulator, "PUT", f"{REPOS}/orders-api", body={})
    assert reply.status == 400
    assert reply.json["code"] == 3


def test_an_unknown_repository_is_not_found(world: World) -> None:
    missing = world.id("orders-api")[:-4] + "0000"
    reply = call(world.emulator, "PUT", f"{REPOS}/{missing}", body={})
    assert (reply.status, reply.json["code"]) == (404, 5)


@pytest.mark.parametrize("path", [GROUPS, REPOS, TAGS, "/auth/v1/ok"])
def test_a_call_without_a_token_is_unauthenticated(world: World, path: str) -> None:
    reply = call(world.emulator, "GET", path, token="")
    assert (reply.status, reply.json["code"]) == (401, 16)


@pytest.mark.parametrize("header", ["Bearer", "Bearer   ", "Basic secret", "secret"])
def test_other_authorizations_are_unauthenticated(world: World, header: str) -> None:
    def with_header(environ: dict[str, object], start_response: object) -> object:
        environ["HTTP_AUTHORIZATION"] = header
        return world.emulator(environ, start_response)  # type: ignore[arg-type]  # the same callable, loosely typed

    assert call(with_header, "GET", GROUPS).status == 401  # type: ignore[arg-type]  # as above


def test_only_listed_tokens_are_accepted() -> None:
    emulator = Emulator(settings=EmulatorSettings(tokens=frozenset({"right"})))
    assert call(emulator, "GET", GROUPS, token="right").status == 200
    assert call(emulator, "GET", GROUPS, token="wrong").status == 401


def test_a_viewer_reads_and_does_not_write(world: World) -> None:
    body = {**world.emulator.repository("orders-api"), "customOverlay": packages("jq")}
    assert call(world.emulator, "GET", REPOS, token="viewer").status == 200
    reply = world.put("orders-api", body, token="viewer")
    assert (reply.status, reply.json["code"]) == (403, 7)
    assert "repo.update" in reply.json["message"]
    assert world.emulator.repository("orders-api")["customOverlay"] is None


def test_other_organizations_are_read_only_for_everybody(world: World) -> None:
    assert world.put("widgets-api", {}).status == 403


def test_who_am_i_names_the_roles(world: World) -> None:
    owner = world.get("/auth/v1/ok").json
    roles = {entry["group"]["name"]: entry["role"]["name"] for entry in owner["capabilities"]}
    assert roles == {"example.com": "owner", "partner.example": "viewer"}
    viewer = call(world.emulator, "GET", "/auth/v1/ok", token="viewer").json
    capabilities = viewer["capabilities"][0]["role"]["capabilities"]
    assert "repo.list" in capabilities
    assert "repo.update" not in capabilities
    assert viewer["subject"] != owner["subject"]


def test_requests_and_writes_are_counted(world: World) -> None:
    world.get(REPOS, ("name", "orders-api"))
    world.put_overlay("orders-api", packages("jq"))
    world.put("orders-api", {"readme": 1})
    methods = [(method, query) for method, _, query in world.emulator.requests]
    assert methods == [("GET", "name=orders-api"), ("PUT", ""), ("PUT", "")]
    assert world.emulator.writes == 1


def test_every_answer_carries_the_servers_time(world: World) -> None:
    world.clock.now = 1_700_000_000.9
    assert world.get(GROUPS).headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert world.get("/nothing").headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
