"""JSON in and out without loss."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.api import json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_there_and_back(value: object, ascii_only: bool) -> None:  # noqa: FBT001 - hypothesis passes by position
    text = json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    assert json_text.decode(text) == value
    assert json.loads(json_text.encode(json_text.decode(text))) == value
    again = json_text.encode(json_text.decode(text))
    assert json_text.encode(json_text.decode(again)) == again


@pytest.mark.parametrize(
    "text",
    [
        '{"b":1,"a":[1.0,1.10,1e2,1E+2,-0.0,1e400,0.12345678901234567890123,12345678901234567890123456789]}',
        '{"a":"\\u0000\\ud83d\\ude00\\u2028","":[[],{}],"t":true,"f":false,"n":null}',
    ],
)
def test_text_is_kept(text: str) -> None:
    assert json_text.encode(json_text.decode(text.encode())) == text.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html></html>",
        b"NaN",
        b"[Infinity]",
        b"{'a': 1}",
        b'{"a": "\xff"}',
        b'["\\ud800"]',
        b'{"\\uDFFF": 1}',
        b"[" * 100_000,
        b"9" * 5000,
    ],
)
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        json_text.decode(body)


def test_too_deep_to_send() -> None:
    value: object = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(ValueError, match="deep"):
        json_text.encode(value)


def test_canonical_text_depends_on_meaning_alone() -> None:
    one, other = b'{"b": 1.0, "a": ["\\u00e9"]}', '{"a":["é"],"b":1.00}'.encode()
    assert json_text.canonical(json_text.decode(one)) == json_text.canonical(json_text.decode(other))
    assert json_text.canonical({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'
