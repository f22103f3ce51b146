"""The filters of the list calls."""

import pytest

from reconciler.emulator.query import proto_name
from tests.support.emulated import GROUPS, REPOS, World


@pytest.fixture(scope="module")
def world() -> World:
    return World()  # never written to


def test_a_name_is_not_unique_and_in_root_narrows_it(world: World) -> None:
    found = world.items(GROUPS, ("name", "example.com"))
    assert len(found) == 2
    (only,) = world.items(GROUPS, ("name", "example.com"), ("uidp.inRoot", "true"))
    assert only["verified"] is True
    assert len(only["id"]) == 40


def test_descendants_of_reaches_every_level(world: World) -> None:
    (root,) = world.items(GROUPS, ("name", "example.com"), ("uidp.inRoot", "true"))
    assert world.names(GROUPS, ("uidp.descendantsOf", root["id"])) == ["edge", "team-a", "team-b"]
    names = world.names(REPOS, ("uidp.descendantsOf", root["id"]))
    assert len(names) == 23
    assert names.count("custom-node") == 2
    assert "edge-gateway" in names
    assert "widgets-api" not in names


def test_children_of_reaches_one_level(world: World) -> None:
    (root,) = world.items(GROUPS, ("name", "example.com"), ("uidp.inRoot", "true"))
    assert world.names(GROUPS, ("uidp.childrenOf", root["id"])) == ["team-a", "team-b"]
    names = world.names(REPOS, ("uidp.childrenOf", root["id"]))
    assert names.count("custom-node") == 1
    assert "checkout-api" not in names


def test_ancestors_of_goes_upwards(world: World) -> None:
    gateway = world.id("edge-gateway")
    assert world.names(GROUPS, ("uidp.ancestorsOf", gateway)) == ["edge", "example.com", "team-a"]


def test_ids_may_be_repeated(world: World) -> None:
    wanted = ("custom-go", "orders-api")
    params = [("uidp.ids", world.id(name)) for name in wanted]
    assert world.names(REPOS, *params) == list(wanted)


def test_name_and_id_are_exact(world: World) -> None:
    assert world.names(REPOS, ("name", "custom-node")) == ["custom-node"] * 3
    assert world.names(REPOS, ("name", "custom")) == []
    assert world.names(REPOS, ("id", world.id("custom-go"))) == ["custom-go"]


def test_filters_are_all_to_hold(world: World) -> None:
    (team,) = world.items(GROUPS, ("name", "team-a"))
    found = world.items(REPOS, ("name", "custom-node"), ("uidp.descendantsOf", team["id"]))
    assert [item["id"] for item in found] == [world.id("team-a/custom-node")]


def test_no_repository_lies_in_the_root(world: World) -> None:
    assert world.items(REPOS, ("uidp.inRoot", "1")) == []


def test_the_proto_spelling_of_a_parameter_is_accepted(world: World) -> None:
    (team,) = world.items(GROUPS, ("name", "team-b"))
    assert world.names(REPOS, ("uidp.descendants_of", team["id"])) == ["batch-runner", "reports-api"]


def test_unknown_and_empty_parameters_say_nothing(world: World) -> None:
    assert len(world.items(REPOS, ("pageToken", "x"), ("name", ""), ("uidp.childrenOf", ""))) == 25


@pytest.mark.parametrize(("since", "some"), [("0001-01-01T00:00:00Z", True), ("9999-12-31T23:59:59Z", False)])
def test_times_beyond_all_builds(world: World, since: str, some: bool) -> None:  # noqa: FBT001 - a case of the table
    reply = world.get("/registry/v1/buildreports", ("startedSince", since))
    assert reply.status == 200
    assert bool(reply.json["reports"]) is some


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        (REPOS, "uidp.inRoot", "maybe"),
        (REPOS, "uidp.descendantsOf", "example.com"),
        (REPOS, "uidp.ids", "a379"),
        ("/registry/v1/buildreports", "pageSize", "-1"),
        ("/registry/v1/buildreports", "pageSize", "many"),
        ("/registry/v1/buildreports", "startedSince", "yesterday"),
        ("/registry/v1/buildreports", "startedSince", "2023-02-30T00:00:00Z"),
        ("/registry/v1/buildreports", "excludeLogs", "yes"),
        ("/registry/v1/tags", "updatedSince", "1700000000"),
        ("/registry/v1/syncstatuses", "registryId", ""),
    ],
)
def test_a_value_that_cannot_be_read_is_refused(world: World, path: str, name: str, value: str) -> None:
    reply = world.get(path, (name, value))
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert proto_name(name) in reply.json["message"]  # section E: error texts use proto names
    assert not any(letter.isupper() for letter in reply.json["message"].partition(":")[0])


def test_a_single_parameter_given_twice_is_refused(world: World) -> None:
    reply = world.get(REPOS, ("name", "custom-go"), ("name", "custom-node"))
    assert (reply.status, reply.json["code"]) == (400, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("uidp", 'parsing field "uidp": unsupported message type: "chainguard.platform.common.UIDPFilter"'),
        ("uidp.inRoot.x", 'invalid path: "inRoot" is not a message'),
    ],
)
@pytest.mark.parametrize("path", [REPOS, "/registry/v2/repos", "/iam/v1/groups"])
def test_a_message_takes_no_value_and_a_value_has_no_fields(world: World, path: str, name: str, message: str) -> None:
    """Section E: `?uidp=x` is refused."""
    reply = world.get(path, (name, "x"))
    assert (reply.status, reply.json["message"]) == (400, message)
