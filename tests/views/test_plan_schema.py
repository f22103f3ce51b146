"""The published schema of the plan document: what is printed today and what was printed before keep to it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from reconciler.core.plan import Plan
from reconciler.views.events import JsonProgress
from reconciler.views.run_document import report_document
from reconciler.views.text import indented_json, json_line
from reconciler.views.verdict import summary_document
from tests.views import runs, samples
from tests.views.cases import DOCUMENTS
from tests.views.random_plans import plans
from tools.schemas import schemas

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "plan.schema.json").read_text(encoding="utf-8"))
# Documents as earlier versions printed them; nothing here is ever rewritten.
OLD = sorted((Path(__file__).parent / "old_documents").glob("*/*.json"))
VALIDATOR = Draft202012Validator(SCHEMA)


def closed(schema: Any) -> Any:
    """The schema with every object closed, so that a key that it does not describe is an error."""
    match schema:
        case {"type": "object", "properties": _}:
            return {key: closed(value) for key, value in schema.items()} | {"additionalProperties": False}
        case dict():
            return {key: closed(value) for key, value in schema.items()}
        case list():
            return [closed(one) for one in schema]
        case _:
            return schema


CLOSED = Draft202012Validator(closed(SCHEMA))


EVENTS = json.loads((DOCS / "events.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", schemas())
def test_a_published_schema_is_generated_from_the_types(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert text == schemas()[name], "run `make schemas`"
    Draft202012Validator.check_schema(json.loads(text))


def test_every_line_of_an_apply_keeps_to_the_schema_and_is_described_by_it_whole() -> None:
    out = io.StringIO()
    sink = JsonProgress(out)
    for event in runs.events():
        sink(event)
    report = report_document(
        runs.outcomes(), runs.followed(), {}, interrupted=False, waited=True, timed_out=False, run="r"
    )
    plan = json_line({"type": "plan", "plan": DOCUMENTS["every-action"]()})
    lines = [*out.getvalue().splitlines(), plan, json_line(summary_document(report, verdict=""))]
    validator = Draft202012Validator(closed(EVENTS))
    for line in lines:
        validator.validate(json.loads(line))
    assert {json.loads(line)["type"] for line in lines} >= {"version", "plan", "builds_seen", "summary"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_printed_keeps_to_the_schema_and_is_described_by_it_whole(name: str) -> None:
    CLOSED.validate(json.loads(indented_json(DOCUMENTS[name]())))


@given(plans())
def test_every_plan_keeps_to_the_schema(plan: Plan) -> None:
    CLOSED.validate(json.loads(indented_json(samples.document(plan))))


@pytest.mark.parametrize("file", OLD, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_old_documents_keep_to_the_schema(file: Path) -> None:
    VALIDATOR.validate(json.loads(file.read_text(encoding="utf-8")))


def test_there_are_old_documents() -> None:
    assert len(OLD) >= 3


def test_keys_that_come_later_are_accepted() -> None:
    document = DOCUMENTS["every-action"]()
    document["new"] = document["steps"][0]["new"] = document["counts"]["new"] = 1
    VALIDATOR.validate(document)


CHANGE = ("steps", 1, "changes", 0)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("format_version",), "2.0"),
        (("steps",), None),
        (("counts", "update"), "3"),
        (("steps", 1, "action"), "delete"),
        (("steps", 1, "repository"), None),
        (("steps", 1, "unmanaged"), ["contents"]),
        ((*CHANGE, "kind"), "move"),
        ((*CHANGE, "kind"), "add"),
        ((*CHANGE, "after"), None),
        ((*CHANGE, "after"), {"pem": "-----BEGIN CERTIFICATE-----"}),
    ],
    ids=repr,
)
def test_a_changed_meaning_is_found(place: tuple[str | int, ...], value: object) -> None:
    document = DOCUMENTS["every-action"]()
    assert document["steps"][1]["changes"][0]["kind"] == "change"
    *above, last = place
    inside: Any = document
    for one in above:
        inside = inside[one]
    inside[last] = value
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("key", SCHEMA["required"])
def test_a_missing_key_is_found(key: str) -> None:
    document = DOCUMENTS["every-action"]()
    del document[key]
    assert not VALIDATOR.is_valid(document)
