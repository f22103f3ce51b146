"""Finding the token and keeping it unseen."""

import pytest

from reconciler.api.errors import BadAddress, NoToken, TokenRejected
from reconciler.api.token import find_token


@pytest.mark.parametrize(
    ("environ", "source", "header"),
    [
        ({"CHAINGUARD_TOKEN": "abc"}, "CHAINGUARD_TOKEN", "Bearer abc"),
        ({"TOK": "abc"}, "TOK", "Bearer abc"),
        ({"CHAINGUARD_TOKEN": "abc", "TOK": "def"}, "CHAINGUARD_TOKEN", "Bearer abc"),
        ({"CHAINGUARD_TOKEN": "", "TOK": "def"}, "TOK", "Bearer def"),
        ({"CHAINGUARD_TOKEN": " \n", "TOK": "def\n"}, "TOK", "Bearer def"),
        ({"CHAINGUARD_TOKEN": "  a.b-c_d/e+f=\r\n"}, "CHAINGUARD_TOKEN", "Bearer a.b-c_d/e+f="),
    ],
)
def test_where_it_is_looked_for(environ: dict[str, str], source: str, header: str) -> None:
    token = find_token(environ)
    assert (token.source, token.header()) == (source, header)


@pytest.mark.parametrize("environ", [{}, {"TOK": ""}, {"CHAINGUARD_TOKEN": "\t", "OTHER": "x"}])
def test_none(environ: dict[str, str]) -> None:
    with pytest.raises(NoToken) as caught:
        find_token(environ, api_url="https://api.test")
    found = caught.value.diagnostic
    assert found.code == "no-token"
    assert "CHAINGUARD_TOKEN" in found.detail
    assert "TOK" in found.detail
    assert found.hint == "export CHAINGUARD_TOKEN=$(chainctl auth token --audience https://api.test)"
    assert isinstance(caught.value, TokenRejected)


@pytest.mark.parametrize("environ", [{}, {"TOK": "sesame"}])
def test_a_bad_address_comes_first(environ: dict[str, str]) -> None:
    with pytest.raises(BadAddress):
        find_token(environ, api_url="https://me:hunter2@api.test")


@pytest.mark.parametrize("value", ["Bearer sesame", "ses\name", "sesame\x00x", "sesamé", "ses\u202eame", "a\tb"])
def test_what_cannot_be_one_is_refused_unseen(value: str) -> None:
    with pytest.raises(TokenRejected) as caught:
        find_token({"CHAINGUARD_TOKEN": value, "TOK": "good"})
    assert caught.value.diagnostic.code == "bad-token"
    assert "CHAINGUARD_TOKEN" in str(caught.value)
    assert value not in repr(caught.value.diagnostic)
    assert "ame" not in repr(caught.value.diagnostic)


def test_it_shows_nowhere() -> None:
    token = find_token({"TOK": "sesame"})
    assert "sesame" not in f"{token} {token!r} {[token]} {token.__slots__}"
    assert repr(token) == "Token(source='TOK')"
    assert token.hide("you sent sesame, sesame!") == "you sent [token], [token]!"
