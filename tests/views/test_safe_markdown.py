from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.views.plan_markdown import cell, code, fence, marker, row
from reconciler.views.text import plain
from tests.views.hostile_text import unsafe

MARKDOWN = MarkdownIt("commonmark").enable("table")
SPECIAL = st.sampled_from(
    [*"`|\\*_#@<>&![]()~$:\n\r \t-+", "```", "``", "-->", "</code>", "\u202e", "http://a", "&#64;"]
)
TEXTS = st.lists(SPECIAL | st.sampled_from("ab1"), max_size=14).map("".join)


def inline(token: Token) -> list[tuple[str, str]]:
    return [(child.type, child.content) for child in token.children or ()]


@given(TEXTS)
@example("`")
@example(" a ")
@example("  ")
def test_a_code_span_holds_the_text_and_nothing_else(text: str) -> None:
    tokens = MARKDOWN.parse(f"before {code(text)} after")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    shown = plain(text) or '""'
    assert inline(tokens[1]) == [("text", "before "), ("code_inline", shown), ("text", " after")]


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_a_table_keeps_its_cells(texts: list[str]) -> None:
    table = "\n".join(
        [row("h" for _ in texts), row("---" for _ in texts), row(map(cell, texts)), row(map(cell, texts))]
    )
    tokens = MARKDOWN.parse(table)
    cells = [inline(tokens[number + 1]) for number, token in enumerate(tokens) if token.type == "td_open"]
    expected = [[("code_inline", plain(text) or '""')] for text in texts]
    assert cells == expected * 2
    assert tokens[-1].type == "table_close"


@given(st.lists(TEXTS, max_size=5))
def test_a_fence_ends_where_it_should(lines: list[str]) -> None:
    tokens = MARKDOWN.parse(f"{fence(lines, 'diff')}\n\nafter")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].info == "diff"
    assert tokens[0].content == "".join(plain(line) + "\n" for line in lines)


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_a_marker_is_one_comment_on_one_line(words: list[str]) -> None:
    written = marker(*words)
    assert written.startswith("<!-- ")
    assert written.endswith(" -->")
    assert "--" not in written[4:-3]
    assert "\n" not in written
    assert ">" not in written[:-1]


@given(TEXTS, TEXTS)
def test_markers_of_different_words_differ(one: str, other: str) -> None:
    assert (marker("plan", one) == marker("plan", other)) == (one == other)


@given(TEXTS)
def test_nothing_unsafe_gets_out(text: str) -> None:
    assert not unsafe(code(text) + cell(text) + fence([text], "text") + marker(text))
