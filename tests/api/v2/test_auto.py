"""Reading by v1, writing by v2's mask where the server has it."""

import json
from typing import Any

import pytest

from reconciler.api.errors import AnswerLost, ApiError, NotFound, PermissionDenied, Rejected, ServerFault, TokenRejected
from reconciler.api.writer import WriteClient, connect_writer
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import LiveRepository
from tests.api import fakes
from tests.api.fakes import NODE, ORGANIZATION, Api, Asked, Told
from tests.api.v2.shelf import REPOS, client, repository
from tests.support.overlays import overlay

V1 = "/registry/v1/repos"
GIT = overlay({"packages": ["git"]})
JQ = overlay({"packages": ["jq"]})


def rpc(status: int, code: int, message: str = "no") -> Told:
    return Told({"code": code, "message": message, "details": []}, status=status)


class Server:
    """One repository that both versions show; `get` and `patch` answer in v2's place."""

    def __init__(self, get: Told | None = None, patch: Told | None = None, **fields: Any) -> None:
        self.held: dict[str, Any] = {"customOverlay": None, "readme": "", **fields}
        self.get, self.patch = get, patch
        self.after_patch = False

    def __call__(self, asked: Asked) -> Told:
        if asked.path.startswith(REPOS):
            if asked.method == "GET":
                return self.get or Told(repository(NODE, customOverlay=self.held["customOverlay"]))
            if self.patch is None or self.after_patch:
                self.held["customOverlay"] = asked.json["customOverlay"]
            return self.patch or Told(repository(NODE, customOverlay=self.held["customOverlay"]))
        if asked.method == "PUT":
            self.held = {key: asked.json[key] for key in self.held}
            return Told(asked.json)
        return Told({"items": [fakes.repository(NODE, "node", **self.held)]})


def write(found: WriteClient, wanted: Overlay) -> LiveRepository:
    reading = found.read_repository(NODE, ORGANIZATION)
    assert reading is not None
    return found.write_overlay(reading, wanted)


def calls(api: Api) -> list[str]:
    return [f"{asked.method} {asked.path[10:12]}" for asked in api.asked if asked.path.startswith("/registry/")]


def test_it_is_what_is_used_where_nobody_says_otherwise() -> None:
    server = Server()
    api = Api(server)
    found = connect_writer(fakes.URL, fakes.credentials(), wsgi_app=api, retrier=fakes.unhurried())
    with found:
        assert [one.name for one in found.read_live(ORGANIZATION).repositories] == ["node"]
        assert write(found, GIT).overlay == GIT
        assert write(found, EMPTY).overlay == EMPTY
        assert found.api_version == "auto"
    assert calls(api) == ["GET v1", *["GET v1", "GET v2", "PATCH v2"] * 2]
    assert api.asked[3].raw_query == "updateMask=custom_overlay"
    assert set(api.asked[3].json) == {"name", "customOverlay"}


ABSENT = [
    rpc(404, 5, "Not Found"),
    Told(body=b"<html><title>404</title></html>", status=404),
    Told(body=b"", status=404),
    rpc(403, 7),
    Told(body=b"<html>forbidden</html>", status=403),
    rpc(501, 12, "Method Not Allowed"),
    Told(body=b"<html>sign in</html>"),
    Told({"items": []}),
]


@pytest.mark.parametrize("get", ABSENT)
def test_v1_where_v2_is_not_to_be_had_found_out_once(get: Told) -> None:
    found, api = client(Server(get=get), "auto")
    with found:
        assert write(found, GIT).overlay == GIT
        assert write(found, JQ).overlay == JQ
        assert found.api_version.startswith("v1, because v2 ")
    assert calls(api) == ["GET v1", "GET v2", "PUT v1", "GET v1", "PUT v1"]


@pytest.mark.parametrize("patch", [rpc(404, 5), rpc(403, 7), rpc(501, 12), rpc(405, 12)])
def test_v1_where_v2_may_only_be_read(patch: Told) -> None:
    found, api = client(Server(patch=patch), "auto")
    with found:
        assert write(found, GIT).overlay == GIT
        assert write(found, JQ).overlay == JQ
    assert calls(api) == ["GET v1", "GET v2", "PATCH v2", "PUT v1", "GET v1", "PUT v1"]


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_a_page_in_the_answers_place_is_settled_by_reading_back(status: int) -> None:
    found, api = client(Server(patch=Told(body=b"<html>blocked</html>", status=status)), "auto")
    with found:
        assert write(found, GIT).overlay == GIT
        assert write(found, JQ).overlay == JQ
    assert calls(api) == ["GET v1", "GET v2", "PATCH v2", "GET v1", "PUT v1", "GET v1", "PUT v1"]


def test_a_page_in_the_answers_place_of_a_write_that_took_effect_writes_nothing_more() -> None:
    server = Server(patch=Told(body=b"<html>blocked</html>", status=403))
    server.after_patch = True
    found, api = client(server, "auto")
    with found:
        assert write(found, GIT).overlay == GIT
    assert calls(api) == ["GET v1", "GET v2", "PATCH v2", "GET v1"]


def test_a_field_that_v2_does_not_know_is_written_through_v1() -> None:
    unknown = rpc(400, 3, 'could not find field "runtimeKeyring" in "registry.v2.Repo"')
    found, api = client(Server(patch=unknown), "auto")
    with found:
        assert write(found, GIT).overlay == GIT
    assert calls(api)[-1] == "PUT v1"


@pytest.mark.parametrize(
    ("patch", "kind"),
    [
        (rpc(400, 3), Rejected),
        (rpc(409, 10), Rejected),
        (rpc(401, 16), TokenRejected),
        (rpc(500, 13), AnswerLost),
        (Told(body=b"<html>", status=502), AnswerLost),
    ],
)
def test_any_other_failure_of_a_write_is_one(patch: Told, kind: type[ApiError]) -> None:
    found, api = client(Server(patch=patch), "auto")
    with found, pytest.raises(kind):
        write(found, GIT)
    assert "PUT v1" not in calls(api)


def test_a_v2_that_fails_for_now_is_not_a_reason_to_write_through_v1() -> None:
    found, api = client(Server(get=rpc(500, 13)), "auto")
    with found, pytest.raises(ServerFault):
        write(found, GIT)
    assert {call.partition(" ")[0] for call in calls(api)} == {"GET"}


def test_who_may_write_neither_hears_it_from_v1_and_it_says_nothing_of_v2() -> None:
    server = Server()
    denied = rpc(403, 7)
    found, _ = client(lambda asked: denied if asked.method in ("PATCH", "PUT") else server(asked), "auto")
    with found:
        with pytest.raises(PermissionDenied):
            write(found, GIT)
        assert found.api_version == "auto"


def test_one_that_is_gone_meanwhile_says_nothing_of_v2() -> None:
    server = Server()
    gone = rpc(404, 5)
    found, api = client(server, "auto")
    with found:
        reading = found.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        api.answer = lambda _: gone
        with pytest.raises(NotFound):
            found.write_overlay(reading, GIT)
        api.answer = server
        assert write(found, GIT).overlay == GIT
    assert calls(api)[-1] == "PATCH v2"


def test_what_somebody_else_changes_meanwhile_outside_the_overlay_stays() -> None:
    server = Server()
    found, _ = client(server, "auto")
    with found:
        reading = found.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        server.held["readme"] = "written meanwhile"
        found.write_overlay(reading, GIT)
    assert server.held["readme"] == "written meanwhile"


def test_what_is_not_known_goes_back_as_v2_tells_it() -> None:
    new = {"sealMode": "SEAL_MODE_OPEN", "ratio": 1.5}
    server = Server(customOverlay={"contents": {"packages": ["jq"]}, **new})
    found, api = client(server, "auto")
    with found:
        reading = found.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        wanted = overlay({"packages": ["git"], "unrecognised": [["ratio", "1.5"], ["sealMode", '"SEAL_MODE_OPEN"']]})
        assert found.write_overlay(reading, wanted).overlay == wanted
    assert json.loads(api.asked[-1].body)["customOverlay"] == {"contents": {"packages": ["git"]}, **new}


@pytest.mark.parametrize(
    "user", [{"uid": 1}, {"uid": 1, "gid": 0}, {"uid": 2**31, "gid": 5}, {"uid": 1, "gid": 2**32 - 1}]
)
def test_what_v2_cannot_say_is_written_through_v1(user: dict[str, int]) -> None:
    found, api = client(Server(), "auto")
    wanted = overlay({"accounts": {"users": [{"username": "u", **user}]}})
    with found:
        assert write(found, wanted).overlay == wanted
    assert calls(api) == ["GET v1", "PUT v1"]
    assert api.asked[-1].json["customOverlay"]["accounts"]["users"] == [{"userName": "u", **user}]


def test_the_others_decide_nothing() -> None:
    for version in ("v1", "v2"):
        found, _ = client(Server(), version)
        with found:
            assert found.api_version == version
