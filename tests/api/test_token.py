"""A token as a value: kept unseen, and its end read out of it whatever it holds."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.api.auth.token import Token, expiry, sendable


def jwt(claims: Any) -> str:
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return f"eyJhbGciOiJSUzI1NiJ9.{base64.urlsafe_b64encode(body).decode().rstrip('=')}.c2ln"


def test_it_shows_nowhere() -> None:
    token = Token("sesame", source="TOK")
    assert "sesame" not in f"{token} {token!r} {[token]} {token.__slots__}"
    assert repr(token) == "Token(source='TOK')"
    assert token.header() == "Bearer sesame"


def test_tokens_are_the_same_by_their_value() -> None:
    assert Token("a", source="x") == Token("a", source="y")
    assert len({Token("a", source="x"), Token("a", source="y"), Token("b", source="x")}) == 2
    assert Token("a", source="x") != "a"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": 1_800_000_000}, 1_800_000_000.0),
        ({"exp": 1_800_000_000.5}, 1_800_000_000.5),
        ({"exp": "1800000000"}, None),
        ({"exp": True}, None),
        ({"exp": None}, None),
        ({"exp": -1}, None),
        ({"exp": 10**400}, None),
        (b'{"exp": 1e999}', None),
        (b'{"exp": NaN}', None),
        ({}, None),
        ([], None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b"9" * 5000, None),
    ],
)
def test_the_end_of_a_jwt(claims: Any, expected: float | None) -> None:
    assert expiry(jwt(claims)) == expected
    assert Token(jwt(claims), source="x").expires == expected


@pytest.mark.parametrize("value", ["", "owner", "a.b", "a.b.c.d", "eyJ.%.x", "..", "a.aaaaa.c"])
def test_what_is_not_a_jwt_has_no_end(value: str) -> None:
    assert expiry(value) is None


def test_the_tokens_own_word_goes_before_that_of_who_gave_it() -> None:
    assert Token(jwt({"exp": 5}), source="x", expires=7.0).expires == 5.0
    assert Token("opaque", source="x", expires=7.0).expires == 7.0


@given(st.text())
def test_any_text_is_read_without_an_error(value: str) -> None:
    assert expiry(value) is None
    assert sendable(value) is (value != "" and all("!" <= char <= "~" for char in value))
