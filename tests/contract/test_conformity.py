"""The check itself: an exchange with one thing wrong is objected to."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.conformity import Documents
from tests.contract.traffic import Exchange
from tests.support.emulated import REPOS, World
from tests.support.openapi import FUTURE_FIELDS
from tests.support.wsgi import call


@pytest.fixture
def update(world: World) -> Exchange:
    """A replacement of a repository with which everything is right."""
    repository = world.emulator.repository("custom-go")
    path = f"{REPOS}/{repository['id']}"
    reply = call(world.emulator, "PUT", path, body=repository)
    return Exchange(
        method="PUT",
        path=path,
        query="",
        asked={"authorization": "Bearer x", "accept": "application/json", "content-type": "application/json"},
        sent=json.dumps(repository).encode(),
        status=reply.status,
        told={"content-type": "application/json"},
        received=reply.body,
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"path": "/registry/v1/repositories"}, "no such operation is published"),
        ({"path": "/registry/v1/repos/custom-go"}, "id is no UIDP"),
        ({"query": "updateMask=readme"}, "there is no parameter updateMask"),
        ({"sent": b'{"customOverley": {}}'}, 'the body has "customOverley"'),
        ({"sent": b'{"customOverlay": {"contents": {"packages": "jq"}}}'}, "is not of type 'array'"),
        ({"asked": {}}, "the request carries no bearer token"),
        ({"received": b"{}"}, 'the answer lacks "customOverlay"'),
        ({"received": b'{"color": 1}'}, 'the answer has "color"'),
        ({"received": b'{"createTime": "noon"}'}, "'noon' is not a 'date-time'"),
        ({"status": 500, "received": b'{"code": "x"}'}, "'x' is not of type 'integer'"),
        ({"told": {"content-type": "text/html"}}, "the answer is text/html"),
    ],
)
def test_a_wrong_update_is_objected_to(update: Exchange, change: dict[str, Any], problem: str) -> None:
    documents = Documents()
    assert documents.objections(update) == []
    assert any(problem in each for each in documents.objections(replace(update, **change)))


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("uidp.descendentsOf=x", "there is no parameter uidp.descendentsOf"),
        ("pageSize=many", "is not of type 'integer'"),
        ("pageSize=3000000000", "is not a 'int32'"),
        ("excludeLogs=yes", "is not of type 'boolean'"),
        ("startedSince=yesterday", "is not a 'date-time'"),
        ("pageSize=1&pageSize=2", "given more than once"),
    ],
)
def test_a_wrong_query_is_objected_to(update: Exchange, query: str, problem: str) -> None:
    asked = {key: value for key, value in update.asked.items() if key != "content-type"}
    changed = replace(update, method="GET", path="/registry/v1/buildreports", query=query, asked=asked, sent=b"")
    assert any(problem in each for each in Documents().objections(changed))


def test_an_unknown_field_may_be_sent_back_and_not_invented(update: Exchange) -> None:
    body = replace(update, sent=b'{"customOverlay": {"hardeningProfile": {}}}')
    documents = Documents()
    assert any("hardeningProfile" in each for each in documents.objections(body))
    documents.objections(replace(update, received=b'{"customOverlay": {"hardeningProfile": {}}}'))
    assert not any("the body has" in each for each in documents.objections(body))
    assert "hardeningProfile" in FUTURE_FIELDS
