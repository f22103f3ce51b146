"""JSON in and out without loss."""

import json
import tracemalloc
from typing import Any

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


FIELDS = ("id", "name", "activeTags", "customOverlay")
ITEMS = st.fixed_dictionaries({}, optional=dict.fromkeys([*FIELDS, "readme", "future"], VALUES)) | VALUES
LISTS = st.fixed_dictionaries({}, optional={"items": st.lists(ITEMS, max_size=3) | VALUES, "nextPageToken": VALUES})


def _kept(document: object) -> object:
    """What `decode_items` is to give for a whole document."""
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        return document
    items = [
        {key: item[key] for key in FIELDS if key in item} if isinstance(item, dict) else item
        for item in document["items"]
    ]
    return {**document, "items": items}


@given(LISTS | VALUES, st.booleans())
def test_a_long_list_is_read_as_any_other_less_what_is_not_wanted(document: object, ascii_only: bool) -> None:  # noqa: FBT001 - a case
    body = json.dumps(document, ensure_ascii=ascii_only).encode()
    assert json_text.decode_items(body, FIELDS) == _kept(json.loads(body))


_TEXTS = st.sampled_from(["", "a", "},{", '"},{"', "\\\\", "]}", '{"items":[', "é", "🚀"])
_NESTED = st.recursive(
    _TEXTS | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3)
)
_MANY = st.lists(st.dictionaries(_TEXTS, _NESTED, max_size=3) | _NESTED, max_size=12)


@given(_MANY, st.dictionaries(_TEXTS, _NESTED | _MANY, max_size=2), st.integers(1, 40))
def test_a_list_in_pieces_is_the_whole_list(items: list[object], more: dict[str, object], size: int) -> None:
    for separators in ((",", ":"), (", ", ": ")):
        body = json.dumps({"items": items, **more}, ensure_ascii=False, separators=separators).encode()
        assert json_text.in_pieces(body, json.loads, size) == {"items": items, **more}
        for end in (len(body) - 1, len(body) // 2):
            with pytest.raises(ValueError, match=r"."):
                json_text.in_pieces(body[:end], json.loads, size)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"items": [', b'{"items": [{}]} x', b"\xff", b"NaN", b'"\\ud800"', b'{"items": [{"id": "\\udc00"}]}'],
)
def test_a_long_list_that_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_text.decode_items(body, FIELDS)


def test_readmes_of_a_long_list_take_no_memory() -> None:
    item = {"id": "x", "name": "y", "readme": "🚀 text\n" * 1000, "customOverlay": {"environment": {"readme": "kept"}}}
    body = json.dumps({"items": [item] * 500}, ensure_ascii=False).encode()
    json_text.decode_items(b"{}", FIELDS)
    tracemalloc.start()
    try:
        document: Any = json_text.decode_items(body, FIELDS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(body) / 5
    assert document["items"][0]["customOverlay"]["environment"] == {"readme": "kept"}
