"""Every field, parameter and path of both generations against the published documents."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.api import endpoints
from reconciler.api.answers import RepositoryAnswer, RepositoryAnswerV2
from reconciler.api.http import Call
from reconciler.api.overlay_update import merge_overlay
from reconciler.api.schema import V1_SPELLING, V2_SPELLING, Spelling, overlay_from_wire
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import LiveRepository
from tests.api.fakes import NODE, ORGANIZATION
from tests.support.openapi import FOLDER

GENERATIONS = [
    pytest.param("chainguard-v1.json", "chainguard.platform.registry.", V1_SPELLING, id="v1"),
    pytest.param("chainguard-v2.json", "chainguard.platform.registry.v2.", V2_SPELLING, id="v2"),
]
# What leaving it out switches off: there is no empty value that says as much in every version.
LEFT_OUT = {"guardedEntrypoint", "failMode", "preflight", "commandOverride"}
Step = str | int


class Document:
    """A published document."""

    def __init__(self, name: str) -> None:
        self.content: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))

    def schema(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.content["components"]["schemas"][name]
        return found

    def sample(self, schema: dict[str, Any], name: str = "x") -> Any:
        """A value in which nothing is unset."""
        for part in schema.get("allOf", [schema]):
            if "$ref" in part:
                return self.sample(self.schema(part["$ref"].rpartition("/")[2]))
        match schema["type"]:
            case "object" if "additionalProperties" in schema:
                return {"K": name}
            case "object":
                return {key: self.sample(value, key) for key, value in schema["properties"].items()}
            case "array":
                return [self.sample(schema["items"], name)]
            case "string":
                return schema.get("enum", [name])[-1]
            case scalar:
                return {"integer": 7, "boolean": True}[scalar]


def leaves(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Where something stands that is neither an object nor a list."""
    if not isinstance(value, dict | list):
        yield path
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(item, (*path, key))


def without(value: Any, path: tuple[Step, ...]) -> Any:
    value = copy.deepcopy(value)
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return value


@pytest.mark.parametrize(("document", "package", "spelling"), GENERATIONS)
def test_every_field_of_an_overlay_is_read_and_written(document: str, package: str, spelling: Spelling) -> None:
    published = Document(document)
    sample = published.sample(published.schema(f"{package}CustomOverlay"))
    found = overlay_from_wire(sample)
    assert isinstance(found, Overlay)
    assert found.unrecognized == ()
    written = json.loads(json.dumps(merge_overlay(None, found, spelling)))
    paths = list(leaves(sample))
    assert len(paths) == 28
    assert sorted(map(str, leaves(written))) == sorted(map(str, paths)), "every field goes out by its name"
    for path in paths:
        assert overlay_from_wire(without(sample, path)) != found, f"{path} is read"


@pytest.mark.parametrize(("document", "package", "spelling"), GENERATIONS)
def test_a_reset_names_only_fields_that_there_are(document: str, package: str, spelling: Spelling) -> None:
    published = Document(document)
    sample = published.sample(published.schema(f"{package}CustomOverlay"))
    reset = merge_overlay(sample, EMPTY, spelling)
    assert set(reset) == set(sample) - LEFT_OUT
    contents = reset["contents"]
    assert isinstance(contents, dict)
    assert set(contents) == set(sample["contents"])


@pytest.mark.parametrize(("document", "package", "spelling"), GENERATIONS)
def test_the_fields_of_a_repository(document: str, package: str, spelling: Spelling) -> None:
    published = Document(document)
    sample = published.sample(published.schema(f"{package}Repo"))
    model, id_ = (RepositoryAnswer, "id") if spelling is V1_SPELLING else (RepositoryAnswerV2, "uid")
    found = model.model_validate(sample).to_core()
    assert (found.id, found.name, found.active_tags) == (id_, "name", ("activeTags",))
    assert found.overlay == overlay_from_wire(sample["customOverlay"])
    assert sample["sync_config"]["source"]


TARGET = LiveRepository(id=NODE, name="node", overlay=EMPTY)
# grpc-gateway takes the mask of every PATCH and lists it in no document.
UNLISTED = {"updateMask"}


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (endpoints.repositories_page(ORGANIZATION), "/registry/v2/repos"),
        (endpoints.repository_v2(NODE), "/registry/v2/repos/{uid}"),
        (endpoints.update_v2(TARGET, b""), "/registry/v2/repos/{uid}"),
    ],
)
def test_the_calls_of_v2(call: Call, path: str) -> None:
    operation = Document("chainguard-v2.json").content["paths"][path][call.method.lower()]
    listed = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
    assert {name for name, _ in call.parameters} - UNLISTED <= listed
    assert call.path == path.replace("{uid}", NODE)


def test_the_answer_of_a_page_and_what_an_update_requires() -> None:
    published = Document("chainguard-v2.json")
    page = published.schema("chainguard.platform.registry.v2.ListReposResponse")["properties"]
    assert {"repos", "nextPageToken", "totalCount"} <= set(page)
    assert page["totalCount"]["type"] == "string"
    patch = published.content["paths"]["/registry/v2/repos/{uid}"]["patch"]
    body = patch["requestBody"]["content"]["*/*"]["schema"]
    assert body["required"] == ["name"]
    assert {"name", "customOverlay"} <= set(body["properties"])
    create = published.content["paths"]["/registry/v2/repos/{uid}"]["post"]
    assert {one["name"] for one in create["parameters"]} == {"uid"}, "nothing that keeps it from changing one"
