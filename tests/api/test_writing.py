"""RepositoryVersion one repository for writing, replacing its overlay, creating one."""

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.api.errors import AnswerLost, ApiError, NotFound, NotUnderstood, Rejected
from reconciler.core.overlay import EMPTY
from reconciler.core.state import LiveRepository, Organization, RepositoryVersion, Unreadable
from tests.api.fakes import (
    CATALOG,
    INNER,
    NODE,
    ORGANIZATION,
    ROOT,
    SERVER_TIME,
    TEAM,
    Asked,
    Told,
    group,
    repository,
    writer,
)
from tests.support.overlays import overlay

GROUPS = [group(TEAM, "team-a"), group(INNER, "inner"), group(f"{'f' * 40}/{'a' * 16}", "team-b")]


def world(live: dict[str, Any], **more: Any) -> Any:
    """A server that holds one repository and answers a write with what it was sent."""

    def answer(asked: Asked) -> Told:
        if asked.path == "/iam/v1/groups":
            return Told({"items": GROUPS})
        if asked.method == "GET":
            return Told({"items": [live]})
        made = {"id": f"{asked.path.removeprefix('/registry/v1/repos/')}/{'e' * 16}"} if asked.method == "POST" else {}
        return Told({**asked.json, **made, **more})

    return answer


def read(live: dict[str, Any]) -> Any:
    client, api = writer(world(live))
    reading = client.read_repository(live["id"], ORGANIZATION)
    assert reading is not None
    return client, api, reading


def test_reading_one() -> None:
    live = repository(customOverlay={"contents": {"packages": ["git"]}}, newField={"a": [1]})
    client, api, reading = read(live)
    client.close()
    assert reading == RepositoryVersion(
        repository=LiveRepository(
            id=NODE,
            name="node",
            overlay=overlay({"packages": ["git"]}),
            active_tags=("latest",),
            synced_from=CATALOG,
        ),
        document=live,
        server_time=SERVER_TIME,
    )
    assert api.only.path == "/registry/v1/repos"
    assert api.only.raw_query == f"id={NODE}"


@pytest.mark.parametrize(
    "told",
    [
        Told({"items": []}),
        Told({}),
        Told({"items": [repository(f"{ROOT}/{'2' * 16}")]}),
        Told(status=404, body=b'{"code": 5, "message": "gone", "details": []}'),
    ],
)
def test_one_that_is_gone(told: Told) -> None:
    client, _ = writer(told)
    with client:
        assert client.read_repository(NODE, ORGANIZATION) is None


@pytest.mark.parametrize("told", [Told(status=404, body=b"<html>"), Told(status=500, body=b""), Told({"x": 1})])
def test_a_failure_to_read_is_not_absence(told: Told) -> None:
    client, _ = writer(told)
    with client, pytest.raises(ApiError):
        client.read_repository(NODE, ORGANIZATION)


def test_the_names_of_folders_are_read_once() -> None:
    client, api = writer(world(repository(f"{INNER}/{'3' * 16}")))
    with client:
        for _ in range(3):
            reading = client.read_repository(f"{INNER}/{'3' * 16}", ORGANIZATION)
            assert reading is not None
            assert reading.repository.folder == "team-a/inner"
        assert [asked.path for asked in api.asked].count("/iam/v1/groups") == 1
        client.read_live(ORGANIZATION)
        assert [asked.path for asked in api.asked].count("/iam/v1/groups") == 2, "and again with the live state"


def test_an_update_sends_everything_else_as_it_came() -> None:
    body = b"""{"items": [{"newer": [1.10, {"x": null}], "id": "%s", "name": "node", "readme": "\\u00e9\\n",
        "sync_config": {"source": "s", "expiration": null, "deep": {"big": 12345678901234567890}},
        "catalogTier": "PREVIEW", "customOverlay": {"contents": {"packages": ["git"], "runtimeRepositories": [],
        "more": 1e2}, "environment": {}, "accounts": null}, "createTime": "2026-01-02T03:04:05.123456789Z"}]}"""
    told = Told(body=body.replace(b"%s", NODE.encode()))
    client, api = writer(lambda asked: told if asked.method == "GET" else Told(asked.json))
    with client:
        reading = client.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        before = reading.repository.overlay
        assert not isinstance(before, Unreadable)
        wanted = replace(before, packages=("curl", "git"))
        assert client.write_overlay(reading, wanted).overlay == wanted
    sent = api.asked[-1]
    assert (sent.method, sent.path, sent.raw_query) == ("PUT", f"/registry/v1/repos/{NODE}", "")
    assert sent.headers["content-type"] == "application/json"
    raw = json.loads(told.content)["items"][0]
    raw["customOverlay"]["contents"]["packages"] = ["git", "curl"]
    assert sent.json == raw
    assert list(sent.json) == list(raw)
    assert b"[1.10," in sent.body
    assert b'"more":1e2' in sent.body
    assert b"12345678901234567890" in sent.body


def test_a_reset() -> None:
    client, api, reading = read(repository(customOverlay={"environment": {"A": "1"}, "new": 1}))
    with client:
        assert client.write_overlay(reading, EMPTY).overlay == EMPTY
    assert api.asked[-1].json["customOverlay"] == {
        "contents": {"packages": [], "runtimeRepositories": [], "runtimeKeyring": []},
        "environment": {},
        "annotations": {},
        "accounts": None,
        "certificates": None,
    }


def test_what_the_server_holds_is_reported_even_when_it_is_something_else() -> None:
    client, _ = writer(world(repository(f"{TEAM}/{'3' * 16}"), customOverlay={"contents": {"packages": ["other"]}}))
    with client:
        reading = client.read_repository(f"{TEAM}/{'3' * 16}", ORGANIZATION)
        assert reading is not None
        answer = client.write_overlay(reading, overlay({"packages": ["git"]}))
    assert answer.overlay == overlay({"packages": ["other"]})
    assert answer.folder == "team-a"


def test_an_overlay_that_was_not_understood_is_not_replaced() -> None:
    client, api, reading = read(repository(customOverlay={"contents": {"packages": "git"}}))
    with client, pytest.raises(NotUnderstood) as caught:
        client.write_overlay(reading, overlay({"packages": ["git"]}))
    assert caught.value.diagnostic.code == "unreadable-overlay"
    assert "contents.packages is text" in caught.value.diagnostic.detail
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("folder", "parent", "where"), [("", ROOT, "example.com"), ("team-a/inner", INNER, "example.com/team-a/inner")]
)
def test_creating(folder: str, parent: str, where: str) -> None:
    client, api, source = read(repository(customOverlay={"contents": {"packages": ["x"]}, "new": 1}))
    wanted = overlay({"packages": ["git"], "accounts": {"users": [{"username": "u", "uid": 0, "gid": 0}]}})
    with client:
        made = client.create_repository(source, name="fresh", folder=folder, wanted=wanted, organization=ORGANIZATION)
    assert made == LiveRepository(id=f"{parent}/{'e' * 16}", name="fresh", folder=folder, overlay=wanted)
    sent = api.asked[-1]
    assert (sent.method, sent.path) == ("POST", f"/registry/v1/repos/{parent}")
    assert sent.raw_query == "preventExisting=true"
    assert sent.json == {
        "name": "fresh",
        "sync_config": {"source": CATALOG},
        "customOverlay": {
            "contents": {"packages": ["git"]},
            "accounts": {"users": [{"userName": "u", "uid": 0, "gid": 0}]},
        },
    }


def test_creating_in_a_folder_that_is_not_there() -> None:
    client, api, source = read(repository())
    with client, pytest.raises(NotFound) as caught:
        client.create_repository(source, name="x", folder="team-b", wanted=EMPTY, organization=ORGANIZATION)
    assert caught.value.diagnostic.code == "unknown-folder"
    assert 'did you mean "team-a"?' in caught.value.diagnostic.hint
    assert {asked.method for asked in api.asked} == {"GET"}


@pytest.mark.parametrize("sync", [None, {}, {"source": ""}, {"source": 5}, "x"])
def test_creating_from_what_syncs_from_nothing(sync: object) -> None:
    client, api, source = read(repository(sync_config=sync))
    with client, pytest.raises(Rejected) as caught:
        client.create_repository(source, name="x", folder="", wanted=EMPTY, organization=ORGANIZATION)
    assert caught.value.diagnostic.code == "no-catalogue-source"
    assert len(api.asked) == 1


@pytest.mark.parametrize("id_", [NODE + "/" + "1" * 16, "f" * 40 + "/" + "1" * 16])
def test_an_answer_about_something_else_is_not_an_answer(id_: str) -> None:
    client, _ = writer(world(repository(), id=id_))
    organization = Organization(id=ROOT, name="example.com")
    with client:
        reading = client.read_repository(NODE, organization)
        assert reading is not None
        with pytest.raises(AnswerLost):
            client.write_overlay(reading, EMPTY)
        with pytest.raises(AnswerLost):
            client.create_repository(reading, name="x", folder="", wanted=EMPTY, organization=organization)


@pytest.mark.parametrize("lost", [{"customOverlay"}, {"id"}, {"name"}, {"customOverlay", "id"}])
def test_an_answer_that_does_not_show_the_overlay_is_followed_by_a_read(lost: set[str]) -> None:
    """Nothing was lost, and nothing is proved."""
    held = repository()

    def answer(asked: Asked) -> Told:
        if asked.method == "PUT":
            held.update(asked.json)
            return Told({key: value for key, value in held.items() if key not in lost})
        return Told({"items": [held]})

    client, api = writer(answer)
    wanted = overlay({"packages": ["git"]})
    with client:
        reading = client.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        assert client.write_overlay(reading, wanted).overlay == wanted
    assert [asked.method for asked in api.asked] == ["GET", "PUT", "GET"]


def test_an_answer_without_the_overlay_and_no_read_after_it_is_lost() -> None:
    client, api = writer(world(repository()))
    with client:
        reading = client.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        api.answer = lambda asked: Told({}) if asked.method == "PUT" else Told(status=503)
        with pytest.raises(AnswerLost, match="does not contain the repository"):
            client.write_overlay(reading, overlay({"packages": ["git"]}))
