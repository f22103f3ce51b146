"""The published description of the API (the tables of its facts in tests/contract/published), and questions to it."""

import json
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator

FOLDER = Path(__file__).parents[1] / "contract" / "published"
DOCUMENT = FOLDER / "chainguard-v1.json"
DOCUMENT_V2 = FOLDER / "chainguard-v2.json"
DOCUMENT_OVERLAYS = FOLDER / "chainguard-v2beta1-overlays.json"

# Fields and names that the seeded world has and the published document has not (yet).
FUTURE_FIELDS = frozenset(
    {
        "excludedLocales",
        "hardeningProfile",
        "loginDefaults",
        "mirrorPriority",
        "retireAfter",
        "revocationPolicy",
        "supplementaryGroups",
        "supportWindow",
        "systemGroup",
        "trustPurposes",
    }
)
FUTURE_NAMES = frozenset({"PREVIEW", "CATALOG_TIER_PREVIEW"})

Json = dict[str, Any]


class Published:
    """The document; paths are asked for as they are written in it."""

    def __init__(self, document: Path = DOCUMENT) -> None:
        self.document: Json = json.loads(document.read_text(encoding="utf-8"))
        self._resolved: dict[str, Json] = {}  # by the name of a schema
        self._validators: dict[str, Any] = {}  # by the text of a schema

    def operation(self, method: str, path: str) -> Json:
        operation: Json = self.document["paths"][path][method.lower()]
        return operation

    def parameters(self, method: str, path: str) -> list[Json]:
        found: list[Json] = self.operation(method, path).get("parameters", [])
        return found

    def answer(self, method: str, path: str, status: int) -> Json:
        responses = self.operation(method, path)["responses"]
        response = responses.get(str(status), responses["default"])
        schema: Json = response["content"]["application/json"]["schema"]
        return schema

    def body(self, method: str, path: str) -> Json | None:
        """Return the schema of a request's body; None where the operation has none."""
        described = self.operation(method, path).get("requestBody")
        if described is None:
            return None
        (content,) = described["content"].values()
        schema: Json = content["schema"]
        return schema

    def resolve(self, schema: Json) -> Json:
        """Return a schema with its references followed and the parts of an allOf put together."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name not in self._resolved:
                self._resolved[name] = self.resolve(self.document["components"]["schemas"][name])
            return self._resolved[name]
        merged = dict(schema)
        for part in schema.get("allOf", ()):
            merged = {**self.resolve(part), **merged}
        return merged

    def problems(self, schema: Json, value: Any) -> list[str]:
        """Return what the document has against a value; null stands for absent, as in protobuf's JSON form."""
        found = self._validator(schema).iter_errors(without_nulls(value))
        return [f"{error.json_path}: {error.message}" for error in found if error.instance not in list(FUTURE_NAMES)]

    def _validator(self, schema: Json) -> Any:
        """One validator for each schema: making it takes longer than most values do."""
        text = json.dumps(schema)
        if text not in self._validators:
            self._validators[text] = OAS30Validator(
                {"components": self.document["components"], "allOf": [schema]},
                format_checker=OAS30Validator.FORMAT_CHECKER,
            )
        return self._validators[text]

    def unknown_keys(self, schema: Json, value: Any) -> set[str]:
        """Return the keys of a value that the document does not name."""
        known = self.resolve(schema)
        if isinstance(value, list):
            return {key for item in value for key in self.unknown_keys(known.get("items", {}), item)}
        if not isinstance(value, dict) or "properties" not in known:
            return set()
        properties: Json = known["properties"]
        below = {
            key
            for name, item in value.items()
            if name in properties
            for key in self.unknown_keys(properties[name], item)
        }
        return (set(value) - set(properties)) | below

    def missing_keys(self, schema: Json, value: Any) -> set[str]:
        """Return the keys that the document names and a value lacks: the gateway emits unset fields."""
        known = self.resolve(schema)
        if isinstance(value, list):
            return {key for item in value for key in self.missing_keys(known.get("items", {}), item)}
        if not isinstance(value, dict) or "properties" not in known:
            return set()
        properties: Json = known["properties"]
        below = {key for name, item in value.items() for key in self.missing_keys(properties.get(name, {}), item)}
        return (set(properties) - set(value)) | below


def without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value
