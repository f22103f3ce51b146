"""A CI job's OIDC token, and its exchange: what is sent where, what is never sent, and what is said when it fails."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from reconciler.api.auth.provider import TokenAbsent, TokenFailed, TokenFound
from reconciler.api.auth.sources import Workload, issuer_of
from reconciler.api.url import parse_address
from tests.api.auth.pieces import (
    API,
    IDENTITY,
    NOW,
    OIDC,
    REQUEST_TOKEN,
    Broken,
    Line,
    Time,
    jwt,
    token_client,
    told,
)

GITHUB = {
    "CHAINGUARD_IDENTITY": IDENTITY,
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://actions.test/token?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
}
EXCHANGED = told({"token": jwt("new"), "refreshToken": "refresh-me-not", "expiry": "2026-08-04T11:00:00Z"})


@pytest.fixture
def in_file(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "oidc"
    file.write_text(f"{OIDC}\n", encoding="utf-8")
    return {"CHAINGUARD_IDENTITY": IDENTITY, "CHAINGUARD_OIDC_TOKEN_FILE": str(file)}


def workload(environ: dict[str, str], line: Line, time: Time | None = None, *, api: str = API) -> Workload:
    return Workload(environ, api=parse_address(api), tokens=token_client(environ, line, time))


def failed(environ: dict[str, str], line: Line, time: Time | None = None) -> TokenFailed:
    found = workload(environ, line, time).fetch()
    assert isinstance(found, TokenFailed)
    for secret in (OIDC, REQUEST_TOKEN, jwt("new"), "refresh-me-not"):
        assert secret not in repr(found)
    return found


def test_github_actions() -> None:
    line = Line([told({"value": OIDC, "count": 1}), EXCHANGED])
    found = workload(GITHUB, line).fetch()
    assert isinstance(found, TokenFound)
    assert found.token.header() == f"Bearer {jwt('new')}"
    assert "CHAINGUARD_IDENTITY" in found.token.source
    github, exchange = line.asked
    assert github.url.partition("?")[0] == "https://actions.test/token"
    assert parse_qsl(github.url.partition("?")[2]) == [("api-version", "2.0"), ("audience", "https://issuer.test.dev")]
    assert (github.bearer, github.form) == (REQUEST_TOKEN, None)
    assert (exchange.url, exchange.bearer) == ("https://issuer.test.dev/sts/exchange", OIDC)


def test_the_parameters_are_a_form_and_come_once(in_file: dict[str, str]) -> None:
    line = Line([EXCHANGED])
    assert isinstance(workload(in_file, line).fetch(), TokenFound)
    assert line.form() == {"aud": [API], "identity": [IDENTITY]}
    assert "?" not in line.asked[0].url


def test_the_file_goes_before_github(in_file: dict[str, str]) -> None:
    line = Line([EXCHANGED])
    workload({**GITHUB, **in_file}, line).fetch()
    assert [request.bearer for request in line.asked] == [OIDC]


def test_the_file_is_read_anew_for_each_exchange(in_file: dict[str, str]) -> None:
    line = Line([EXCHANGED])
    source = workload(in_file, line)
    source.fetch()
    Path(in_file["CHAINGUARD_OIDC_TOKEN_FILE"]).write_text("another", encoding="utf-8")
    source.fetch()
    assert [request.bearer for request in line.asked] == [OIDC, "another"]


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "not set"),
        ({"CHAINGUARD_IDENTITY": " "}, "not set"),
        ({"CHAINGUARD_OIDC_TOKEN_FILE": "/x"}, "not set"),
        ({"CHAINGUARD_IDENTITY": IDENTITY}, "id-token: write"),
        ({**GITHUB, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""}, "id-token: write"),
    ],
)
def test_what_is_not_set_up_passes_on(environ: dict[str, str], why: str) -> None:
    line = Line([EXCHANGED])
    found = workload(environ, line).fetch()
    assert isinstance(found, TokenAbsent)
    assert why in found.why
    assert line.asked == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": "http://actions.test/token"}, "not an https URL"),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": "ftp://actions.test"}, "is not a URL"),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": "https://me:hunter2@actions.test"}, "is not a URL"),
        ({"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "two words"}, "is not a token"),
        ({"CHAINGUARD_ISSUER": "http://issuer.test"}, "not an https URL"),
        ({"CHAINGUARD_ISSUER": "issuer.test"}, "is not a URL"),
        ({"CHAINGUARD_OIDC_TOKEN_FILE": "/no/such/file"}, "cannot be read: No such file"),
        ({"CHAINGUARD_OIDC_TOKEN_FILE": "/"}, "cannot be read: Is a directory"),
        ({"CHAINGUARD_OIDC_TOKEN_FILE": "/dev/null"}, "cannot be read: it is not a regular file"),
    ],
)
def test_nothing_is_sent_where_the_settings_are_wrong(changed: dict[str, str], why: str) -> None:
    line = Line([EXCHANGED])
    found = failed({**GITHUB, **changed}, line)
    assert why in found.why
    assert "hunter2" not in repr(found)
    assert line.asked == []


@pytest.mark.parametrize(
    ("api", "environ", "expected"),
    [
        ("https://console-api.enforce.dev", {}, "https://issuer.enforce.dev"),
        ("https://console-api.test.dev", {}, "https://issuer.test.dev"),
        ("https://console-api.test.dev:8443/prefix", {}, "https://issuer.test.dev"),
        ("https://api.test", {}, "https://issuer.enforce.dev"),
        ("http://127.0.0.1:8080", {}, "http://127.0.0.1:8080"),
        ("http://localhost:8080", {"CHAINGUARD_ISSUER": "https://issuer.test/"}, "https://issuer.test"),
        ("https://api.test", {"CHAINGUARD_ISSUER": "http://[::1]:5"}, "http://[::1]:5"),
    ],
)
def test_the_issuer(api: str, environ: dict[str, str], expected: str) -> None:
    found = issuer_of(parse_address(api), environ)
    assert getattr(found, "root", found) == expected


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_busy_issuer_is_asked_again(in_file: dict[str, str], status: int) -> None:
    time = Time()
    line = Line([told(status=status, body=b"<html>"), Broken(), told(status=status), EXCHANGED])
    assert isinstance(workload(in_file, line, time).fetch(), TokenFound)
    assert time.slept == [0.5, 1.0, 2.0]


def test_not_for_ever(in_file: dict[str, str]) -> None:
    time = Time()
    line = Line([told({"code": 14, "message": "later"}, status=503)])
    assert "HTTP 503: later" in failed(in_file, line, time).why
    assert (len(line.asked), len(time.slept)) == (6, 5)


@pytest.mark.parametrize("jitter", [0.25, 0.75])
def test_pauses_differ(in_file: dict[str, str], jitter: float) -> None:
    time = Time()
    tokens = token_client(in_file, Line([told(status=503)]), time, jitter=jitter)
    Workload(in_file, api=parse_address(API), tokens=tokens).fetch()
    assert time.slept == [pytest.approx(2**number * jitter) for number in range(5)]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (told({"code": 7, "message": "may not assume"}, status=403), "HTTP 403: may not assume"),
        (told({"code": 16, "message": f"bad {OIDC}"}, status=401), "HTTP 401: bad [token]"),
        (told(status=400, body=b"<title>No</title>"), 'HTTP 400: an HTML page, "No"'),
        (told(status=307, location=f"https://evil.test/{OIDC}"), "a redirect (not followed"),
        (told({}), 'has no usable "token"'),
        (told({"token": ""}), 'has no usable "token"'),
        (told({"token": 5}), 'has no usable "token"'),
        (told({"token": "two words"}), 'has no usable "token"'),
        (told([]), "did not return JSON"),
        (told(body=b"[" * 99_999), "did not return JSON"),
        (told(body=jwt("new").encode()), "did not return JSON"),
        (Broken(), "cannot reach https://issuer.test.dev: connection refused"),
    ],
)
def test_an_exchange_that_fails(in_file: dict[str, str], answer: Any, why: str) -> None:
    found = failed(in_file, Line([answer]))
    assert why in found.why
    assert "https://issuer.test.dev" in found.why
    assert IDENTITY in found.summary
    assert "may assume" in found.hint


def test_github_refuses() -> None:
    found = failed(GITHUB, Line([told({"message": f"no, {REQUEST_TOKEN}"}, status=403)]))
    assert "GitHub issued no token for this job: https://actions.test/token returned HTTP 403: no, [token]" in found.why


@pytest.mark.parametrize(
    ("token", "expiry", "expected"),
    [
        (jwt("new", ends=NOW + 5), "2026-08-04T11:00:00Z", NOW + 5),
        ("opaque-token", "2026-08-04T11:00:00Z", NOW + 3600),
        ("opaque-token", None, None),
        ("opaque-token", 7, None),
    ],
)
def test_when_it_ends(in_file: dict[str, str], token: str, expiry: object, expected: float | None) -> None:
    found = workload(in_file, Line([told({"token": token, "expiry": expiry})])).fetch()
    assert isinstance(found, TokenFound)
    assert found.token.expires == expected
