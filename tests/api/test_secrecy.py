"""The token shows nowhere, whatever the server does with it."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.api.auth.provider import fixed
from reconciler.api.auth.sources import find
from reconciler.api.auth.token import Token
from reconciler.api.errors import ApiError
from reconciler.api.retry import Retrier, Timing
from reconciler.api.writer import WriteClient, connect_writer
from reconciler.core.overlay import EMPTY
from tests.api.fakes import NODE, ORGANIZATION, Api, Asked, Told, repository

# Real tokens are longer than a message may be, so that cutting must not come before hiding.
SECRETS = st.builds(
    lambda text, length: ("eyJ." + text * 100)[:length],
    st.text(alphabet="aXYZ._-", min_size=7, max_size=40),
    st.sampled_from([11, 40, 250, 700]),
)
STATUSES = st.sampled_from([200, 301, 400, 401, 403, 404, 409, 429, 500, 502, 503])
SHAPES = st.sampled_from(
    [
        '{"code": 3, "message": "you sent %s and %s"}',
        "<html><title>%s</title>%s</html>",
        "%s %s",
        '["%s", "%s"]',
        '{"items": "%s %s"}',
        '{"items": [{"id": "%s", "name": 5, "x": "%s"}]}',
        '{"id": "%s", "name": "%s", "customOverlay": 5}',
    ]
)


@contextmanager
def _client(secret: str, api: Api) -> Iterator[WriteClient]:
    with connect_writer(
        "http://localhost",
        fixed(Token(secret, source="TOK")),
        wsgi_app=api,
        retrier=Retrier(timing=Timing(now=lambda: 0.0, sleep=lambda _: None)),
    ) as client:
        yield client


def _everything(error: BaseException) -> str:
    """All that could be printed of an error, with the local variables of every frame that it passed."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in told.stack if "/reconciler/" in frame.filename]
    shown = "".join(traceback.format_exception(error)) + repr([frame.locals for frame in frames])
    return f"{error} {error!r} {error.args} {vars(error)} {error.__cause__} {error.__context__} {shown}"


def _told(call: Callable[[], object]) -> str:
    """All that the error of a call tells; nothing where it succeeds."""
    try:
        call()
    except ApiError as error:
        return f"{error} {error!r} {error.diagnostic} {error.__cause__} {error.__context__!r}"
    return ""


@given(SECRETS, STATUSES, SHAPES)
def test_a_server_that_repeats_it(secret: str, status: int, shape: str) -> None:
    body = (shape % (secret, secret)).encode()

    def answer(asked: Asked) -> Told:
        assert asked.headers["authorization"] == f"Bearer {secret}"
        if asked.query == (("id", NODE),):
            return Told({"items": [repository()]})
        return Told(status=status, body=body, headers={"Location": f"https://x.test/{secret}"})

    with _client(secret, Api(answer)) as client:
        reading = client.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        for call in (lambda: client.read_live(ORGANIZATION), lambda: client.write_overlay(reading, EMPTY)):
            assert secret[:11] not in _told(call)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.LocalProtocolError("Illegal header value b'Bearer sesame-3f9a'"),
        httpx.ReadError("sesame-3f9a"),
        httpx.ConnectError("sesame-3f9a"),
        ConnectionResetError("sesame-3f9a"),
    ],
)
def test_exceptions_that_repeat_it(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Asked) -> Told:
        raise failure

    caplog.set_level(logging.DEBUG)
    with _client("sesame-3f9a", Api(fail)) as client, pytest.raises(ApiError) as caught:
        client.read_live(ORGANIZATION)
    assert "sesame-3f9a" not in _everything(caught.value)
    assert "sesame-3f9a" not in caplog.text


@pytest.mark.parametrize("status", [200, 401, 403, 500, 503])
def test_failures_without_it(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api = Api(Told(status=status, body=json.dumps({"code": 16, "message": "no"}).encode()))
    with _client("sesame-3f9a", api) as client, pytest.raises(ApiError) as caught:
        client.read_live(ORGANIZATION)
    assert "sesame-3f9a" not in _everything(caught.value)
    assert "sesame-3f9a" not in caplog.text


@given(st.text(min_size=8).filter(lambda text: len(text.strip()) >= 8))
def test_a_value_that_is_not_a_token(value: str) -> None:
    found: list[Token] = []
    told = _told(lambda: found.append(find({"TOK": value}, api_url="http://localhost").token()))
    assert value.strip() not in told + repr(found)
    assert found or told
