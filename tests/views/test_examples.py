"""The examples in the documents are what the program prints; UPDATE_GOLDEN=1 writes them anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.views import plan_html, plan_markdown, plan_text
from reconciler.views.document import plan_document
from reconciler.views.text import Style, indented_json
from tests.support import golden
from tests.views import samples
from tests.views.cases import PROVENANCE

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "plan-300"


def text(width: int) -> Callable[[Any], str]:
    style = Style(color=False, unicode=True)
    return lambda document: plan_text.render(document, style=style, width=width, show_unchanged=False)


def in_full() -> Any:
    """The document that the page is drawn from: with whole overlays and tags."""
    plan = samples.three_hundred()
    tags = {step.id: ("latest", "22", "22-dev")[: 1 + number % 3] for number, step in enumerate(plan.steps) if step.id}
    return plan_document(plan, api=samples.API, tool_version="1.2.3", overlays=True, active_tags=tags)


FILES: dict[str, Callable[[Any], str]] = {
    "plan-80.txt": text(80),
    "plan-120.txt": text(120),
    "plan.json": indented_json,
    "plan.md": plan_markdown.render,
    "plan.html": lambda _: plan_html.render(in_full(), PROVENANCE),
}


@pytest.mark.parametrize("name", FILES)
def test_an_example_is_what_is_printed(name: str) -> None:
    golden.check(EXAMPLES / name, FILES[name](samples.document(samples.three_hundred())))


def test_the_index_names_every_example() -> None:
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in index for name in FILES)
    assert {file.name for file in EXAMPLES.iterdir()} == {*FILES, "README.md"}
