from hypothesis import given
from hypothesis import strategies as st

from reconciler.views.console import Page, Word, broken, phrase
from reconciler.views.text import Style, width

STYLE = Style(color=False, unicode=True)


def page(columns: int) -> Page:
    return Page(style=STYLE, width=columns)


def test_words_wrap_with_a_hanging_indent() -> None:
    assert page(20).line(phrase("one two three four five"), indent=2, hanging=4) == "  one two three four\n    five"


def test_a_gap_is_kept_within_a_line_and_dropped_at_its_start() -> None:
    words = [Word(text="one"), Word(text="two", gap=5), Word(text="three", gap=9)]
    assert page(12).line(words) == "one     two\n  three"


def test_a_word_that_may_not_be_broken_stays_whole() -> None:
    assert page(10).line(phrase(f"aa {'b' * 15} c")) == f"aa\n  {'b' * 15}\n  c"


def test_a_value_that_may_be_broken_is_broken() -> None:
    words = [Word(text="aa"), Word(text='"' + "b" * 20 + '"', breakable=True), Word(text="c")]
    assert page(14).line(words) == 'aa\n  "bbbbbbbbbbb\n  bbbbbbbbb" c'


def test_a_broken_value_fits_also_where_it_begins_left_of_the_hanging_indent() -> None:
    words = [Word(text="a"), Word(text="b" * 40, breakable=True)]
    assert page(20).line(words, hanging=8) == f"a {'b' * 12}\n{' ' * 8}{'b' * 12}\n{' ' * 8}{'b' * 12}\n{' ' * 8}bbbb"


def test_breaks_come_after_line_ends_before_spaces_and_not_inside_escapes() -> None:
    assert broken(r"abcdef\nghijkl", 10) == [r"abcdef\n", "ghijkl"]
    assert broken("abcdefg hijkl", 10) == ["abcdefg", " hijkl"]
    assert broken(r"abcdefg\x1bh", 10) == ["abcdefg", r"\x1bh"]


@given(st.text(alphabet="ab \\nx日", max_size=80), st.integers(min_value=10, max_value=30))
def test_broken_text_is_all_there_and_fits(text: str, room: int) -> None:
    text = text.replace("      ", "_")
    pieces = broken(text, room)
    assert "".join(pieces) == text
    assert all(width(piece) <= room for piece in pieces)
    assert not any(piece.endswith(" ") for piece in pieces[:-1])


def test_names_stand_in_columns() -> None:
    assert page(20).columns(["a", "bbb", "cc", "dddd", "e"], indent=2) == ["  a     bbb   cc", "  dddd  e"]


def test_one_long_name_does_not_leave_all_others_in_one_column() -> None:
    rows = page(40).columns([*"abcdefgh", "x" * 37, "y"], indent=2)
    assert rows == ["  a  b  c  d  e  f  g  h", f"  {'x' * 37}", "  y"]


@given(st.lists(st.text(alphabet="abc日", min_size=1, max_size=30), max_size=40), st.integers(40, 120))
def test_columns_hold_every_name_in_order_and_fit(names: list[str], columns: int) -> None:
    rows = page(columns).columns(names, indent=4)
    assert " ".join(rows).split() == names
    assert all(width(row) <= max(columns, 64) for row in rows)
    assert not any(row.endswith(" ") for row in rows)
