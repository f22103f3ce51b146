"""The facts of the published documents: paths, verbs, parameters, fields, types and enums, without a word of prose.

`python -m tests.contract.facts FOLDER` makes the tables in `published/` from the OpenAPI documents in a folder, so that
the suite needs no document. They are OpenAPI documents themselves, so that what reads the one reads the other.
"""

import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]

TABLES = Path(__file__).with_name("published")
DOCUMENTS = ("chainguard-v1.json", "chainguard-v2.json", "chainguard-v2beta1-overlays.json")
_KEPT = ("type", "format", "enum", "default", "pattern", "readOnly", "required", "$ref")
_PROSE = ("description", "title")


def facts(document: Json) -> Json:
    """Return what a document says of requests and answers; KeyError names what is neither a fact nor prose."""
    return {
        "openapi": document["openapi"],
        "info": {"title": "", "version": ""},
        "paths": {
            path: {method: _operation(operation) for method, operation in methods.items()}
            for path, methods in document["paths"].items()
        },
        "components": {"schemas": {name: _schema(each) for name, each in document["components"]["schemas"].items()}},
    }


def table(document: Json) -> str:
    """Return the text of a table, as it is stored."""
    return json.dumps(facts(document), indent=1, sort_keys=True) + "\n"


def _operation(operation: Json) -> Json:
    found: Json = {
        "parameters": [
            {**{key: each[key] for key in ("in", "name", "required") if key in each}, "schema": _schema(each["schema"])}
            for each in operation.get("parameters", ())
        ],
        "responses": {
            status: {"description": "", "content": _content(each)} for status, each in operation["responses"].items()
        },
    }
    if "requestBody" in operation:
        body = operation["requestBody"]
        found["requestBody"] = {"content": _content(body), "required": body.get("required", False)}
    return found


def _content(holder: Json) -> Json:
    return {kind: {"schema": _schema(each["schema"])} for kind, each in holder["content"].items()}


def _schema(schema: Json) -> Json:
    found: Json = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: _schema(each) for name, each in value.items()}
        elif key == "allOf":
            found[key] = [_schema(each) for each in value]
        elif key in ("items", "additionalProperties"):
            found[key] = _schema(value) if isinstance(value, dict) else value
        elif key in _KEPT:
            found[key] = value
        elif key not in _PROSE:
            raise KeyError(key)
    return found


def main(folder: Path) -> None:
    """Write the tables of the documents in a folder."""
    for name in DOCUMENTS:
        document = json.loads((folder / name).read_text(encoding="utf-8"))
        (TABLES / name).write_text(table(document), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
