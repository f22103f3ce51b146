"""The form of a manifest as JSON Schema, and what messages take from it."""

from array import array
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.manifest.codes import Code
from reconciler.manifest.document import MapNode
from reconciler.manifest.form import flow, form_at
from reconciler.manifest.schema import ManifestFile
from reconciler.manifest.schema_errors import explain
from reconciler.manifest.values import PACKAGE, is_organization

SCHEMA: dict[str, Any] = ManifestFile.model_json_schema()


def _properties() -> Iterator[tuple[str, dict[str, Any]]]:
    for model in (SCHEMA, *SCHEMA["$defs"].values()):
        yield from model["properties"].items()


def test_every_field_is_described_and_has_an_example() -> None:
    assert [name for name, field in _properties() if not field.get("description") or "examples" not in field] == []


def test_the_exported_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    users = [{"username": "app", "uid": 65532, "gid": 0}]
    document = {
        "organization": "example.com",
        "repositories": {"x": {"accounts": {"users": users}, "environment": {"A": 1}}},
    }
    assert list(validator.iter_errors(document)) == []
    users[0]["gid"] = -1
    assert list(validator.iter_errors(document))


def test_examples_are_accepted() -> None:
    repository = {name: field.examples[0] for name, field in _fields("Repository") if name != "reset"}
    validator = Draft202012Validator(SCHEMA)
    assert list(validator.iter_errors({"repositories": {"x": repository}})) == []


def _fields(model: str) -> Iterator[tuple[str, Any]]:
    from reconciler.manifest import schema

    yield from getattr(schema, model).model_fields.items()


@pytest.mark.parametrize(
    ("path", "known"),
    [
        (
            (),
            (
                *(
                    "organization",
                    "owner",
                    "settings",
                    "defaults",
                    "profiles",
                    "overlays",
                    "all_repositories",
                    "folders",
                ),
                "repositories",
            ),
        ),
        (("repositories", "x", "contents"), ("packages", "runtime_repositories", "runtime_keyring")),
        (("repositories", "x", "accounts", "groups", 3), ("groupname", "gid", "members")),
        (("repositories", "x", "environment"), ()),
        (("repositories", "x", "nothing", "below"), form_at(("repositories", "x")).known),
    ],
)
def test_known_keys_follow_the_models(path: tuple[str | int, ...], known: tuple[str, ...]) -> None:
    assert form_at(path).known == known


def test_examples_of_items_come_from_the_list() -> None:
    assert flow(form_at(("repositories", "x", "accounts", "users", 0)).example) == "{username: app, uid: 65532}"
    assert flow(form_at(("repositories", "x", "reset")).example) == "true"
    assert form_at(("repositories", "x", "environment", "ANY")).example == "production"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("example.com", True), ("a/b", True), ("a//b", False), ("/a", False), ("A", False), ("", False), ("a\n", False)],
)
def test_organizations(text: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_organization(text) is expected


def test_a_kind_of_error_that_nobody_thought_of_is_still_reported() -> None:
    root = MapNode(0)
    root["organization"] = "x"
    root.close(array("i"), [0, 14])
    (finding,) = explain([{"type": "brand_new", "loc": ("organization",), "input": "x"}], root)
    assert (finding.code, finding.at) == (Code.BAD_VALUE, 14)
    assert finding.summary == "`organization` is invalid"


def test_the_pattern_of_packages_is_anchored() -> None:
    assert PACKAGE.startswith("^")
    assert PACKAGE.endswith("$")
