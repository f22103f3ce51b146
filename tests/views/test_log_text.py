from hypothesis import given

from reconciler.views.log_text import clean, lines, render
from reconciler.views.style import Style
from tests.views.hostile_text import texts, unsafe

PLAIN = Style(color=False, unicode=True)


def test_colours_titles_and_redrawn_lines_are_taken_out_of_a_log() -> None:
    log = "\x1b[1;32mok\x1b[0m done\r\n\x1b]0;title\x07 10%\r 100%\n\tindented \u202e\x08\n\n\n"
    assert render(log, style=PLAIN) == "ok done\n 10%\n 100%\n        indented \\u202e\\x08\n"


def test_lines_leaves_out_the_empty_ones_at_the_end_only() -> None:
    assert lines("\na\n\nb\n \n\n") == ["", "a", "", "b"]
    assert lines("") == []


@given(texts(60))
def test_a_line_of_a_log_is_safe(text: str) -> None:
    shown = clean(text, PLAIN)
    assert not unsafe(shown)
    assert "\n" not in shown
