"""What holds for every plan's text, whatever stands in it."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len as width

from reconciler.core.diff import WHOLE, Field, Value
from reconciler.core.plan import Plan
from reconciler.views import plan_text
from reconciler.views.changes import LABELS
from reconciler.views.text import Style, token
from tests.views import samples
from tests.views.hostile_text import unsafe
from tests.views.random_plans import plans

STYLES = [Style(color=color, unicode=unicode) for color in (False, True) for unicode in (False, True)]
SGR = re.compile(r"\x1b\[[0-9;]+m")


def _drawn(plan: Plan, style: Style, columns: int = 80) -> str:
    return plan_text.render(samples.document(plan), style=style, width=columns, show_unchanged=True)


@settings(max_examples=40)
@given(plans(), st.sampled_from(STYLES))
def test_nothing_that_steers_a_terminal_gets_out(plan: Plan, style: Style) -> None:
    drawn = _drawn(plan, style)
    assert not unsafe(SGR.sub("", drawn) if style.color else drawn)


@settings(max_examples=40)
@given(plans(), st.integers(min_value=60, max_value=130))
def test_every_repository_and_every_key_is_there(plan: Plan, columns: int) -> None:
    style = Style(color=False, unicode=True)
    drawn = _drawn(plan, style, columns)
    for step in plan.steps:
        assert token(step.repository, style) in drawn
        for change in step.changes:
            for value in (change.before, change.after):
                if value is not None:
                    assert _name(change.field, change.key, value, style) in drawn


def _name(part: Field, key: str, value: Value, style: Style) -> str:
    match value:
        case str() if part in (Field.PACKAGES, Field.RUN_AS, Field.PROVIDERS, Field.FAIL_MODE):
            return token(value, style)
        case _ if part in WHOLE:
            return LABELS[part]
        case _:
            return token(key, style)


@settings(max_examples=40)
@given(plans(), st.integers(min_value=70, max_value=130), st.sampled_from(STYLES[:2]))
def test_lines_fit_and_do_not_end_in_spaces(plan: Plan, columns: int, style: Style) -> None:
    for line in _drawn(plan, style, columns).splitlines():
        assert width(line) <= columns
        assert line == line.rstrip(" ")
