import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len as width

from reconciler.views.text import plain, shorten
from tests.views.hostile_text import texts, unsafe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, naïve, 日本語, ✅", "plain text, naïve, 日本語, ✅"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x00\x7f\x85\x9b", r"\x00\x7f\x85\x9b"),
        ("\u202a\u202e\u2066\u2069\u200e\u200f\u061c", r"\u202a\u202e\u2066\u2069\u200e\u200f\u061c"),
        ("\u200b\u200c\u200d\u2060\ufeff\xad", r"\u200b\u200c\u200d\u2060\ufeff\xad"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ud800", r"\ud800"),
        ("\xa0\u3000\u2009\u3164", r"\xa0\u3000\u2009\u3164"),
        ("x\ufe0f\U000e0041", r"x\ufe0f\U000e0041"),
    ],
)
def test_what_is_invisible_or_steers_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_line_ends_stay_where_lines_are_wanted() -> None:
    assert plain("a\r\nb\n\x1b", lines=True) == "a\nb\n\\x1b"


def test_ascii_only_escapes_everything_else() -> None:
    assert plain("é日👍\x1b", ascii_only=True) == r"\xe9\u65e5\U0001f44d\x1b"


def test_no_character_of_an_unsafe_category_is_left_out() -> None:
    every = "".join(map(chr, range(0x110000)))
    assert unsafe(plain(every)) == set()


def test_no_space_but_the_ordinary_one_is_left() -> None:
    every = "".join(map(chr, range(0x110000)))
    assert {one for one in plain(every) if unicodedata.category(one) == "Zs"} == {" "}


@given(texts())
def test_safe_text_is_safe_and_stays_as_it_is(text: str) -> None:
    safe = plain(text)
    assert not unsafe(safe)
    assert plain(safe) == safe


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("✅", 2), ("", 0)])
def test_width_is_that_of_a_terminal(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(
    ("columns", "start", "end", "both"),
    [(10, "abcdefghij", "abcdefghij", "abcdefghij"), (5, "abcd…", "…ghij", "ab…ij"), (1, "…", "…", "…")],
)
def test_shorten_keeps_the_side_that_was_asked_for(columns: int, start: str, end: str, both: str) -> None:
    assert shorten("abcdefghij", columns) == start
    assert shorten("abcdefghij", columns, keep="end") == end
    assert shorten("abcdefghij", columns, keep="both") == both


@given(texts(30), st.integers(min_value=1, max_value=40), st.sampled_from(["start", "end", "both"]))
def test_shortened_text_fits(text: str, columns: int, keep: str) -> None:
    assert width(shorten(plain(text), columns, keep=keep)) <= columns  # type: ignore[arg-type] # one of the literals
