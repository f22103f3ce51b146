"""How repositories look on the wire, and what a replacement does to them."""

import pytest

from tests.support.emulated import GROUPS, REPOS, World, packages
from tests.support.wsgi import call


@pytest.fixture
def world() -> World:
    return World()


def test_unset_fields_are_emitted(world: World) -> None:
    repo = world.emulator.repository("orders-api")
    assert repo["customOverlay"] is None
    assert repo["bundles"] == []
    assert repo["sync_config"]["expiration"] is None
    assert repo["sync_config"]["uniqueTags"] is False
    assert repo["sync_config"]["apkoOverlay"] == ""


def test_an_overlay_shows_every_section(world: World) -> None:
    overlay = world.emulator.repository("custom-redis")["customOverlay"]
    assert overlay["contents"] is None
    assert overlay["accounts"] is None
    assert overlay["certificates"] is None
    assert overlay["environment"] == {"REDIS_MAXMEMORY": "256mb"}
    assert world.emulator.repository("custom-jre")["customOverlay"]["annotations"] == {}


def test_an_empty_overlay_is_a_message_without_values(world: World) -> None:
    assert world.emulator.repository("web-frontend")["customOverlay"] == {
        "contents": None,
        "environment": {},
        "annotations": {},
        "accounts": None,
        "certificates": None,
        "guardedEntrypoint": False,
        "preflight": [],
        "commandOverride": None,
        "failMode": "FAIL_MODE_UNSPECIFIED",
    }


GUARDED = {
    "guardedEntrypoint": True,
    "preflight": [{"tcp": "db:5432", "path": "", "timeout": "30s", "interval": "", "onFailure": "ON_FAILURE_CONTINUE"}],
    "commandOverride": {"mode": "MODE_PREPEND", "command": ["/bin/sh", "-c"]},
    "failMode": "FAIL_MODE_OPEN",
}


def test_guarded_entrypoint_survives_and_is_shown_by_both_versions(world: World) -> None:
    """What was written of the fields of October 2026 comes back; a write that leaves them out unsets them."""
    world.put_overlay("orders-api", GUARDED)
    v2 = world.get(f"/registry/v2/repos/{world.id('orders-api')}").json["customOverlay"]
    v1 = world.emulator.repository("orders-api")["customOverlay"]
    for overlay in (v1, v2):
        assert {key: overlay[key] for key in GUARDED} == GUARDED
    assert world.status("orders-api") == "QUEUED"
    world.put_overlay("orders-api", {"guardedEntrypoint": True, "commandOverride": {}})
    overlay = world.emulator.repository("orders-api")["customOverlay"]
    assert overlay["commandOverride"] == {"mode": "MODE_UNSPECIFIED", "command": []}
    assert (overlay["failMode"], overlay["preflight"]) == ("FAIL_MODE_UNSPECIFIED", [])


@pytest.mark.parametrize(
    "overlay",
    [
        {"failMode": "FAIL_MODE_AJAR"},
        {"failMode": "OPEN"},
        {"commandOverride": {"mode": "MODE_APPEND"}},
        {"preflight": [{"tcp": "db:1", "onFailure": "ON_FAILURE_SHRUG"}]},
    ],
)
def test_an_unknown_name_of_a_guarded_enum_is_refused(world: World, overlay: object) -> None:
    reply = world.put("orders-api", {**world.emulator.repository("orders-api"), "customOverlay": overlay})
    assert (reply.status, reply.json["code"]) == (400, 3)


def test_an_absent_group_id_differs_from_zero(world: World) -> None:
    backup, operator = world.emulator.repository("custom-postgres")["customOverlay"]["accounts"]["users"]
    assert backup["gid"] is None
    assert operator["gid"] == 0
    assert backup["shell"] == ""


def test_what_a_replacement_leaves_out_is_reset(world: World) -> None:
    before = world.emulator.repository("custom-node")
    reply = world.put("custom-node", {"customOverlay": packages("jq")})
    assert reply.status == 200
    after = world.emulator.repository("custom-node")
    assert reply.json == after
    assert after["customOverlay"]["contents"]["packages"] == ["jq"]
    assert (after["readme"], after["description"], after["activeTags"]) == ("", "", [])
    assert after["sync_config"] is None
    assert after["catalogTier"] == "UNKNOWN"
    for kept in ("id", "name", "createTime"):
        assert after[kept] == before[kept]


def test_name_id_and_creation_time_cannot_be_written(world: World) -> None:
    before = world.emulator.repository("custom-node")
    body = {**before, "id": world.id("orders-api"), "name": "other", "createTime": "2001-01-01T00:00:00Z"}
    assert world.put("custom-node", body).status == 200
    assert world.emulator.repository("custom-node") == before


def test_sending_back_what_was_read_changes_nothing(world: World) -> None:
    for repo in world.items(REPOS, ("uidp.descendantsOf", world.id("orders-api").partition("/")[0])):
        assert call(world.emulator, "PUT", f"{REPOS}/{repo['id']}", body=repo).json == repo


def test_unknown_fields_are_dropped_without_a_word(world: World) -> None:
    body = {
        **world.emulator.repository("orders-api"),
        "customOverley": packages("jq"),
        "syncConfig": {"source": "x"},
        "customOverlay": {"contents": {"packages": ["curl"], "package": ["jq"]}},
    }
    assert world.put("orders-api", body).status == 200
    after = world.emulator.repository("orders-api")
    assert "customOverley" not in after
    assert "syncConfig" not in after
    assert after["customOverlay"]["contents"] == {
        "packages": ["curl"],
        "runtimeRepositories": [],
        "runtimeKeyring": [],
    }


def test_the_proto_spelling_of_a_field_is_accepted(world: World) -> None:
    body = {**world.emulator.repository("orders-api"), "custom_overlay": packages("jq")}
    del body["customOverlay"]
    assert world.put("orders-api", body).status == 200
    assert world.emulator.repository("orders-api")["customOverlay"]["contents"]["packages"] == ["jq"]


def test_null_and_empty_mean_unset(world: World) -> None:
    repo = world.emulator.repository("custom-postgres")
    repo["customOverlay"] = {"contents": None, "environment": {}, "accounts": {"users": [], "runAs": ""}}
    assert world.put("custom-postgres", repo).status == 200
    overlay = world.emulator.repository("custom-postgres")["customOverlay"]
    assert overlay["contents"] is None
    assert overlay["accounts"] == {"runAs": "", "users": [], "groups": []}


@pytest.mark.parametrize(
    "overlay",
    [
        {"contents": {"packages": "jq"}},
        {"contents": {"packages": [1]}},
        {"contents": {"packages": [None]}},
        {"contents": []},
        {"environment": {"PORT": 80}},
        {"environment": []},
        {"accounts": {"users": [{"userName": "a", "uid": -1}]}},
        {"accounts": {"users": [{"userName": "a", "uid": 1.5}]}},
        {"accounts": {"users": [{"userName": "a", "uid": True}]}},
        {"accounts": {"users": [{"userName": "a", "gid": 2**32}]}},
        {"accounts": {"users": [{"userName": "a", "gid": "zero"}]}},
        {"accounts": {"runAs": 65532}},
        "packages",
    ],
)
def test_a_value_of_another_type_is_refused(world: World, overlay: object) -> None:
    before = world.emulator.repository("custom-python")
    reply = world.put("custom-python", {**before, "customOverlay": overlay})
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert world.emulator.repository("custom-python") == before


@pytest.mark.parametrize("field", [{"createTime": "now"}, {"catalogTier": []}, {"sync_config": {"uniqueTags": "yes"}}])
def test_a_wrong_type_outside_the_overlay_is_refused_too(world: World, field: dict[str, object]) -> None:
    assert world.put("custom-python", {**world.emulator.repository("custom-python"), **field}).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b'{"a": 1, "a": 2}',
        b'{"customOverlay": NaN}',
        b'{"readme": "\xff"}',
        b'{"readme": "\\ud800"}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(world: World, body: bytes) -> None:
    reply = world.put("custom-python", None, raw_body=body)
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert world.emulator.writes == 0


def test_one_field_under_both_spellings_is_refused(world: World) -> None:
    reply = world.put("custom-python", {"customOverlay": {}, "custom_overlay": {}})
    assert (reply.status, reply.json["code"]) == (400, 3)


def test_numbers_may_come_as_text(world: World) -> None:
    overlay = {"accounts": {"users": [{"userName": "a", "uid": "1000", "gid": 0.0}]}}
    world.put_overlay("orders-api", overlay)
    (user,) = world.emulator.repository("orders-api")["customOverlay"]["accounts"]["users"]
    assert (user["uid"], user["gid"]) == (1000, 0)
    assert isinstance(user["gid"], int)


def test_a_content_length_that_is_not_a_number_is_refused(world: World) -> None:
    def lying(environ: dict[str, object], start_response: object) -> object:
        environ["CONTENT_LENGTH"] = "many"
        return world.emulator(environ, start_response)  # type: ignore[arg-type]  # the same callable, loosely typed

    path = f"{REPOS}/{world.id('orders-api')}"
    assert call(lying, "PUT", path, body={}).status == 400  # type: ignore[arg-type]  # as above


def test_a_body_without_a_length_is_read_to_its_end(world: World) -> None:
    def streaming(environ: dict[str, object], start_response: object) -> object:
        environ |= {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
        return world.emulator(environ, start_response)  # type: ignore[arg-type]  # the same callable, loosely typed

    path = f"{REPOS}/{world.id('orders-api')}"
    call(streaming, "PUT", path, body={"description": "streamed"})  # type: ignore[arg-type]  # as above
    assert world.emulator.repository("orders-api")["description"] == "streamed"


def test_enums_are_names_and_unknown_names_fall_back(world: World) -> None:
    repo = world.emulator.repository("orders-api")
    assert repo["catalogTier"] == "BASE"
    assert world.put("orders-api", {**repo, "catalogTier": 3}).json["catalogTier"] == "FIPS"
    assert world.put("orders-api", {**repo, "catalogTier": "QUANTUM"}).json["catalogTier"] == "UNKNOWN"


def test_text_outside_ascii_survives(world: World) -> None:
    world.put_overlay("orders-api", {"environment": {"GREETING": "grüß dich \U0001f600"}})
    stored = world.get(REPOS, ("name", "orders-api"))
    assert "grüß dich \U0001f600".encode() in stored.body


def test_fields_newer_than_the_document_are_kept_while_they_are_sent(world: World) -> None:
    before = world.emulator.repository("data-pipeline")
    assert before["supportWindow"] == {"months": 18}
    assert before["catalogTier"] == "PREVIEW"
    overlay = before["customOverlay"]
    assert overlay["hardeningProfile"] == {"level": 2, "seccomp": "strict"}
    assert overlay["contents"]["excludedLocales"] == ["de", "fr"]
    assert overlay["contents"]["runtimeKeyring"][0]["retireAfter"] == "2030-01-01T00:00:00Z"
    assert overlay["accounts"]["users"][0]["supplementaryGroups"] == ["audio", "video"]
    assert overlay["accounts"]["groups"][0]["systemGroup"] is True
    assert overlay["certificates"]["additional"][0]["trustPurposes"] == ["server-auth"]
    assert world.put("data-pipeline", before).json == before


def test_fields_newer_than_the_document_are_lost_when_they_are_left_out(world: World) -> None:
    before = world.emulator.repository("data-pipeline")
    del before["supportWindow"]
    del before["customOverlay"]["hardeningProfile"]
    del before["customOverlay"]["accounts"]["users"][0]["supplementaryGroups"]
    assert world.put("data-pipeline", before).json == before
    assert "supportWindow" not in world.emulator.repository("data-pipeline")


def test_fields_newer_than_the_document_are_not_emitted_elsewhere(world: World) -> None:
    assert "supportWindow" not in world.emulator.repository("orders-api")


def test_a_test_can_plant_newer_fields(world: World) -> None:
    world.emulator.patch("custom-redis", {"supportWindow": 1, "customOverlay": {"hardeningProfile": "x"}})
    repo = world.emulator.repository("custom-redis")
    assert repo["supportWindow"] == 1
    assert repo["customOverlay"]["hardeningProfile"] == "x"
    assert repo["customOverlay"]["environment"] == {"REDIS_MAXMEMORY": "256mb"}
    assert world.status("custom-redis") == "UNKNOWN"


class TestCreating:
    def create(self, world: World, body: object, *, prevent: bool = True, parent: str = "team-b") -> tuple[int, dict]:  # type: ignore[type-arg]  # decoded JSON
        (group,) = world.items(GROUPS, ("name", parent))
        reply = call(
            world.emulator,
            "POST",
            f"{REPOS}/{group['id']}",
            body=body,
            params=[("preventExisting", "true")] if prevent else [],
        )
        return reply.status, reply.json

    def test_a_new_repository_syncs_from_its_source_and_is_built(self, world: World) -> None:
        source = world.emulator.repository("custom-python")["sync_config"]["source"]
        body = {"name": "fresh", "sync_config": {"source": source}, "customOverlay": packages("jq")}
        status, made = self.create(world, body)
        assert status == 200
        assert made["id"].startswith(world.id("reports-api").rpartition("/")[0] + "/")
        assert made["activeTags"] == world.emulator.repository("custom-python")["activeTags"]
        assert made["createTime"] == "2023-11-14T22:13:20.250Z"
        assert world.emulator.repository("team-b/fresh") == made
        assert world.status("fresh") == "QUEUED"

    def test_an_existing_name_is_refused(self, world: World) -> None:
        status, answer = self.create(world, {"name": "reports-api"})
        assert (status, answer["code"]) == (409, 6)

    def test_an_existing_name_is_replaced_when_that_is_not_prevented(self, world: World) -> None:
        before = world.id("reports-api")
        status, answer = self.create(world, {"name": "reports-api"}, prevent=False)
        assert (status, answer["id"], answer["customOverlay"]) == (200, before, None)

    @pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "Upper"}, {"name": "a/b"}])
    def test_a_name_must_be_usable(self, world: World, body: object) -> None:
        assert self.create(world, body)[0] == 400

    def test_a_source_must_be_of_the_catalog(self, world: World) -> None:
        status, _ = self.create(world, {"name": "fresh", "sync_config": {"source": world.id("custom-go")}})
        assert status == 400

    def test_a_group_must_be_there(self, world: World) -> None:
        missing = world.id("reports-api").rpartition("/")[0][:-1] + "z"
        assert call(world.emulator, "POST", f"{REPOS}/{missing}", body={"name": "x"}).status == 400
        empty = world.id("reports-api").partition("/")[0] + "/" + "0" * 16
        assert call(world.emulator, "POST", f"{REPOS}/{empty}", body={"name": "x"}).status == 404
