"""From what the server answers to the error that says so."""

import json
from collections.abc import Callable
from email.utils import formatdate

import httpx
import pytest

from reconciler.api import errors
from reconciler.api.errors import (
    AnswerLost,
    ApiError,
    NotFound,
    NotUnderstood,
    PermissionDenied,
    RateLimited,
    Rejected,
    ServerFault,
    TokenRejected,
    Unreachable,
)
from reconciler.api.writer import WriteClient
from reconciler.core.overlay import EMPTY
from reconciler.core.state import LiveRepository, RepositoryVersion
from tests.api.fakes import NODE, ORGANIZATION, SERVER_TIME, Asked, Told, reader, repository, writer

HTML = b"<html><head><title>502 Bad\n Gateway</title></head><body>nginx</body></html>"


def rpc(code: int, message: str = "the reason") -> bytes:
    return json.dumps({"code": code, "message": message, "details": []}).encode()


READING = RepositoryVersion(
    repository=LiveRepository(id=NODE, name="node", overlay=EMPTY), document=repository(), server_time=0.0
)
CALLS: dict[str, Callable[[WriteClient], object]] = {
    "find": lambda client: client.find_organization("example.com"),
    "live": lambda client: client.read_live(ORGANIZATION),
    "read": lambda client: client.read_repository(NODE, ORGANIZATION),
    "builds": lambda client: client.list_builds(ORGANIZATION, since=0.0),
    "log": lambda client: client.build_log(NODE),
    "queue": lambda client: client.sync_states(ORGANIZATION),
    "tags": lambda client: client.list_tags(ORGANIZATION),
    "tags of one": lambda client: client.list_tags(NODE),
    "write": lambda client: client.write_overlay(READING, EMPTY),
    "create": lambda client: client.create_repository(
        READING, name="new", folder="", wanted=EMPTY, organization=ORGANIZATION
    ),
}

WHO = Told({"subject": "me", "capabilities": [{"group": {"id": "x"}, "capabilities": ["any.other"]}]})

READS: list[tuple[int, bytes, type[ApiError], str, str]] = [
    (400, rpc(3), Rejected, "rejected", "the reason"),
    (400, rpc(9), Rejected, "rejected", "the reason"),
    (401, rpc(16), TokenRejected, "token-rejected", "the reason"),
    (401, HTML, TokenRejected, "token-rejected", "an HTML page"),
    (401, b"", TokenRejected, "token-rejected", "HTTP 401 with no message"),
    (400, rpc(16), TokenRejected, "token-rejected", "the reason"),
    (403, rpc(7), PermissionDenied, "permission-denied", "the reason"),
    (403, HTML, PermissionDenied, "permission-denied", 'an HTML page, "502 Bad Gateway"'),
    (404, rpc(5), NotFound, "not-found", "the reason"),
    (404, rpc(5, ""), NotFound, "not-found", "code 5 with no message"),
    (404, HTML, NotUnderstood, "not-understood", "HTTP 404, an HTML page"),
    (404, b"", NotUnderstood, "not-understood", "HTTP 404, empty body"),
    (409, rpc(6), Rejected, "already-exists", "the reason"),
    (409, rpc(10), Rejected, "rejected", "the reason"),
    (418, b"teapot", Rejected, "rejected", "teapot"),
    (429, rpc(8), RateLimited, "rate-limited", "the reason"),
    (429, b"slow\ndown", RateLimited, "rate-limited", "slow down"),
    (500, rpc(13), ServerFault, "server-fault", "HTTP 500, the reason"),
    (500, rpc(2, ""), ServerFault, "server-fault", "HTTP 500, code 2 with no message"),
    (501, rpc(12), ServerFault, "server-fault", "HTTP 501, the reason"),
    (502, HTML, ServerFault, "server-fault", 'HTTP 502, an HTML page, "502 Bad Gateway"'),
    (503, rpc(14), ServerFault, "server-fault", "the reason"),
    (504, b"<html>", ServerFault, "server-fault", "HTTP 504, an HTML page"),
    (301, b"", NotUnderstood, "not-understood", "a redirect to https://login.test/a (not followed"),
    (307, HTML, NotUnderstood, "not-understood", "a redirect"),
    (200, HTML, NotUnderstood, "not-understood", "the body is not a JSON object: an HTML page"),
    (200, b"", NotUnderstood, "not-understood", "not a JSON object: empty"),
    (204, b"", NotUnderstood, "not-understood", "not a JSON object: empty"),
    (200, b"[]", NotUnderstood, "not-understood", "not a JSON object"),
    (200, b"null", NotUnderstood, "not-understood", "not a JSON object"),
    (200, b'{"items": [', NotUnderstood, "not-understood", "not a JSON object"),
    (200, b'{"items": "x"}', NotUnderstood, "not-understood", "items is text, not a list"),
    (200, b'{"items": [5]}', NotUnderstood, "not-understood", "items[0] is a number, not an object"),
    (200, b'{"items": [{"id": "x", "name": "y"}, {}]}', NotUnderstood, "not-understood", "items[1]: id is null"),
    (200, b'{"error": "no"}', NotUnderstood, "not-understood", 'not one with "items"'),
    (200, b'{"items": [], "nextPageToken": "x"}', NotUnderstood, "not-understood", "next page"),
]


@pytest.mark.parametrize(("status", "body", "kind", "code", "says"), READS)
def test_reads(status: int, body: bytes, kind: type[ApiError], code: str, says: str) -> None:
    client, api = reader(Told(status=status, body=body, headers={"Location": "https://login.test/a"}))
    with client, pytest.raises(ApiError) as caught:
        client.read_live(ORGANIZATION)
    assert type(caught.value) is kind
    found = caught.value.diagnostic
    assert found.code == code
    assert says in found.detail
    assert "example.com" in found.summary + found.detail
    assert found.detail.isprintable()
    path = api.asked[0].path
    tries = 6 if status in (429, 502, 503, 504) else 4 if status == 500 else 1
    assert [asked.path for asked in api.asked].count(path) == tries
    if kind is not Rejected:
        assert found.hint


@pytest.mark.parametrize(("status", "again"), [(501, False), (500, True)])
def test_only_what_may_pass_is_to_be_tried_again(status: int, *, again: bool) -> None:
    """What the API does not offer is not a matter of minutes."""
    client, _ = reader(Told(status=status, body=rpc(12 if status == 501 else 13), headers={}))
    with client, pytest.raises(ServerFault) as caught:
        client.read_live(ORGANIZATION)
    assert ("try again" in caught.value.diagnostic.hint) is again


WRITES = [
    (400, rpc(3), Rejected, "the reason"),
    (401, rpc(16), TokenRejected, "the reason"),
    (403, rpc(7), PermissionDenied, "the reason"),
    (404, rpc(5), NotFound, "the reason"),
    (409, rpc(10), Rejected, "the reason"),
    (429, rpc(8), RateLimited, "the reason"),
    (500, rpc(13), AnswerLost, "the reason"),
    (502, HTML, AnswerLost, "502 Bad Gateway"),
    (503, rpc(14), AnswerLost, "the reason"),
    (504, b"", AnswerLost, "HTTP 504, empty body"),
    # Only the API's own word says that nothing was done; a proxy's page of any status does not.
    (307, b"", AnswerLost, "redirect"),
    (408, b"", AnswerLost, "HTTP 408, empty body"),
    (408, rpc(4), AnswerLost, "the reason"),
    (425, b"", AnswerLost, "HTTP 425"),
    (499, rpc(1), AnswerLost, "the reason"),
    (499, b"", AnswerLost, "HTTP 499"),
    (400, b"", AnswerLost, "HTTP 400, empty body"),
    (400, HTML, AnswerLost, "502 Bad Gateway"),
    (401, HTML, AnswerLost, "502 Bad Gateway"),
    (403, HTML, AnswerLost, "502 Bad Gateway"),
    (404, HTML, AnswerLost, "502 Bad Gateway"),
    (409, HTML, AnswerLost, "502 Bad Gateway"),
    (429, HTML, AnswerLost, "502 Bad Gateway"),
    (501, HTML, AnswerLost, "502 Bad Gateway"),
    (500, rpc(3), AnswerLost, "the reason"),
    (500, rpc(2), AnswerLost, "the reason"),
    (400, rpc(11), Rejected, "the reason"),
    (409, rpc(6), Rejected, "the reason"),
    (501, rpc(12), ServerFault, "HTTP 501, the reason"),
    (520, b"error code: 520", AnswerLost, "error code: 520"),
    (200, HTML, AnswerLost, "an HTML page"),
    (200, b"", AnswerLost, "not a JSON object: empty"),
    (200, b'{"id": "' + NODE.encode(), AnswerLost, "not a JSON object"),
    (200, b"{}", AnswerLost, "the response does not contain the repository"),
    (200, b'{"id": "other", "name": "node"}', AnswerLost, "another repository, other"),
]


@pytest.mark.parametrize(("status", "body", "kind", "says"), WRITES)
def test_writes(status: int, body: bytes, kind: type[ApiError], says: str) -> None:
    client, api = writer(Told(status=status, body=body))
    with client, pytest.raises(ApiError) as caught:
        client.write_overlay(READING, EMPTY)
    assert type(caught.value) is kind
    assert says in caught.value.diagnostic.detail
    assert "node" in caught.value.diagnostic.summary + caught.value.diagnostic.detail
    # Of all these only 429 says that nothing was done.
    assert [asked.method for asked in api.asked if asked.method != "GET"] == ["PUT"] * (
        6 if (status, body) == (429, rpc(8)) else 1
    )


@pytest.mark.parametrize(
    ("call", "capability", "about"),
    [
        ("find", "groups.list", "example.com"),
        ("live", "repo.list", "example.com"),
        ("read", "repo.list", NODE),
        ("builds", "build_report.list", "example.com"),
        ("log", "build_report.list", NODE),
        ("queue", "repo.list", "example.com"),
        ("tags", "tag.list", "example.com"),
        ("tags of one", "tag.list", NODE),
        ("write", "repo.update", '"node"'),
        ("create", "repo.create", '"new" in "example.com"'),
    ],
)
def test_a_missing_capability_is_named(call: str, capability: str, about: str) -> None:
    client, _ = writer(lambda asked: WHO if asked.path == "/auth/v1/ok" else Told(status=403, body=rpc(7)))
    with client, pytest.raises(PermissionDenied) as caught:
        CALLS[call](client)
    denied = caught.value
    assert denied.capability == capability
    assert capability in denied.diagnostic.summary
    assert capability in denied.diagnostic.hint
    assert about in denied.diagnostic.summary


def test_a_capability_is_called_missing_only_where_the_identity_call_agrees() -> None:
    """The server's message is always shown."""
    has = Told({"subject": "me", "capabilities": [{"group": {"id": "x"}, "capabilities": ["repo.list"]}]})
    silent = Told({"subject": "me", "capabilities": None})
    for identity, hint in (
        (has, "the token has the capability repo.list"),
        (Told(status=403), "ask an owner"),
        (silent, "ask an owner"),
    ):
        client, _ = reader(
            lambda asked, one=identity: one if asked.path == "/auth/v1/ok" else Told(status=403, body=rpc(7))  # type: ignore[misc]
        )
        with client, pytest.raises(PermissionDenied) as caught:
            client.read_live(ORGANIZATION)
        found = caught.value.diagnostic
        assert "lacks" not in found.summary
        assert found.detail == "the reason"
        assert hint in found.hint


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        (formatdate(SERVER_TIME + 90, usegmt=True), 90.0),
        (formatdate(SERVER_TIME - 90, usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    client, _ = reader(Told(status=429, body=rpc(8), headers={"Retry-After": header}))
    with client, pytest.raises(RateLimited) as caught:
        client.read_live(ORGANIZATION)
    assert caught.value.retry_after == seconds


def test_a_long_message_with_control_characters_is_cut_and_cleaned() -> None:
    client, _ = reader(Told(status=400, body=rpc(3, "\x1b[31mred\x07\u202e\n" + "x" * 10_000)))
    with client, pytest.raises(Rejected) as caught:
        client.read_live(ORGANIZATION)
    detail = caught.value.diagnostic.detail
    assert detail.startswith("[31mred xxx")
    assert len(detail) == 256
    assert str(caught.value) == f"{caught.value.diagnostic.summary}: {detail}"


def test_the_token_hint_can_be_pasted() -> None:
    client, _ = reader(Told(status=401, body=rpc(16)), url="https://api.test/x/")
    with client, pytest.raises(TokenRejected) as caught:
        client.read_live(ORGANIZATION)
    found = caught.value.diagnostic
    assert "CHAINGUARD_TOKEN" in found.summary
    assert "export CHAINGUARD_TOKEN=$(chainctl auth token --audience https://api.test/x)" in found.hint


@pytest.mark.parametrize("error", [ConnectionResetError("x"), OSError("x"), ConnectionError("x"), TimeoutError("x")])
@pytest.mark.parametrize("call", CALLS)
def test_an_app_that_drops_the_connection(error: Exception, call: str) -> None:
    def answer(_: Asked) -> Told:
        raise error

    client, _ = writer(answer)
    with client, pytest.raises(AnswerLost if call in ("write", "create") else Unreachable) as caught:
        CALLS[call](client)
    assert "closed before the response was complete" in caught.value.diagnostic.detail
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_every_error_stands_in_the_tree_of_the_docstring() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ApiError)]
    assert len(kinds) == 14
    tree = str(errors.__doc__)
    assert [kind.__name__ for kind in kinds if f"{kind.__name__} " not in tree.replace("\n", " ")] == []


def test_no_exception_of_the_http_library_is_one_of_ours() -> None:
    theirs = {httpx.HTTPError, httpx.InvalidURL, httpx.StreamError}
    assert not [kind for kind in vars(errors).values() if isinstance(kind, type) and theirs & set(kind.__mro__)]
