"""What holds for every plan's text, whatever stands in it."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st
from rich.cells import cell_len as width

from reconciler.core.overlay import Overlay
from reconciler.core.plan import Plan
from reconciler.views import plan_text
from reconciler.views.text import Style
from tests.support.overlays import overlays
from tests.views import samples
from tests.views.facts import dense
from tests.views.hostile_text import unsafe
from tests.views.random_plans import plans

STYLES = [Style(color=color, unicode=unicode) for color in (False, True) for unicode in (False, True)]
SGR = re.compile(r"\x1b\[[0-9;]+m")


def _drawn(plan: Plan, style: Style, columns: int = 80) -> str:
    return plan_text.render(samples.document(plan), style=style, width=columns, show_unchanged=True)


@given(plans(), st.sampled_from(STYLES))
def test_nothing_that_steers_a_terminal_gets_out(plan: Plan, style: Style) -> None:
    drawn = _drawn(plan, style)
    assert not unsafe(SGR.sub("", drawn) if style.color else drawn)


@given(plans(), st.integers(min_value=60, max_value=130))
def test_a_terminal_shows_what_a_file_holds(plan: Plan, columns: int) -> None:
    style = Style(color=False, unicode=True)
    document = samples.document(plan)
    file, terminal = (
        plan_text.render(document, style=style, width=width, show_unchanged=True) for width in (None, columns)
    )
    assert _marks(terminal) == _marks(file)


def _marks(text: str) -> str:
    """The text without what depends on where lines are broken."""
    return dense(text).replace(",", "")


@given(st.lists(overlays(), min_size=3, max_size=3))
def test_different_changes_never_look_alike(found: list[Overlay]) -> None:
    before, *after = found
    documents = [samples.document(samples.plan(samples.step("r", before, one))) for one in after]
    assume(documents[0]["steps"] != documents[1]["steps"])
    style = Style(color=False, unicode=True)
    first, second = (plan_text.render(one, style=style, width=None, show_unchanged=True) for one in documents)
    assert first != second


@given(plans(), st.integers(min_value=70, max_value=130), st.sampled_from(STYLES[:2]))
def test_lines_fit_and_do_not_end_in_spaces(plan: Plan, columns: int, style: Style) -> None:
    for line in _drawn(plan, style, columns).splitlines():
        assert width(line) <= columns
        assert line == line.rstrip(" ")
