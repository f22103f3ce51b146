"""Tokens: exchanged, expiring, and what their holder may do."""

import base64
import json
from typing import Any

import pytest

from reconciler.emulator import EmulatorSettings
from reconciler.emulator.iam import authenticate
from reconciler.emulator.settings import VIEWER
from tests.support.emulated import GROUPS, REPORTS, REPOS, STATUSES, TAGS, World, packages
from tests.support.wsgi import Reply, call

EXCHANGE = "/sts/exchange"
OK = "/auth/v1/ok"
OIDC = "ci.oidc.token"
IDENTITY = "0123456789abcdef0123456789abcdef01234567/0123456789abcdef"
FORM = "application/x-www-form-urlencoded"


def exchange(world: World, body: str = f"aud=https://api.example&identity={IDENTITY}", **options: Any) -> Reply:
    given = {"token": OIDC, "content_type": FORM, **options}
    return call(world.emulator, "POST", EXCHANGE, raw_body=body.encode(), **given)


def test_a_token_is_exchanged_for_one_that_is_accepted() -> None:
    world = World(EmulatorSettings(tokens=frozenset({"owner"}), oidc_tokens=frozenset({OIDC})))
    reply = exchange(world)
    assert reply.status == 200
    assert set(reply.json) == {"token", "refreshToken", "expiry"}
    assert reply.json["expiry"] == "2023-11-14T23:13:20Z"
    claims = json.loads(base64.urlsafe_b64decode(reply.json["token"].split(".")[1] + "=="))
    assert claims["exp"] == 1_700_003_600
    assert (claims["sub"], claims["aud"]) == (IDENTITY, ["https://api.example"])
    assert call(world.emulator, "GET", GROUPS, token=reply.json["token"]).status == 200
    assert call(world.emulator, "GET", GROUPS, token=reply.json["token"][:-1]).status == 401
    assert world.emulator.writes == 0


def test_parameters_may_stand_in_the_query_as_well() -> None:
    world = World()
    parameters = [("identity", IDENTITY), ("aud", "a"), ("aud", "b")]
    for method in ("GET", "POST"):
        reply = call(world.emulator, method, EXCHANGE, params=parameters, token=OIDC)
        answer = call(world.emulator, "GET", OK, token=reply.json["token"]).json
        assert answer["audience"] == ["a", "b"]
    assert exchange(world, content_type="text/plain").status == 400


@pytest.mark.parametrize(
    ("body", "token", "status"),
    [
        (f"aud=x&identity={IDENTITY}", "", 401),
        (f"aud=x&identity={IDENTITY}", "stolen", 401),
        ("aud=x", OIDC, 401),
        ("", OIDC, 400),
        (f"identity={IDENTITY}", OIDC, 400),
        ("aud=x&identity=me", OIDC, 400),
        (f"aud=x&identity={IDENTITY}&identity={IDENTITY}", OIDC, 400),
        (f"aud=x&identity={IDENTITY}0", OIDC, 400),
        ("aud=x&identity=0123456789abcdef0123456789abcdef01234567", OIDC, 403),
    ],
)
def test_what_is_not_exchanged(body: str, token: str, status: int) -> None:
    world = World(EmulatorSettings(oidc_tokens=frozenset({OIDC}), identities=frozenset({IDENTITY})))
    reply = exchange(world, body, token=token)
    assert reply.status == status
    assert "token" not in reply.json


def test_a_json_body_is_not_read() -> None:
    """Section E: an exchange reads form or query only."""
    body = json.dumps({"identity": IDENTITY, "aud": ["https://api.example"]})
    reply = exchange(World(), body, content_type="application/json")
    assert (reply.status, reply.json["message"]) == (400, "Audience must be specified")


def test_an_oidc_token_is_not_an_api_token() -> None:
    world = World(EmulatorSettings(tokens=frozenset({"owner"})))
    assert call(world.emulator, "GET", GROUPS, token=OIDC).status == 401


def test_an_issued_token_expires_by_the_emulators_clock() -> None:
    world = World(EmulatorSettings(expiring_tokens=True, token_seconds=90))
    token = exchange(world).json["token"]
    world.clock.now = 1_700_000_089.9
    assert call(world.emulator, "GET", GROUPS, token=token).status == 200
    world.clock.now = 1_700_000_090.0
    reply = call(world.emulator, "GET", GROUPS, token=token)
    assert (reply.status, reply.json["code"], reply.json["message"]) == (401, 16, "token is expired")
    assert call(world.emulator, "GET", GROUPS, token="opaque").status == 200
    renewed = exchange(world).json["token"]
    assert call(world.emulator, "GET", GROUPS, token=renewed).status == 200


def test_time_is_reported_and_not_enforced_unless_asked_for() -> None:
    world = World(EmulatorSettings(token_seconds=90))
    token = exchange(world).json["token"]
    world.clock.advance(3600)
    answer = call(world.emulator, "GET", OK, token=token)
    assert answer.status == 200
    assert answer.json["expiry"] == "2023-11-14T22:14:50Z"


def test_who_am_i_reads_the_token() -> None:
    world = World()
    answer = call(world.emulator, "GET", OK, token=exchange(world).json["token"]).json
    assert answer["subject"] == IDENTITY
    assert answer["issuedAt"] == "2023-11-14T22:13:20Z"
    assert answer["expiry"] == "2023-11-14T23:13:20Z"
    assert answer["audience"] == ["https://api.example"]


@pytest.mark.parametrize(
    "payload",
    [b"{", b"[]", b"{}", b'{"exp": "soon"}', b'{"exp": 1e30}', b'{"exp": -1}', b'{"exp": true}', b"\xff", b"[" * 9999],
)
def test_a_jwt_without_a_usable_expiry_is_as_good_as_opaque(payload: bytes) -> None:
    world = World(EmulatorSettings(expiring_tokens=True))
    token = f"x.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.y"
    assert call(world.emulator, "GET", OK, token=token).status == 200


def test_an_identity_can_be_one_that_only_reads() -> None:
    world = World(EmulatorSettings(viewers=frozenset({IDENTITY})))
    token = exchange(world).json["token"]
    answer = call(world.emulator, "GET", OK, token=token).json
    assert {entry["role"]["name"] for entry in answer["capabilities"]} == {"viewer"}
    assert world.put("orders-api", {}, token=token).status == 403


class TestGrants:
    def test_capabilities_of_no_role_are_reported_verbatim(self) -> None:
        held = {"example.com": ("repo.list", "groups.list"), "example.com/team-a": ("repo.update",)}
        world = World(EmulatorSettings(grants=held))
        answer = world.get(OK).json
        told = {entry["group"]["name"]: entry for entry in answer["capabilities"]}
        assert set(told) == {"example.com", "team-a"}
        assert told["example.com"]["role"] is None
        assert told["example.com"]["capabilities"] == ["groups.list", "repo.list"]
        assert told["team-a"]["capabilities"] == ["repo.update"]

    def test_exactly_those_of_a_role_are_reported_as_the_role(self) -> None:
        viewer = tuple(reversed(VIEWER))
        (entry,) = World(EmulatorSettings(grants={"partner.example": viewer})).get(OK).json["capabilities"]
        assert entry["role"]["name"] == "viewer"
        assert entry["capabilities"] == []

    def test_a_grant_reaches_downwards_alone(self) -> None:
        world = World(EmulatorSettings(grants={"example.com/team-a": ("repo.list", "repo.update")}))
        body = packages("jq")
        assert world.put("team-a/custom-node", {"customOverlay": body}).status == 200
        reply = world.put("custom-node", {"customOverlay": body})
        assert (reply.status, reply.json["code"]) == (403, 7)

    def test_a_list_without_its_capability_is_refused_or_empty(self) -> None:
        world = World(EmulatorSettings(grants={"example.com": ("groups.list",)}))
        root = world.id("orders-api").partition("/")[0]
        scope = ("uidp.descendantsOf", root)
        assert world.get(GROUPS, scope).status == 200
        for path, capability in ((REPOS, "repo.list"), (TAGS, "tag.list"), (REPORTS, "build_report.list")):
            reply = world.get(path, scope)
            assert (reply.status, reply.json["code"]) == (403, 7)
            assert capability in reply.json["message"]
        assert world.get(STATUSES, ("registryId", root)).status == 403
        assert world.get(f"/registry/v2/repos/{world.id('orders-api')}").status == 403
        assert world.items(REPOS) == []
        assert {group["name"] for group in world.items(GROUPS)} == {"example.com", "team-a", "team-b", "edge"}


def test_a_caller_shows_no_token() -> None:
    assert "opaque" not in repr(authenticate("Bearer opaque", EmulatorSettings(), 0))
