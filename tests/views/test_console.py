from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from reconciler.views.console import Column, Hanging, draw, draw_table, names_block
from reconciler.views.text import Role, Style

STYLE = Style(color=False, unicode=True)
COLOR = Style(color=True, unicode=True)


def hanging(head: str, body: str, *, width: int | None, column: int) -> str:
    return draw([Hanging(Text(head), Text(body), column)], style=STYLE, width=width)


def columns(names: list[str], width: int | None) -> list[str]:
    return draw(names_block(names, indent=2, width=width), style=STYLE, width=width).splitlines()


def test_a_body_begins_in_its_column_and_continues_there() -> None:
    assert hanging("~ r", "one two three four five six seven eight nine ten", width=40, column=8) == (
        "~ r     one two three four five six\n        seven eight nine ten\n"
    )


def test_a_body_stands_below_a_head_that_leaves_no_room_for_it() -> None:
    assert hanging("~ " + "n" * 20, "one two three four five six", width=40, column=8) == (
        f"~ {'n' * 20}\n        one two three four five six\n"
    )
    assert hanging("~ " + "n" * 20, "one two", width=40, column=8) == f"~ {'n' * 20}  one two\n"


def test_a_body_begins_at_once_behind_an_indent() -> None:
    assert hanging("  ", "aaaa " * 9, width=40, column=4).splitlines()[1].startswith("    aaaa")


def test_nothing_is_wrapped_or_cut_where_there_is_no_terminal() -> None:
    long = "word " * 400 + "end"
    assert hanging("~ r", long, width=None, column=8) == f"~ r     {long}\n"
    assert columns(["a", "b" * 300], None) == ["  a", f"  {'b' * 300}"]
    assert "x" * 5000 in draw_table(
        [Column("A"), Column("B", optional=True)], [["a", "x" * 5000]], style=STYLE, width=None
    )


def test_brackets_and_names_of_emoji_are_text() -> None:
    text = "py[extra] [red]x[/red] [/close] :smile: 3.14 'quoted'"
    for style in (STYLE, COLOR):
        assert draw([Text(text)], style=style, width=80) == f"{text}\n"


def test_roles_are_colors_only_where_colors_are_wanted() -> None:
    assert draw([Text("a", Role.ERROR)], style=COLOR, width=80) == "\x1b[1;31ma\x1b[0m\n"
    assert draw([Text("a", Role.ERROR)], style=COLOR, width=None) == "\x1b[1;31ma\x1b[0m\n"
    assert draw([Text("a", Role.ERROR)], style=STYLE, width=80) == "a\n"


def test_names_stand_in_columns() -> None:
    assert columns(["a", "bbb", "cc", "dddd"] * 5, 40)[0] == "  a  bbb  cc  dddd  a  bbb  cc  dddd"


@given(st.lists(st.text(alphabet="abc日", min_size=1, max_size=30), max_size=40), st.integers(40, 120))
def test_columns_hold_every_name_in_order_and_fit(names: list[str], width: int) -> None:
    rows = columns(names, width)
    assert " ".join(rows).split() == names
    assert all(cell_len(row) <= width for row in rows)
    assert not any(row.endswith(" ") for row in rows)
