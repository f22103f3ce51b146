from hypothesis import given

from reconciler.views.listings import LogTail, render_log
from reconciler.views.text import Style, clean_line, log_lines
from tests.views.hostile_text import texts, unsafe

PLAIN = Style(color=False, unicode=True)


def test_colors_titles_and_redrawn_lines_are_taken_out_of_a_log() -> None:
    log = "\x1b[1;32mok\x1b[0m done\r\n\x1b]0;title\x07 10%\r 100%\n\tindented \u202e\x08\n\n\n"
    assert render_log(log, style=PLAIN) == "ok done\n 10%\n 100%\n        indented \\u202e\\x08\n"


def test_lines_leaves_out_the_empty_ones_at_the_end_only() -> None:
    assert log_lines("\na\n\nb\n \n\n") == ["", "a", "", "b"]
    assert log_lines("") == []


@given(texts(60))
def test_a_line_of_a_log_is_safe(text: str) -> None:
    shown = clean_line(text, PLAIN)
    assert not unsafe(shown)
    assert "\n" not in shown


def test_the_last_lines_of_a_log() -> None:
    assert render_log("a\nb\nc\n\n", style=PLAIN, tail=2) == "b\nc\n"
    assert render_log("a\n", style=PLAIN, tail=5) == "a\n"


def test_only_what_is_new_of_a_growing_log_is_shown() -> None:
    log = LogTail(style=PLAIN)
    assert log.more("", whole=False) == ""
    assert log.more("a\nb", whole=False) == "a\n"
    assert log.more("a\nb", whole=False) == ""
    assert log.more("a\nbc\nd\n", whole=False) == "bc\nd\n"
    assert log.more("a\nbc\nd\ne", whole=True) == "e\n"


def test_a_log_that_was_replaced_is_shown_again_and_one_that_is_gone_for_a_while_is_not() -> None:
    log = LogTail(style=PLAIN)
    log.more("a\nb\n", whole=False)
    assert log.more("", whole=False) == ""
    assert log.more("a\nb\nc\n", whole=False) == "c\n"
    assert log.more("x\ny\n", whole=True) == "x\ny\n"


def test_the_last_lines_are_of_what_there_is_at_first() -> None:
    log = LogTail(style=PLAIN, tail=1)
    assert log.more("a\nb\n", whole=False) == "b\n"
    assert log.more("a\nb\nc\nd\n", whole=True) == "c\nd\n"
