"""Plans of overlays and bindings in every format: what each step reaches, and what changes in the images."""

import json
import re
from typing import Any

import pytest
from pydantic import TypeAdapter

from reconciler.core import planner
from reconciler.core.plan import Plan, compare
from reconciler.views import plan_html, plan_markdown, plan_text
from reconciler.views.document import PlanDocument, plan_document
from reconciler.views.plan_entries import overlay_steps
from reconciler.views.text import Style
from tests.support import golden
from tests.support.bindings import desired_state, live_state
from tests.views import samples
from tests.views.test_plan_html import body

LIVE = {
    "folders": ["team-a", "team-a/edge"],
    "repositories": [
        *({"name": f"service-{number}", "tags": ["1", "1-dev", "latest"]} for number in range(4)),
        {"name": "node", "folder": "team-a", "tags": ["22", "22-dev"]},
        {"name": "gateway", "folder": "team-a/edge", "tags": ["5", "5-dev"]},
        {"name": "python", "tags": ["3.12", "3.13", "3.13-dev"]},
        {"name": "customized", "tags": ["1"], "overlay": {"packages": ["git"]}},
    ],
    "overlays": {
        "base": {"packages": ["bash"], "environment": {"API_TOKEN": "hunter2", "MODE": "old"}},
        "stale": {"packages": ["wget"]},
        "typer": {"packages": ["py3-typer"]},
        "unused": {"packages": ["nano"]},
    },
    "bindings": [
        {"to": "/", "overlay": "base", "tags": "all"},
        {"to": "python", "overlay": "typer", "tags": ["3.12"]},
        {"to": "python", "overlay": "stale", "tags": "all"},
    ],
}
DESIRED: Any = {
    "overlays": {
        "base": {"environment": {"API_TOKEN": "hunter3", "MODE": "new"}},
        "debug-tools": {"packages": ["curl", "jq"], "accounts": {"run_as": "0"}},
    },
    "all_repositories": {"overlays": {"base": "all"}},
    "folders": {"team-a/edge": {"overlays": {"debug-tools": "dev"}}},
    "repositories": {
        **{f"service-{number}": {"overlays": {"debug-tools": "dev"}} for number in range(4)},
        "python": {"overlays": {"typer": ["3.13", "3.13-dev"]}},
    },
    "settings": {"prune_overlays": True, "max_removal": 1.0},
}
WRONG: Any = {
    "overlays": {"new": {"packages": ["curl"]}},
    "folders": {"team-b": {"overlays": {"new": "all"}}},
    "repositories": {
        "python": {"overlays": {"tiper": "all", "new": ["3.14"]}},
        "customized": {"overlays": {"typer": "all"}},
    },
}


def planned(desired: Any) -> Plan:
    return planner.plan(desired_state(desired), live_state(LIVE))


PLANS = {"overlays": DESIRED, "wrong-overlays": WRONG}


@pytest.fixture(params=PLANS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def document(name: str) -> Any:
    return samples.document(planned(PLANS[name]))


@pytest.mark.parametrize("columns", [80, 120])
def test_as_text(name: str, document: Any, columns: int) -> None:
    style = Style(color=False, unicode=True)
    drawn = plan_text.render(document, style=style, width=columns, show_unchanged=True)
    assert max(map(len, drawn.splitlines())) <= columns
    golden.check(samples.GOLDEN / f"{name}-{columns}.txt", drawn)


def test_as_markdown(name: str, document: Any) -> None:
    golden.check(samples.GOLDEN / f"{name}.md", plan_markdown.render(document))


def test_as_html(name: str, document: Any) -> None:
    page = plan_html.render(document)
    golden.check(samples.GOLDEN / f"{name}.body.html", body(page))
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_as_json(name: str, document: Any) -> None:
    TypeAdapter(PlanDocument).validate_python(document)
    golden.check(samples.GOLDEN / f"{name}.json", json.dumps(document, indent=2) + "\n")


def test_no_format_shows_a_secret(document: Any) -> None:
    style = Style(color=False, unicode=True)
    text = plan_text.render(document, style=style, width=None, show_unchanged=True)
    for shown in (text, plan_markdown.render(document), plan_html.render(document), json.dumps(document)):
        assert "hunter" not in shown


def test_steps_say_what_they_are() -> None:
    document = samples.document(planned(DESIRED))
    kinds = [step["kind"] for step in document["steps"]]
    assert kinds[kinds.index("repository") :] == ["repository"] * len(DESIRED["repositories"])
    update = next(step for step in document["steps"] if (step["kind"], step["name"]) == ("overlay", "base"))
    assert update["reaches"] == {
        "repositories": 7,
        "tags": 19,
        "names": ["gateway", "node", "python", *(f"service-{number}" for number in range(4))],
    }
    binding = next(step for step in document["steps"] if step["name"] == "typer on python")
    assert (binding["overlay"], binding["selector"], binding["selector_before"]) == (
        "typer",
        ["3.13", "3.13-dev"],
        ["3.12"],
    )
    assert binding["scope"]["kind"] == "repository"
    assert document["binding_counts"]["create"] == 5
    shared = next(one for one in document["effects"] if one["reaches"]["repositories"] == 5)
    assert {"repository": "gateway", "tags": ["5-dev"]} in shared["tags"]


def test_every_changed_tag_is_in_exactly_one_effect() -> None:
    found = planned(DESIRED)
    document = samples.document(found)
    told = [(one["repository"], tag) for effect in document["effects"] for one in effect["tags"] for tag in one["tags"]]
    assert len(told) == len(set(told))
    assert set(told) == {(one.repository, tag) for one in found.effects for tag in one.tags}


def test_a_comparison_shows_only_what_the_change_causes() -> None:
    base = planned({**DESIRED, "overlays": {"base": DESIRED["overlays"]["base"]}, "folders": {}, "repositories": {}})
    head = planned(DESIRED)
    comparison = compare(base, head)
    document = plan_document(head, api=samples.API, tool_version="1.2.3", comparison=comparison)
    TypeAdapter(PlanDocument).validate_python(document)
    caused = {step["name"]: step["caused"] for step in overlay_steps(document) if "caused" in step}
    assert not caused["base"]
    assert caused["debug-tools"]
    assert caused["typer on python"]
    drawn = plan_text.render(document, style=Style(color=False, unicode=True), width=120, show_unchanged=False)
    assert "\n~ base" not in drawn
    assert f"this change causes {sum(caused.values())} changes of overlays and bindings" in drawn
