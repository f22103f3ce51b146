"""Overlays and repositories out of JSON."""

from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.api import json_text
from reconciler.api.answers import RepositoryAnswer
from reconciler.api.schema import overlay_from_wire
from reconciler.core.overlay import EMPTY, Group, Overlay, PemFile, User
from reconciler.core.state import LiveRepository, Unreadable
from tests.api.fakes import CATALOG, NODE, repository

KEY = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"
FULL: dict[str, Any] = {
    "contents": {
        "packages": ["git", "curl = 8.1", "git"],
        "runtimeRepositories": ["https://b.test", "https://a.test"],
        "runtimeKeyring": [{"name": "k.pub", "content": "made by hand\r\n" + KEY}],
    },
    "environment": {"B": "2", "A": ""},
    "annotations": {"x": "y"},
    "accounts": {
        "runAs": "65532",
        "users": [
            {"userName": "u", "uid": 7, "gid": 0, "groupName": "g", "shell": "/bin/sh", "homeDir": "/home/u"},
            {"userName": "a", "uid": "8", "gid": None, "groupName": "", "shell": "", "homeDir": ""},
        ],
        "groups": [{"groupName": "g", "gid": 0, "members": ["u", "a", "u"]}],
    },
    "certificates": {"additional": [{"name": "c", "content": "x"}], "providers": ["p"]},
}


def test_every_section() -> None:
    found = overlay_from_wire(FULL)
    assert isinstance(found, Overlay)
    assert found.packages == ("curl=8.1", "git")
    assert found.runtime_repositories == ("https://b.test", "https://a.test")
    assert found.runtime_keyring == (PemFile(name="k.pub", pem=KEY),)
    assert found.runtime_keyring[0].text == "made by hand\r\n" + KEY
    assert found.environment == (("A", ""), ("B", "2"))
    assert found.annotations == (("x", "y"),)
    assert found.accounts.run_as == "65532"
    assert found.accounts.users == (
        User(username="a", uid=8),
        User(username="u", uid=7, gid=0, groupname="g", shell="/bin/sh", homedir="/home/u"),
    )
    assert found.accounts.groups == (Group(groupname="g", gid=0, members=("a", "u")),)
    assert found.certificates.additional == (PemFile(name="c", pem="x\n"),)
    assert found.certificates.providers == ("p",)
    assert found.unrecognized == ()


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"contents": None, "environment": None, "annotations": None, "accounts": None, "certificates": None},
        {"contents": {}, "environment": {}, "annotations": {}, "accounts": {}, "certificates": {}},
        {
            "contents": {"packages": [], "runtimeRepositories": None, "runtimeKeyring": []},
            "accounts": {"runAs": "", "users": [], "groups": None},
            "certificates": {"additional": [], "providers": []},
        },
        {"new": None, "newer": [], "newest": {}, "text": "", "flag": False, "number": 0, "contents": {"more": 0.0}},
    ],
)
def test_absent_null_and_empty_are_empty(value: object) -> None:
    assert overlay_from_wire(value) == EMPTY


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "customOverlay is a list, not an object"),
        ("", "customOverlay is text, not an object"),
        (0, "customOverlay is a number, not an object"),
        (False, "customOverlay is true or false, not an object"),
        ({"contents": []}, "contents is a list, not an object"),
        ({"contents": {"packages": "git"}}, "contents.packages is text, not a list"),
        ({"contents": {"packages": {}}}, "contents.packages is an object, not a list"),
        ({"contents": {"packages": ["git", None]}}, "contents.packages[1] is null, not text"),
        ({"contents": {"runtimeRepositories": [1]}}, "contents.runtimeRepositories[0] is a number, not text"),
        ({"contents": {"runtimeKeyring": ["k"]}}, "contents.runtimeKeyring[0] is text, not an object"),
        ({"contents": {"runtimeKeyring": [{"content": "x"}]}}, "contents.runtimeKeyring[0].name is null, not a name"),
        ({"environment": []}, "environment is a list, not an object"),
        ({"environment": {"A": 1}}, "environment.A is a number, not text"),
        ({"annotations": {"A": None}}, "annotations.A is null, not text"),
        ({"annotations": "x"}, "annotations is text, not an object"),
        ({"accounts": []}, "accounts is a list, not an object"),
        ({"accounts": {"runAs": []}}, "accounts.runAs is a list, not text"),
        ({"accounts": {"users": {}}}, "accounts.users is an object, not a list"),
        ({"accounts": {"users": [{"uid": 1}]}}, "accounts.users[0].userName is null, not a name"),
        ({"accounts": {"users": [{"userName": "", "uid": 1}]}}, "accounts.users[0].userName is null, not a name"),
        ({"accounts": {"users": [{"userName": "a", "uid": "x"}]}}, "accounts.users[0].uid is text, not an id"),
        (
            {"accounts": {"users": [{"userName": "a", "uid": True}]}},
            "accounts.users[0].uid is true or false, not an id",
        ),
        ({"accounts": {"users": [{"userName": "a", "gid": -1}]}}, "accounts.users[0].gid is a number, not an id of 32"),
        ({"accounts": {"users": [{"userName": "a", "gid": 2**32}]}}, "accounts.users[0].gid is a number, not an id of"),
        ({"accounts": {"users": [{"userName": "a", "gid": 1.5}]}}, "accounts.users[0].gid is a number, not an id"),
        ({"accounts": {"users": [{"userName": 5}]}}, "accounts.users[0].userName is a number, not text"),
        ({"accounts": {"groups": [{"groupName": "g", "members": "a"}]}}, "accounts.groups[0].members is text, not a"),
        ({"accounts": {"groups": [{"gid": 5}]}}, "accounts.groups[0].groupName is null, not a name"),
        ({"certificates": {"additional": [{"name": "c", "content": 5}]}}, "certificates.additional[0].content is a"),
        ({"certificates": {"providers": [[]]}}, "certificates.providers[0] is a list, not text"),
        ({"environment": {"A\n\x1b[31m": 1}}, "environment.A [31m is a number, not text"),
    ],
)
def test_wrong_shapes_are_unreadable(value: object, problem: str) -> None:
    found = overlay_from_wire(value)
    assert isinstance(found, Unreadable)
    assert found.problem.startswith(problem)


def test_what_is_not_known_is_kept_as_text() -> None:
    raw = b"""{"profile": "x", "contents": {"locales": [1.0, {"b": 1, "a": "\\u00e9"}], "packages": ["git"]},
        "accounts": {"defaults": {"umask": 18}}, "certificates": {"policy": true}, "zero": 0}"""
    found = overlay_from_wire(json_text.decode(raw))
    assert isinstance(found, Overlay)
    assert found.packages == ("git",)
    assert found.unrecognized == (
        ("accounts.defaults", '{"umask":18}'),
        ("certificates.policy", "true"),
        ("contents.locales", '[1.0,{"a":"é","b":1}]'),
        ("profile", '"x"'),
    )


def test_too_deep() -> None:
    value: object = "x"
    for _ in range(100_000):
        value = [value]
    assert overlay_from_wire({"new": value}) == Unreadable(problem="customOverlay is nested too deeply")


@pytest.mark.parametrize(
    ("uid", "gid", "expected"),
    [(5, 6, (5, 6)), ("5", "0", (5, 0)), (5.0, 4294967295, (5, 4294967295)), (None, None, (0, None))],
)
def test_ids(uid: object, gid: object, expected: tuple[int, int | None]) -> None:
    found = overlay_from_wire({"accounts": {"users": [{"userName": "u", "uid": uid, "gid": gid}]}})
    assert isinstance(found, Overlay)
    assert [(user.uid, user.gid) for user in found.accounts.users] == [expected]


def test_a_number_to_run_as() -> None:
    found = overlay_from_wire({"accounts": {"runAs": 65532}})
    assert isinstance(found, Overlay)
    assert found.accounts.run_as == "65532"


def test_repository() -> None:
    assert RepositoryAnswer.model_validate(repository(activeTags=["latest", "22"])).to_core(
        folder="x"
    ) == LiveRepository(
        id=NODE, name="node", folder="x", overlay=EMPTY, active_tags=("latest", "22"), synced_from=CATALOG
    )
    assert RepositoryAnswer.model_validate({"id": NODE, "name": "node"}).to_core().active_tags == ()
    assert RepositoryAnswer.model_validate({"id": NODE, "name": "node"}).to_core().synced_from == ""
    assert RepositoryAnswer.model_validate(repository(activeTags="x")).to_core().active_tags == ()
    assert isinstance(RepositoryAnswer.model_validate(repository(customOverlay=[])).to_core().overlay, Unreadable)


@pytest.mark.parametrize("item", [{}, {"id": NODE}, {"name": "x"}, {"id": "", "name": "x"}, {"id": 5, "name": "x"}])
def test_no_repository(item: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RepositoryAnswer.model_validate(item).to_core()
