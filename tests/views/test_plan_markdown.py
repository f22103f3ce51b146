import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.core.overlay import make_overlay
from reconciler.core.plan import Plan
from reconciler.views import plan_markdown
from tests.support import golden
from tests.support.examples import examples
from tests.views import samples
from tests.views.cases import DOCUMENTS
from tests.views.hostile_text import unsafe
from tests.views.random_plans import plans

MARKDOWN = MarkdownIt("commonmark").enable("table")
# A line that opens a fold, with a title made of our own words and escaped code.
SUMMARY = re.compile(
    r"<details(?: open)?><summary>(?:[\w ,:()'-]|<code>[^<>]*</code>|<b>[\d,]+ repositories</b>)*</summary>"
)


def large(count: int, *, alike: bool = False) -> Plan:
    """As many updates, all of the same kind or each with its own."""
    return samples.plan(
        *(
            samples.step(
                f"repository-{number:04}",
                after=make_overlay(packages=["git"], environment={"NUMBER": "x" if alike else f"{number:0150}"}),
                line=number + 1,
            )
            for number in range(count)
        )
    )


def tokens(drawn: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(drawn):
        yield token
        yield from token.children or ()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_plan_is_drawn_as_in_its_golden_file(name: str) -> None:
    golden.check(samples.GOLDEN / f"{name}.md", plan_markdown.render(DOCUMENTS[name]()))


def test_a_plan_that_is_too_long_is_drawn_as_in_its_golden_file() -> None:
    drawn = plan_markdown.render(DOCUMENTS["three-hundred"](), limit=4_000)
    golden.check(samples.GOLDEN / "three-hundred-short.md", drawn)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_ascii_output_is_ascii(name: str) -> None:
    assert plan_markdown.render(DOCUMENTS[name](), unicode=False).isascii()


@given(plans())
def test_text_from_outside_is_nothing_but_code(plan: Plan) -> None:
    drawn = plan_markdown.render(samples.document(plan))
    assert not unsafe(drawn)
    for token in tokens(drawn):
        assert token.type not in ("link_open", "image", "html_inline", "em_open", "softbreak")
        if token.type == "html_block":
            block = token.content.strip()
            assert SUMMARY.fullmatch(block) or block == "</details>" or block.startswith("<!-- reconciler:plan:")
        if token.type == "text":
            assert re.fullmatch(r"[\w ,.;:?()/+'-]*", token.content, re.ASCII), token.content


@given(plans())
def test_every_table_keeps_its_shape(plan: Plan) -> None:
    drawn = [*tokens(plan_markdown.render(samples.document(plan)))]
    rows = "".join({"tr_open": "\n", "th_open": "h", "td_open": "d"}.get(token.type, "") for token in drawn).split()
    problems = sum(step.action in ("unknown", "blocked") for step in plan.steps)
    assert rows == ["hhhhhh", "dddddd", *(["hhhh"] if problems else []), *["dddd"] * problems]


@settings(max_examples=examples(60))
@given(plans(), st.integers(min_value=2_500, max_value=6_000))
def test_it_is_never_longer_than_the_limit_and_nothing_is_cut(plan: Plan, limit: int) -> None:
    drawn = plan_markdown.render(samples.document(plan), limit=limit)
    assert len(drawn) <= limit
    found = [*tokens(drawn)]
    blocks = [token.content for token in found if token.type == "html_block"]
    assert sum("<details" in block for block in blocks) == sum("</details>" in block for block in blocks)
    assert all(token.map and token.map[1] > token.map[0] + 1 for token in found if token.type == "fence")


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("count", [500, 5_000])
def test_a_large_plan_fits_into_a_comment_and_says_what_is_missing(count: int, *, alike: bool) -> None:
    drawn = plan_markdown.render(samples.document(large(count, alike=alike)))
    assert len(drawn) <= 60_000
    assert f"{count:,} to update" in drawn
    if count == 5_000:
        (told,) = re.findall(r"\*\*Too long for a comment: (.*)\.\*\*", drawn)
        shown = len(re.findall(r"`repository-\d+`", drawn))
        assert told.startswith("1 entry shortened" if alike else f"{shown:,} entries shortened")
        assert alike or told.endswith(f"the last {count - shown:,} omitted")
        assert len(drawn) > 59_000 or alike


def test_the_first_line_is_the_same_for_every_plan_of_an_organization_and_only_for_those() -> None:
    every, other = DOCUMENTS["every-action"](), DOCUMENTS["nothing"]()
    first = plan_markdown.render(every).splitlines()[0]
    assert first == plan_markdown.render(other).splitlines()[0]
    other["organization"]["id"] = "f" * 40
    assert first != plan_markdown.render(other).splitlines()[0]


def test_a_small_plan_is_unfolded_and_a_large_one_is_not() -> None:
    assert "<details open>" in plan_markdown.render(samples.document(large(2)))
    assert "<details open>" not in plan_markdown.render(samples.document(large(9)))


def test_equal_changes_are_reported_once() -> None:
    drawn = plan_markdown.render(samples.document(large(300, alike=True)))
    assert drawn.count("```diff") == 1
    assert drawn.count("`repository-0") == 300
