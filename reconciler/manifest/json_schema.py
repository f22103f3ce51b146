"""The form of a manifest as JSON Schema, for editors that complete and check it.

Made from the models that read manifests, so that it cannot fall behind them. What is added here is what an editor sees
otherwise than this program: it has read the types of YAML, while to the models every scalar is the text that was typed.
"""

from collections.abc import Callable
from typing import Any, Final

from reconciler.core.overlay import Json
from reconciler.manifest import values
from reconciler.manifest.form import CONTENT_KEYS
from reconciler.manifest.schema import ManifestFile

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# Digits from 0 to 4294967295, also in quotes.
_ID: Final = (
    r"^(?:0|[1-9][0-9]{0,8}|[1-3][0-9]{9}|4[01][0-9]{8}|42[0-8][0-9]{7}|429[0-3][0-9]{6}|4294[0-8][0-9]{5}"
    r"|42949[0-5][0-9]{4}|429496[0-6][0-9]{3}|4294967[01][0-9]{2}|42949672[0-8][0-9]|429496729[0-5])$"
)
_UIDP: Final = r"[0-9a-f]{40}(?:/[0-9a-f]{16})*"


def json_schema() -> Json:
    """Return the schema of one manifest file."""
    schema: Json = _walked(ManifestFile.model_json_schema(), _for_editors)
    schema["$defs"]["Repository"]["allOf"] = [_reset_alone(), _overlays_alone()]
    return {"$schema": DIALECT, "title": "reconciler manifest", **{k: v for k, v in schema.items() if k != "title"}}


def _walked(value: Any, change: Callable[[Json], Json]) -> Any:
    match value:
        case dict():
            return change({key: _walked(inner, change) for key, inner in value.items()})
        case list():
            return [_walked(inner, change) for inner in value]
        case _:
            return value


def _for_editors(schema: Json) -> Json:
    """Return one schema with what YAML's own types need; keys are texts to editors already."""
    schema = {key: value for key, value in schema.items() if key not in ("title", "default") or isinstance(value, dict)}
    match schema.get("type"):
        case "integer":
            return {**schema, "type": ["integer", "string"], "pattern": _ID}
        case "boolean":
            return {
                **{key: value for key, value in schema.items() if key != "type"},
                "enum": [True, False, "true", "false"],
            }
        case "string" if schema.get("pattern") == values.ORGANIZATION:
            # What begins as a UIDP has to be one.
            pattern = rf"^(?:(?![0-9a-f]{{40}}(?:/|$)){values.NAME}(?:/{values.NAME})*|{_UIDP})$"
            return {**schema, **_texts(pattern)}
        case "string" if schema.get("pattern") not in (None, values.SHARE):
            return {**schema, **_texts(schema["pattern"])}
        case "object" if "patternProperties" in schema:
            return {**schema, "additionalProperties": False}
        case _:
            return schema


def _texts(pattern: str) -> Json:
    """Return a text that an editor may take for a number or a flag, such as a package named `7zip` or `123`."""
    return {"type": ["string", "number", "boolean"], "pattern": pattern, "minimum": 0}


def _reset_alone() -> Json:
    """Forbid `reset: true` together with a section."""
    return {
        "if": {"properties": {"reset": {"enum": [True, "true"]}}, "required": ["reset"]},
        "then": {"properties": dict.fromkeys((*CONTENT_KEYS, "overlays"), False)},
    }


def _overlays_alone() -> Json:
    """Forbid content of its own for a repository with `overlays`."""
    return {"if": {"required": ["overlays"]}, "then": {"properties": dict.fromkeys(CONTENT_KEYS, False)}}
