"""The published documents as schemathesis is given them: what is served, with values that lead somewhere.

Ids made at random are ids of nothing, so that a request would never come past the first check.
"""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconciler.emulator import Emulator
from tests.support.pem import APK_KEY, CORP_ROOT
from tests.support.wsgi import call

Json = dict[str, Any]

SERVED = {
    "chainguard-v1.json": (
        "/apk/v1/package-summaries",
        "/apk/v1/packages",
        "/apko/v1/resolve/{repoUidp}",
        "/auth/v1/ok",
        "/iam/v1/groups",
        "/sts/exchange",
        "/registry/v1/buildreports",
        "/registry/v1/repos",
        "/registry/v1/repos/{id}",
        "/registry/v1/repos/{repoId}:syncstatus",
        "/registry/v1/syncstatuses",
        "/registry/v1/tags",
    ),
    "chainguard-v2.json": (
        "/iam/v2/groups",
        "/registry/v2/repos",
        "/registry/v2/repos/{uid}",
        "/registry/v2/tags",
    ),
    "chainguard-v2beta1-overlays.json": (
        "/registry/v2beta1/overlayBindings",
        "/registry/v2beta1/overlayBindings/{uid}",
        "/registry/v2beta1/overlays",
        "/registry/v2beta1/overlays/{uid}",
    ),
}
_KEY = {"type": "object", "enum": [{"name": "a.rsa.pub", "content": APK_KEY}]}
_CERTIFICATE = {"type": "object", "enum": [{"name": "root", "content": CORP_ROOT}]}
_URLS = {"type": "string", "enum": ["https://apk.example.com/os", "https://packages.example.com"]}
_ORDERS = ["", "uid", "name desc", "create_time", "update_time asc", "update_time desc", "color"]
_PACKAGE_ORDERS = ["", "package_name", "package_name desc", "build_time desc", "color"]
_PACKAGES = ["bash", "curl", "git", "jq~1.8", "cmd:sh", "libssl3<3.6"]
_ARCHITECTURES = ["amd64", "arm64", "x86_64"]
_SELECTORS = [{"kind": "KIND_ALL"}, {"kind": "KIND_EXACT", "tags": ["24"]}]
_RECORD_MASKS = {"overlays": ["config", "name"], "overlayBindings": ["tag_selector"]}
_MASKS = [
    "custom_overlay",
    "custom_overlay.environment",
    "sync_config,description",
    "custom_overlay.accounts,x",
    "name",
]


def narrowed(path: Path, emulator: Emulator) -> Json:
    """A document restricted to what the emulator serves, with hints from the seeded world."""
    document: Json = json.loads(path.read_text(encoding="utf-8"))
    document["paths"] = {each: document["paths"][each] for each in SERVED[path.name]}
    repositories = [emulator.repository(name)["id"] for name in ("custom-go", "team-a/custom-node", "data-pipeline")]
    groups = [repositories[0].rpartition("/")[0], repositories[1].rpartition("/")[0]]
    for template, methods in document["paths"].items():
        for method, operation in methods.items():
            makes = method == "post" and template.startswith("/registry/")
            records = record_ids(template, emulator)
            path_ids = groups if makes else records or [*repositories, *groups]
            _hint_at_parameters(operation, path_ids, [*repositories, *records])
            if template.startswith("/apk/"):
                _hint(operation, "orderBy", _PACKAGE_ORDERS)
            if method == "patch":
                operation["parameters"].append(
                    {"in": "query", "name": "updateMask", "schema": {"type": "string", "enum": _masks(template)}}
                )
            if template == "/sts/exchange":
                _hint(operation, "identity", repositories)
    _hint_at_bodies(document)
    _hint_at_configurations(document["components"]["schemas"])
    return document


def record_ids(path: str, emulator: Emulator) -> list[str]:
    """The ids of the overlays, or of the bindings, that a path is about."""
    collection = next((each for each in _RECORD_MASKS if path.startswith(f"/registry/v2beta1/{each}/")), "")
    if not collection:
        return []
    reply = call(emulator, "GET", f"/registry/v2beta1/{collection}")
    return [each["uid"] for each in reply.json[collection]]


def _masks(path: str) -> list[str]:
    known = next((masks for name, masks in _RECORD_MASKS.items() if f"/{name}/" in path), None)
    return [*known, "x", "config.contents"] if known else _MASKS


def _hint_at_parameters(operation: Json, path_ids: list[str], repositories: list[str]) -> None:
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        if parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "enum": path_ids}
        elif name in ("id", "registryId") or (name.startswith("uidp.") and name != "uidp.inRoot"):
            one = {"type": "string", "enum": [*path_ids, *repositories, repositories[0][:-1] + "0"]}
            several = parameter["schema"]["type"] == "array"
            parameter["schema"] = {"type": "array", "items": one} if several else one
        elif name == "orderBy":
            parameter["schema"] = {"type": "string", "enum": _ORDERS}


def _hint(operation: Json, name: str, values: list[str]) -> None:
    for parameter in operation["parameters"]:
        if parameter["name"] == name:
            parameter["schema"] = {"type": "string", "enum": values}


def _hint_at_bodies(document: Json) -> None:
    # A masked update refuses what is not known, so that little else would be tried.
    strict = any("patch" in methods for methods in document["paths"].values())
    for operation in _operations(document):
        if "requestBody" in operation:
            (content,) = operation["requestBody"]["content"].values()
            # The gateway reads JSON whatever the body is said to be; the tool needs to be told what to write.
            operation["requestBody"]["content"] = {"application/json": content}
            content["schema"] = (
                {**content["schema"], "maxProperties": 6, **({"additionalProperties": False} if strict else {})}
                if "properties" in content["schema"]
                else content["schema"]
            )
    _hint_at_schemas(document["components"]["schemas"], strict=strict)


def _hint_at_schemas(schemas: Json, *, strict: bool) -> None:
    for name, schema in schemas.items():
        properties = schema.get("properties", {})
        if properties and strict:
            schema["additionalProperties"] = False
        if name.endswith("ImageContents"):
            properties["runtimeRepositories"]["items"] = _URLS
            properties["runtimeKeyring"]["items"] = copy.deepcopy(_KEY)
        if name.endswith("Certificates"):
            properties["additional"]["items"] = copy.deepcopy(_CERTIFICATE)
        if "tagSelector" in properties:
            properties["tagSelector"] = {"type": "object", "enum": _SELECTORS}
        if name.endswith((".Repo", ".Overlay")):
            properties["name"] = {"type": "string", "pattern": "^[a-z0-9._-]{1,20}$"}


def _hint_at_configurations(schemas: Json) -> None:
    for name, schema in schemas.items():
        if name.endswith("ResolveConfigBody"):
            schema["required"] = ["config"]
        if name.endswith("ApkoConfig"):
            schema["properties"]["archs"]["items"] = {"type": "string", "enum": _ARCHITECTURES}
        if name.endswith("ApkoConfig.Contents"):
            schema["properties"]["packages"]["items"] = {"type": "string", "enum": _PACKAGES}


def _operations(document: Json) -> Iterator[Json]:
    for methods in document["paths"].values():
        yield from methods.values()
