"""The tables of facts: without prose, and made of the published documents wherever those are at hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.facts import DOCUMENTS, TABLES, facts, table

PUBLISHED = Path(__file__).parents[3] / "shared" / "openapi" / "2026-10"
AT_HAND = [name for name in DOCUMENTS if (PUBLISHED / name).is_file()]


def load(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_table_holds_facts_alone(name: str) -> None:
    stored = load(TABLES, name)
    assert facts(stored) == stored
    assert not [each for each in texts(stored) if " " in each and not each.startswith("^")]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_table_is_that_of_the_document(name: str) -> None:
    folder = PUBLISHED if name in AT_HAND else TABLES
    assert table(load(folder, name)) == (TABLES / name).read_text(encoding="utf-8")


def test_prose_is_left_out_and_what_is_neither_is_named() -> None:
    described: dict[str, Any] = {
        "type": "object",
        "description": "words",
        "properties": {"description": {"type": "string", "title": "X"}},
    }
    document: dict[str, Any] = {"openapi": "3.0.3", "paths": {}, "components": {"schemas": {"A": described}}}
    assert facts(document)["components"]["schemas"] == {
        "A": {"type": "object", "properties": {"description": {"type": "string"}}}
    }
    described["maximum"] = 3
    with pytest.raises(KeyError, match="maximum"):
        facts(document)


def texts(value: Any) -> list[str]:
    """All keys and texts of a JSON value."""
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []
