import base64
import hashlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from reconciler.core.overlay import make_overlay
from reconciler.core.plan import Plan
from reconciler.views import plan_html
from reconciler.views.document import NO_PROVENANCE, plan_document
from tests.support import golden
from tests.views import samples
from tests.views.cases import DOCUMENTS, FILES, PROVENANCE
from tests.views.hostile_text import unsafe
from tests.views.random_plans import plans


class Read(HTMLParser):
    """What a parser makes of it: elements with their attributes, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


ROOT = Path(__file__).parents[2]
# Elements that fetch, run or embed something; and what may stand in the page of them.
ACTIVE = {"script", "style", "link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "svg"}


def body(drawn: str) -> str:
    """What a plan puts into a page, element by element on lines of their own."""
    inside = drawn[drawn.index("<body>") : drawn.index("<script>")]
    return re.sub(r"\n*(?=<(?:details|div|dl|ul|li|p|section|header|main|footer|summary)\b)", "\n", inside)


def in_full(plan: Plan) -> Any:
    """The document with whole overlays, and as tags what names repositories."""
    names = tuple(step.repository for step in plan.steps)
    tags = {step.id: names for step in plan.steps if step.id is not None}
    return plan_document(plan, api=samples.API, tool_version="1.2.3", overlays=True, active_tags=tags)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "three-hundred"])
def test_a_plan_is_drawn_as_in_its_golden_file(name: str) -> None:
    provenance = PROVENANCE if name == "review" else NO_PROVENANCE
    golden.check(samples.GOLDEN / f"{name}.body.html", body(plan_html.render(DOCUMENTS[name](), provenance)))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_ascii_output_is_ascii_and_reads_the_same(name: str) -> None:
    drawn, ascii_only = (plan_html.render(DOCUMENTS[name](), unicode=unicode) for unicode in (True, False))
    assert ascii_only.isascii()
    assert Read(ascii_only).text == Read(drawn).text


@given(plans())
def test_no_text_becomes_an_element_or_an_attribute(plan: Plan) -> None:
    drawn = plan_html.render(in_full(plan), PROVENANCE)
    assert not unsafe(drawn)
    elements = Read(drawn).elements
    assert [name for name, _ in elements if name in ACTIVE] == ["style", "script"]
    ids = [attributes["id"] for _, attributes in elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    own = (PROVENANCE.commit_url, PROVENANCE.job_url)
    for href in (attributes["href"] or "" for name, attributes in elements if name == "a"):
        assert href in own or re.fullmatch(rf"{FILES}/[A-Za-z0-9%._/~-]+#L\d+", href) or href.removeprefix("#") in ids
    known = (
        {"class", "lang", "charset", "http-equiv", "content", "name", "id", "role", "hidden", "type", "for"}
        | {"autocomplete", "spellcheck", "placeholder", "aria-keyshortcuts", "aria-pressed", "aria-live", "aria-hidden"}
        | {
            "href",
            "datetime",
            "scope",
            "colspan",
            "aria-labelledby",
            "data-action",
            "data-kinds",
            "data-kind",
            "data-fold",
            "disabled",
            "open",
        }
    )
    assert {attribute for _, attributes in elements for attribute in attributes} <= known


@given(plans())
def test_what_is_opened_is_closed(plan: Plan) -> None:
    drawn = plan_html.render(in_full(plan), PROVENANCE)
    for name in (
        "details",
        "summary",
        "div",
        "ul",
        "li",
        "dl",
        "p",
        "span",
        "main",
        "button",
        "a",
        "table",
        "tr",
        "td",
    ):
        assert len(re.findall(rf"<{name}[ >]", drawn)) == drawn.count(f"</{name}>")


def test_the_policy_allows_the_page_s_own_style_and_script_and_nothing_else() -> None:
    drawn = plan_html.render(DOCUMENTS["every-action"]())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', drawn)
    (style,) = re.findall(r"<style>(.*?)</style>", drawn, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", drawn, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    assert policy.replace("&#39;", "'").split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digests[0]}'",
        f"script-src 'sha256-{digests[1]}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert style.isascii()
    assert script.isascii()
    assert not re.search(r"url\(|@import|https?:|fetch|XMLHttp|innerHTML|eval", style + script)


def test_long_values_are_there_whole_behind_what_differs() -> None:
    drawn = plan_html.render(DOCUMENTS["hostile"]())
    assert "x" * 2000 + "old" + "x" * 2000 in drawn
    assert re.search(r"<summary><span class=\"remove\">&#34;…x+oldx+…&#34; \(4,003 characters\)", drawn)


def test_many_entries_are_folded_and_few_are_not() -> None:
    few = plan_html.render(samples.document(samples.three_hundred()))
    assert '<details class="entry update" data-action="update" data-kinds="add" open>' in few
    steps = [samples.step(f"r{n}", after=make_overlay(packages=[f"p{n}"]), line=n + 1) for n in range(200)]
    many = plan_html.render(samples.document(samples.plan(*steps)))
    assert many.count('<details class="entry update" data-action="update" data-kinds="add">') == 200


def test_every_change_of_a_large_plan_stays_small() -> None:
    steps = [samples.step(f"repository-{n}", after=make_overlay(packages=[f"p{n}"]), line=n + 1) for n in range(5_000)]
    assert len(plan_html.render(samples.document(samples.plan(*steps)))) < 2_500_000


_PRINT = """
from reconciler.views import plan_html, plan_markdown
from tests.views.cases import DOCUMENTS, FILES, PROVENANCE
for document in DOCUMENTS.values():
    print(plan_html.render(document()), plan_markdown.render(document()))
"""


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 50_000
