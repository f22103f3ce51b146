"""Tokens from variables, and what is said when no source has one."""

import pytest

from reconciler.api.auth.sources import find
from reconciler.api.errors import BadAddress, NoToken, TokenRejected


@pytest.mark.parametrize(
    ("environ", "source", "header"),
    [
        ({"CHAINGUARD_TOKEN": "abc"}, "CHAINGUARD_TOKEN", "Bearer abc"),
        ({"TOK": "abc"}, "TOK", "Bearer abc"),
        ({"CHAINGUARD_TOKEN": "abc", "TOK": "def"}, "CHAINGUARD_TOKEN", "Bearer abc"),
        ({"CHAINGUARD_TOKEN": "", "TOK": "def"}, "TOK", "Bearer def"),
        ({"CHAINGUARD_TOKEN": " \n", "TOK": "def\n"}, "TOK", "Bearer def"),
        ({"CHAINGUARD_TOKEN": "  a.b-c_d/e+f=\r\n"}, "CHAINGUARD_TOKEN", "Bearer a.b-c_d/e+f="),
        ({"CHAINGUARD_TOKEN": "abc", "CHAINGUARD_IDENTITY": "x"}, "CHAINGUARD_TOKEN", "Bearer abc"),
    ],
)
def test_where_it_is_looked_for(environ: dict[str, str], source: str, header: str) -> None:
    credentials = find(environ, api_url="https://api.test")
    assert credentials.source == "nowhere"
    token = credentials.token()
    assert (token.source, token.header(), credentials.source) == (source, header, source)
    assert credentials.renewable is False
    assert credentials.renew(token) is None


@pytest.mark.parametrize("environ", [{}, {"TOK": ""}, {"CHAINGUARD_TOKEN": "\t", "OTHER": "x"}])
def test_none(environ: dict[str, str]) -> None:
    credentials = find(environ, api_url="https://api.test")
    for _ in range(2):
        with pytest.raises(NoToken) as caught:
            credentials.token()
        found = caught.value.diagnostic
        assert found.code == "no-token"
        for source in ("CHAINGUARD_TOKEN", "TOK", "CHAINGUARD_IDENTITY", "chainctl: not installed"):
            assert source in found.detail
        assert "`chainctl auth login --audience https://api.test`" in found.hint
        assert "export CHAINGUARD_TOKEN=$(chainctl auth token --audience https://api.test)" in found.hint
        assert isinstance(caught.value, TokenRejected)


def test_the_default_api_needs_no_audience_to_sign_in() -> None:
    with pytest.raises(NoToken) as caught:
        find({}, api_url="https://console-api.enforce.dev/").token()
    assert "`chainctl auth login`," in caught.value.diagnostic.hint


def test_a_bad_address_comes_first() -> None:
    with pytest.raises(BadAddress):
        find({"TOK": "sesame"}, api_url="https://me:hunter2@api.test")


@pytest.mark.parametrize("value", ["Bearer sesame", "ses\name", "sesame\x00x", "sesamé", "ses\u202eame", "a\tb"])
def test_what_cannot_be_one_is_refused_unseen(value: str) -> None:
    credentials = find({"CHAINGUARD_TOKEN": value, "TOK": "good"}, api_url="https://api.test")
    with pytest.raises(TokenRejected) as caught:
        credentials.token()
    assert caught.value.diagnostic.code == "bad-token"
    assert "CHAINGUARD_TOKEN" in str(caught.value)
    assert value not in repr(caught.value.diagnostic)
    assert "ame" not in repr(caught.value.diagnostic)
