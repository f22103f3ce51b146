"""Reading one repository for writing, and writing its overlay, through v2."""

import json
from typing import Any

import pytest

from reconciler.api.errors import AnswerLost, ApiError, NotUnderstood, Rejected
from reconciler.core.overlay import EMPTY
from reconciler.core.state import LiveRepository
from tests.api import fakes
from tests.api.fakes import CATALOG, NODE, ORGANIZATION, ROOT, SERVER_TIME, Asked, Told
from tests.api.v2.shelf import REPOS, client, repository
from tests.support.overlays import overlay

USERS = [{"username": "u", "uid": 1, "gid": 4, "groupName": "g", "homeDir": "/", "new": 1.10}]
RAW: dict[str, Any] = {
    "contents": {"packages": ["git"], "locales": [1]},
    "accounts": {"users": USERS, "groups": [{"groupname": "g", "gid": 2, "members": ["u"]}]},
    "profile": {"x": None, "y": "z"},
}


def server(live: dict[str, Any], **more: Any) -> Any:
    """A server that holds one repository and replaces the fields that the mask names."""

    def answer(asked: Asked) -> Told:
        if asked.method == "PATCH":
            assert asked.query == (("updateMask", "custom_overlay"),)
            return Told({**live, "customOverlay": asked.json["customOverlay"], **more})
        if asked.method == "POST":
            made = {**asked.json, "id": f"{asked.path.removeprefix('/registry/v1/repos/')}/{'e' * 16}"}
            return Told({**made, **more})
        if asked.path == "/registry/v1/repos":
            return Told({"items": [told_by_v1(live)]})
        return Told(live)

    return answer


def told_by_v1(live: dict[str, Any]) -> dict[str, Any]:
    """The same repository as v1 tells it: a gid of 0 is one."""
    accounts = (live["customOverlay"] or {}).get("accounts") or {}
    users = [{"userName": one.get("username"), **one} for one in accounts.get("users", ())]
    groups = [{"groupName": one.get("groupname"), **one} for one in accounts.get("groups", ())]
    overlay = {**(live["customOverlay"] or {}), "accounts": {**accounts, "users": users, "groups": groups}}
    return {**fakes.repository(live["uid"], live["name"]), "customOverlay": overlay}


def read(live: dict[str, Any], **more: Any) -> Any:
    found, api = client(server(live, **more))
    reading = found.read_repository(live["uid"], ORGANIZATION)
    assert reading is not None
    return found, api, reading


def test_reading_one() -> None:
    live = repository(NODE, customOverlay=RAW, newField={"a": [1]})
    found, api, reading = read(live)
    found.close()
    assert (reading.repository.id, reading.repository.name, reading.server_time) == (NODE, "node", SERVER_TIME)
    (user,) = reading.repository.overlay.accounts.users
    assert (user.username, user.uid, user.gid, user.groupname, user.homedir) == ("u", 1, 4, "g", "/")
    (group,) = reading.repository.overlay.accounts.groups
    assert (group.groupname, group.gid, group.members) == ("g", 2, ("u",))
    assert reading.document == live
    first, second = api.asked
    assert (first.method, first.path, first.raw_query) == ("GET", f"{REPOS}/{NODE}", "")
    assert second.path == "/registry/v1/repos", "which alone tells the truth about accounts"


def test_one_that_is_gone() -> None:
    found, _ = client(lambda _: Told({"code": 5, "message": "gone", "details": []}, status=404))
    with found:
        assert found.read_repository(NODE, ORGANIZATION) is None


@pytest.mark.parametrize(
    "told",
    [
        Told(body=b"<html>", status=404),
        Told(body=b"", status=500),
        Told({}),
        Told({"repos": []}),
        Told(repository(f"{ROOT}/{'2' * 16}")),
        Told({"id": NODE, "name": "spelled as v1 does"}),
    ],
)
def test_a_failure_to_read_is_not_absence(told: Told) -> None:
    found, _ = client(lambda _: told)
    with found, pytest.raises(ApiError):
        found.read_repository(NODE, ORGANIZATION)


def test_an_update_sends_the_overlay_and_nothing_that_could_change_another_field() -> None:
    found, api, reading = read(repository(NODE, customOverlay=RAW, description="d", aliases=["a"]))
    wanted = overlay(
        {
            "packages": ["git", "jq"],
            "accounts": {
                "users": [{"username": "u", "uid": 1, "gid": 4, "groupname": "h", "homedir": "/"}],
                "groups": [{"groupname": "g", "gid": 2, "members": ["u"]}, {"groupname": "h", "gid": 3}],
            },
            "unrecognised": [["contents.locales", "[1]"], ["profile", '{"y":"z"}']],
        }
    )
    with found:
        assert found.write_overlay(reading, wanted).overlay == wanted
    sent = api.asked[-1]
    assert (sent.method, sent.path, sent.raw_query) == ("PATCH", f"{REPOS}/{NODE}", "updateMask=custom_overlay")
    assert sent.json == {
        "name": "node",
        "customOverlay": {
            "contents": {"packages": ["git", "jq"], "locales": [1]},
            "accounts": {
                "users": [{**USERS[0], "groupName": "h"}],
                "groups": [{"groupname": "g", "gid": 2, "members": ["u"]}, {"groupname": "h", "gid": 3}],
            },
            "profile": {"x": None, "y": "z"},
        },
    }


def test_numbers_go_back_as_they_were_written() -> None:
    told = Told(body=json.dumps(repository(NODE, customOverlay=RAW)).replace("1.1", "1.10").encode())

    def answer(asked: Asked) -> Told:
        if asked.path == "/registry/v1/repos":
            return Told({"items": [told_by_v1(repository(NODE, customOverlay=RAW))]})
        return told if asked.method == "GET" else Told({**json.loads(told.content), **asked.json})

    found, api = client(answer)
    with found:
        reading = found.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        found.write_overlay(reading, overlay({"packages": ["jq"], "unrecognised": [["profile", '{"y":"z"}']]}))
        found.write_overlay(
            reading,
            overlay({"environment": {"A": "1"}, "accounts": {"users": [{"username": "u", "uid": 2, "gid": 4}]}}),
        )
    assert b'"new":1.10' in api.asked[-1].body


def test_a_reset_empties_every_section() -> None:
    found, api, reading = read(repository(NODE, customOverlay=RAW))
    with found:
        assert found.write_overlay(reading, EMPTY).overlay == EMPTY
    assert api.asked[-1].json["customOverlay"] == {
        "contents": {"packages": [], "runtimeRepositories": [], "runtimeKeyring": []},
        "environment": {},
        "annotations": {},
        "accounts": None,
        "certificates": None,
    }


def test_what_the_server_holds_is_reported_even_when_it_is_something_else() -> None:
    found, _, reading = read(
        repository(NODE, customOverlay=RAW), customOverlay={"contents": {"packages": ["git", "x"]}}
    )
    with found:
        assert found.write_overlay(reading, overlay({"packages": ["x"]})).overlay == overlay({"packages": ["git", "x"]})


def test_an_overlay_that_was_not_understood_is_not_replaced() -> None:
    found, api, reading = read(repository(NODE, customOverlay={"contents": {"packages": "git"}}))
    with found, pytest.raises(NotUnderstood):
        found.write_overlay(reading, overlay({"packages": ["git"]}))
    assert {asked.method for asked in api.asked} == {"GET"}


def test_an_overlay_in_the_spelling_of_v1_is_not_taken_for_an_empty_one() -> None:
    found, _, reading = read(repository(NODE, customOverlay={"accounts": {"users": [{"userName": "u", "uid": 1}]}}))
    found.close()
    assert reading.repository.overlay == overlay({"accounts": {"users": [{"username": "u", "uid": 1}]}})
    assert reading.repository.overlay != EMPTY


@pytest.mark.parametrize("id_", [NODE + "/" + "1" * 16, "f" * 40 + "/" + "1" * 16])
def test_an_answer_about_something_else_is_not_an_answer(id_: str) -> None:
    found, _, reading = read(repository(NODE), uid=id_)
    with found, pytest.raises(AnswerLost):
        found.write_overlay(reading, EMPTY)


@pytest.mark.parametrize(("status", "kind"), [(400, Rejected), (500, AnswerLost)])
def test_writes_that_go_wrong(status: int, kind: type[ApiError]) -> None:
    live = repository(NODE)
    found, _ = client(lambda asked: Told(live) if asked.method == "GET" else Told({"code": 3}, status=status))
    with found:
        reading = found.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        with pytest.raises(kind):
            found.write_overlay(reading, EMPTY)


def test_creating_goes_through_v1_which_can_be_reported_to_leave_one_of_that_name_alone() -> None:
    found, api, source = read(repository(NODE, customOverlay=RAW))
    wanted = overlay({"accounts": {"users": [{"username": "u", "uid": 0}]}})
    with found:
        made = found.create_repository(source, name="fresh", folder="", wanted=wanted, organization=ORGANIZATION)
    assert made == LiveRepository(id=f"{ROOT}/{'e' * 16}", name="fresh", overlay=wanted)
    sent = api.asked[-1]
    assert (sent.method, sent.path, sent.raw_query) == ("POST", f"/registry/v1/repos/{ROOT}", "preventExisting=true")
    assert sent.json["sync_config"] == {"source": CATALOG}
    assert sent.json["customOverlay"]["accounts"] == {"users": [{"userName": "u", "uid": 0}]}
