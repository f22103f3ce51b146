import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len as width

from reconciler.views.text import Style, quoted, quoted_pair, token
from tests.views.hostile_text import texts, unsafe

STYLE = Style(color=False, unicode=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("curl=8.1", "curl=8.1"),
        ("", '""'),
        ("two words", '"two words"'),
        ("\x1b", r"\x1b"),
        (r"\x1b", r'"\\x1b"'),
        ('a"b', r'"a\"b"'),
    ],
)
def test_a_name_is_quoted_where_it_could_be_misread(text: str, shown: str) -> None:
    assert token(text, STYLE) == shown


def test_runs_of_spaces_can_be_counted() -> None:
    assert quoted("a" + " " * 6 + "b  c", STYLE) == r'"a\x20\x20\x20\x20\x20\x20b  c"'


def test_a_long_value_is_cut_in_the_middle_and_says_its_length() -> None:
    shown = quoted("a" * 150 + "b" * 150, STYLE)
    assert shown == f'"{"a" * 100}…{"b" * 100}" (300 characters)'


def test_a_cut_never_goes_through_an_escape() -> None:
    shown = quoted("\x1b" * 300, STYLE)
    assert shown == '"' + r"\x1b" * 25 + "…" + r"\x1b" * 25 + '" (300 characters)'


@given(texts(), texts())
def test_different_texts_never_look_the_same(one: str, other: str) -> None:
    assert (token(one, STYLE) == token(other, STYLE)) == (one == other)
    assert (quoted(one, STYLE) == quoted(other, STYLE)) == (one == other)


@given(st.integers(0, 2000), texts(3), texts(3), st.integers(0, 2000))
def test_two_different_values_never_look_the_same_however_long(before: int, old: str, new: str, after: int) -> None:
    one, other = "\u202e" * before + old + "x" * after, "\u202e" * before + new + "x" * after
    if one != other:
        shown = quoted_pair(one, other, STYLE)
        assert shown[0] != shown[1]


@given(texts(400))
def test_values_are_safe_and_not_too_wide(text: str) -> None:
    shown = quoted(text, STYLE)
    assert not unsafe(shown)
    assert width(shown) <= STYLE.value_limit + len('"…" (9,999 characters)')
