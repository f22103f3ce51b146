"""JSON in and out without loss."""

import json
import tracemalloc
from typing import Any, cast

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


LISTS = st.fixed_dictionaries({}, optional={"items": st.lists(VALUES, max_size=3) | VALUES, "nextPageToken": VALUES})


@given(LISTS | VALUES, st.booleans())
def test_a_list_is_taken_and_the_rest_is_left(document: object, ascii_only: bool) -> None:  # noqa: FBT001 - a case
    body = json.dumps(document, ensure_ascii=ascii_only).encode()
    whole = json.loads(body)
    taken, rest = json_text.decode_list(body, "items", lambda item: [item])
    if isinstance(whole, dict) and isinstance(whole.get("items"), list):
        assert (taken, rest) == ([[item] for item in whole["items"]], {**whole, "items": []})
    else:
        assert (taken, rest) == ([], whole)


_TEXTS = st.sampled_from(["", "a", "},{", '"},{"', "\\\\", "]}", '{"items":[', "é", "🚀"])
_NESTED = st.recursive(
    _TEXTS | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3)
)
_MANY = st.lists(st.dictionaries(_TEXTS, _NESTED, max_size=3) | _NESTED, max_size=12)


@given(_MANY, st.dictionaries(_TEXTS.filter("items".__ne__), _NESTED | _MANY, max_size=2), st.integers(1, 40))
def test_the_parts_of_a_list_are_the_whole_list(items: list[object], more: dict[str, object], size: int) -> None:
    for separators in ((",", ":"), (", ", ": ")):
        body = json.dumps({"items": items, **more}, ensure_ascii=False, separators=separators).encode()
        parts: list[Any] = [*json_text.parts(body, "items", size)]
        assert [item for part in parts for item in part["items"]] == items
        assert parts[-1] | {"items": []} == more | {"items": []}
        for end in (len(body) - 1, len(body) // 2):
            with pytest.raises(ValueError, match=r"."):
                list(json_text.parts(body[:end], "items", size))


def test_a_long_list_comes_in_parts() -> None:
    body = json.dumps({"items": [{"id": number} for number in range(100)]}).encode()
    assert len([*json_text.parts(body, "items", 100)]) > 5


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"items": [', b'{"items": [{}]} x', b"\xff", b"NaN", b'"\\ud800"', b'{"items": [{"id": "\\udc00"}]}'],
)
def test_a_long_list_that_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_text.decode_list(body, "items", str)


def test_readmes_of_a_long_list_take_no_memory() -> None:
    item = {"id": "x", "name": "y", "readme": "🚀 text\n" * 1000, "customOverlay": {"environment": {"readme": "kept"}}}
    body = json.dumps({"items": [item] * 500}, ensure_ascii=False).encode()
    tracemalloc.start()
    try:
        taken, _ = json_text.decode_list(body, "items", lambda item: cast("dict[str, Any]", item)["customOverlay"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(body) / 5
    assert taken == [item["customOverlay"]] * 500
