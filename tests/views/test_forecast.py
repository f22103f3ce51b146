"""The forecast in words and in the public document."""

from typing import Any

import pytest

from reconciler.core.forecast import BuildForecast, Durations, Forecast, NoForecast
from reconciler.views import plan_html, plan_markdown, plan_text
from reconciler.views.document import plan_document
from reconciler.views.plan_summary import forecast_sentences
from reconciler.views.text import Style
from tests.views import samples
from tests.views.facts import text_of
from tests.views.test_plan_schema import CLOSED

DURATIONS = Durations(middle=250.0, longest=570.0, of=10)
FORECASTS: dict[str, Forecast] = {
    "all": BuildForecast(repositories=12, builds=38, durations=DURATIONS),
    "one": BuildForecast(repositories=1, builds=1),
    "some": BuildForecast(repositories=1200, builds=3800, unknown=("a", "b")),
    "none": BuildForecast(repositories=2, builds=0, unknown=("a", "b"), durations=DURATIONS),
    "the only one": BuildForecast(repositories=1, builds=0, unknown=("a",)),
    "failed": NoForecast(problem="could not list \x1b the builds"),
}
TOOK = "Recent builds: median 4m10s, longest 9m30s (10 builds)."
SAID = {
    "all": ["This will start about 38 builds in 12 repositories.", TOOK],
    "one": ["This will start about 1 build in 1 repository."],
    "some": [
        "This will start about 3,800 builds in 1,200 repositories, not counting 2 repositories without recent builds."
    ],
    "none": [
        "This will start builds in 2 repositories; their number is unknown (no recent builds).",
        TOOK,
    ],
    "the only one": ["This will start builds in 1 repository; their number is unknown (no recent builds)."],
    "failed": [r"Number of builds unknown: could not list \x1b the builds."],
}


def document(forecast: Forecast) -> Any:
    return plan_document(samples.every_action(), api=samples.API, tool_version="1.2.3", forecast=forecast)


@pytest.mark.parametrize("name", FORECASTS)
def test_the_sentences(name: str) -> None:
    style = Style(color=False, unicode=True)
    assert list(forecast_sentences(document(FORECASTS[name]), style.plain)) == SAID[name]


def test_a_plan_without_a_forecast_says_nothing_of_it() -> None:
    found = samples.document(samples.every_action())
    assert "forecast" not in found
    assert list(forecast_sentences(found, str)) == []


@pytest.mark.parametrize("name", FORECASTS)
def test_the_document_keeps_to_the_schema(name: str) -> None:
    CLOSED.validate(document(FORECASTS[name]))


def test_every_format_tells_it() -> None:
    found = document(FORECASTS["all"])
    text = plan_text.render(found, style=Style(color=False, unicode=True), width=200, show_unchanged=False)
    assert "\n".join(SAID["all"]) + "\nPlan: " in text
    for sentence in SAID["all"]:
        assert sentence in plan_markdown.render(found)
        assert sentence in text_of(plan_html.render(found))
