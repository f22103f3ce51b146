"""Who am I: read from the wire, tolerant of what may be missing and strict about what is of another shape."""

from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.api.answers import TokenIdentity
from reconciler.api.errors import NotUnderstood, PermissionDenied, ServerFault, TokenRejected
from reconciler.core.doctor import Grant, Identity
from tests.api.fakes import ROOT, SERVER_TIME, TEAM, Told, reader

GROUP = {"id": ROOT, "name": "example.com", "kind": "ORG_KIND_OF_TOMORROW"}


def entry(capabilities: list[str], *, name: str | None = "owner", group: Any = GROUP) -> dict[str, Any]:
    if name is None:
        return {"group": group, "role": None, "capabilities": capabilities}
    return {"group": group, "role": {"id": "x", "name": name, "capabilities": capabilities}, "capabilities": []}


def document(*capabilities: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {
        "subject": f"{ROOT}/{'f' * 16}",
        "email": "ada@example.com",
        "issuer": "https://issuer.test",
        "expiry": "2026-08-04T10:00:00.5Z",
        "profile": None,
        "capabilities": list(capabilities),
        **fields,
    }


def read_identity(found: dict[str, Any]) -> Identity:
    return TokenIdentity.model_validate(found).to_core()


def test_all_of_it() -> None:
    assert read_identity(document(entry(["repo.list", "repo.update"]))) == Identity(
        subject=f"{ROOT}/{'f' * 16}",
        email="ada@example.com",
        issuer="https://issuer.test",
        expires=SERVER_TIME + 0.5,
        grants=(
            Grant(
                group_id=ROOT,
                group_name="example.com",
                roles=("owner",),
                capabilities=frozenset({"repo.list", "repo.update"}),
            ),
        ),
    )


def test_capabilities_next_to_the_role_and_several_roles_of_a_group() -> None:
    team = {"id": TEAM, "name": "team-a"}
    found = read_identity(
        document(
            entry(["tag.list"], name=None),
            entry(["repo.list"], name="viewer"),
            entry(["repo.update"], name="editor", group=team),
            entry(["repo.create"], name="viewer"),
        )
    )
    ours, below = found.grants
    assert ours.roles == ("viewer",)
    assert ours.capabilities == frozenset({"tag.list", "repo.list", "repo.create"})
    assert (below.group_id, below.roles) == (TEAM, ("editor",))
    assert found.may(ROOT) == ours.capabilities
    assert found.may(TEAM) == ours.capabilities | {"repo.update"}
    assert found.may_below(ROOT) == {"repo.update"}
    assert found.may_below(TEAM) == frozenset()
    assert found.may(f"{ROOT}0") == frozenset()


@pytest.mark.parametrize("missing", [None, "", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "soon"])
def test_what_is_not_reported(missing: str | None) -> None:
    found = read_identity({"subject": "x", "expiry": missing, "capabilities": None})
    assert found == Identity(subject="x", email="", issuer="", expires=None, grants=())


@pytest.mark.parametrize(
    "wrong",
    [
        document(subject=None),
        document(subject=5),
        document(email=5),
        document(capabilities={}),
        document(capabilities=[5]),
        document(entry(["x"], group=None)),
        document(entry(["x"], group="x")),
        document(entry("x")),  # type: ignore[arg-type]  # what a server may send
        document({"group": GROUP, "role": "owner"}),
    ],
)
def test_another_shape(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read_identity(wrong)
    client, _ = reader(Told(wrong))
    with client, pytest.raises(NotUnderstood):
        client.identity()


def test_the_call() -> None:
    client, api = reader(Told(document()))
    with client:
        assert client.identity().email == "ada@example.com"
    assert (api.only.method, api.only.path, api.only.raw_query) == ("GET", "/auth/v1/ok", "")


def test_a_greeting_carries_no_token_and_a_refusal_answers_it() -> None:
    client, api = reader(Told({"code": 16, "message": "missing bearer token"}, status=401))
    with client:
        assert client.ping() == SERVER_TIME
        with pytest.raises(TokenRejected):
            client.identity()
    assert "authorization" not in api.asked[0].headers
    assert "authorization" in api.asked[1].headers


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Told(status=500), ServerFault),
        (Told(status=403), PermissionDenied),
        (Told(status=302), NotUnderstood),
        (Told(body=b"<title>Sign in to the network</title>"), NotUnderstood),
    ],
)
def test_what_is_not_a_greeting(answer: Told, kind: type[Exception]) -> None:
    client, _ = reader(answer)
    with client, pytest.raises(kind):
        client.ping()


def test_a_greeting_without_the_time() -> None:
    client, _ = reader(Told(document(), headers={"Date": ""}))
    with client:
        assert client.ping() is None
