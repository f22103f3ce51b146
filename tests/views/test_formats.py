"""Every format draws from one document, and none of them leaves out what another says."""

import pytest
from hypothesis import given

from reconciler.core.overlay import make_overlay
from reconciler.core.plan import Plan, compare
from reconciler.views.document import plan_document
from tests.views import cases, samples
from tests.views.cases import DOCUMENTS
from tests.views.facts import FORMATS, dense, facts, missing, page_facts, seen
from tests.views.random_plans import plans

PAGES = ("markdown", "html")


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_fact_is_missing(name: str, format_: str) -> None:
    document = DOCUMENTS[name]()
    assert missing(facts(document), seen(format_, document), whole=format_ == "html") == []


@pytest.mark.parametrize("format_", PAGES)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_stands_alone(name: str, format_: str) -> None:
    document = DOCUMENTS[name]()
    assert missing(page_facts(document), seen(format_, document), whole=format_ == "html") == []


@given(plans())
def test_no_fact_of_any_plan_is_missing(plan: Plan) -> None:
    document = samples.document(plan)
    for format_ in FORMATS:
        told = [*facts(document), *(page_facts(document) if format_ in PAGES else ())]
        assert missing(told, seen(format_, document), whole=format_ == "html") == []


@pytest.mark.parametrize("format_", FORMATS)
def test_a_missing_fact_would_be_found(format_: str) -> None:
    """Each change that is left out of the sample is missed by the facts of the whole one."""
    whole = samples.document(cases.wrapped())
    for step in whole["steps"]:
        for number in range(len(step["changes"])):
            less = samples.document(cases.wrapped())
            found = next(one for one in less["steps"] if one["repository"] == step["repository"])
            del found["changes"][number]
            assert missing(facts({**whole, "steps": [step]}), seen(format_, {**less, "steps": [found]}))


@pytest.mark.parametrize("format_", PAGES)
def test_a_change_that_causes_nothing_is_reported(format_: str) -> None:
    plan = samples.plan(samples.step("r", after=make_overlay(packages=["git"])))
    same = compare(plan, plan)
    document = plan_document(plan, api="emulator", tool_version="1", comparison=same)
    found = seen(format_, document).shown
    assert dense("Caused by this change (0)" if format_ == "markdown" else "Caused by this change 0 nothing") in found
