"""Every format draws from one document, and none of them leaves out what another says."""

import pytest
from hypothesis import given, settings

from reconciler.core.overlay import make_overlay
from reconciler.core.plan import Plan, compare
from reconciler.views.document import plan_document
from tests.views import samples
from tests.views.cases import DOCUMENTS
from tests.views.facts import STYLES, dense, facts, page_facts, seen
from tests.views.random_plans import plans

PAGES = ("markdown", "html")


@pytest.mark.parametrize("format_", STYLES)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_fact_is_missing(name: str, format_: str) -> None:
    document = DOCUMENTS[name]()
    found = seen(format_, document)
    assert [fact for fact in facts(document, STYLES[format_]) if dense(fact) not in found] == []


@pytest.mark.parametrize("format_", PAGES)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_stands_alone(name: str, format_: str) -> None:
    document = DOCUMENTS[name]()
    found = seen(format_, document)
    assert [fact for fact in page_facts(document, STYLES[format_]) if dense(fact) not in found] == []


@settings(max_examples=40)
@given(plans())
def test_no_fact_of_any_plan_is_missing(plan: Plan) -> None:
    document = samples.document(plan)
    for format_ in PAGES:
        found = seen(format_, document)
        told = (*facts(document, STYLES[format_]), *page_facts(document, STYLES[format_]))
        assert [fact for fact in told if dense(fact) not in found] == []


def test_a_missing_fact_would_be_found() -> None:
    document = samples.document(samples.every_action())
    full = seen("html", document)
    for step in document["steps"]:
        step["changes"] = step["changes"][1:]
    less = seen("html", document)
    whole = samples.document(samples.every_action())
    assert [fact for fact in facts(whole, STYLES["html"]) if dense(fact) not in full] == []
    assert [fact for fact in facts(whole, STYLES["html"]) if dense(fact) not in less]


@pytest.mark.parametrize("format_", PAGES)
def test_that_a_change_causes_nothing_is_said(format_: str) -> None:
    plan = samples.plan(samples.step("r", after=make_overlay(packages=["git"])))
    same = compare(plan, plan)
    document = plan_document(plan, api="emulator", tool_version="1", comparison=same)
    found = seen(format_, document)
    assert dense("Caused by this change (0)" if format_ == "markdown" else "Caused by this change 0 nothing") in found
