"""What each command prints with `--json` is its documented type: every key, and nothing that the type does not have."""

import json
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from reconciler.views.diagnostics import ValidationDocument
from reconciler.views.doctor import CheckupDocument
from reconciler.views.drift import DriftDocument
from reconciler.views.explain import ExplanationDocument
from reconciler.views.explain_tags import TagsExplanationDocument
from reconciler.views.history import HistoryDocument
from reconciler.views.listings import BuildsDocument, RepositoriesDocument
from reconciler.views.migration import MigrationDocument
from tests.support.program import Program, write_manifest
from tests.views.test_plan_schema import closed

MANIFEST = """\
organization: example.com
defaults: {packages: [ca-certificates]}
repositories:
  custom-nginx:
    packages: [curl]
    environment: {API_TOKEN: hunter2-hunter2}
    annotations: {}
    remove: {packages: [ca-certificates]}
"""
BOUND = """\
organization: example.com
overlays:
  corp-ca: {environment: {CA: corp}, packages: [git]}
  debug-tools: {packages: [curl, git], environment: {CA: debug}}
all_repositories: {overlays: {corp-ca: all}}
repositories:
  orders-api: {overlays: {debug-tools: dev}}
"""


def check(program: Program, type_: Any, *argv: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(program.run(*argv, "--json").out)
    Draft202012Validator(closed(TypeAdapter(type_).json_schema())).validate(found)
    return found


def test_the_documents_of_a_run_and_what_it_wrote_are_of_their_types(program: Program) -> None:
    write_manifest(MANIFEST)
    assert check(program, ValidationDocument, "validate")["diagnostics"]
    assert program.run("apply", "--yes").code == 0
    with program.emulator() as emulator:
        emulator.edit("custom-nginx", {"contents": {"packages": ["vim"]}})
    assert check(program, HistoryDocument, "history")["runs"][0]["steps"]
    assert check(program, DriftDocument, "drift")["drift"]
    assert check(program, BuildsDocument, "builds")["builds"]
    assert check(program, ExplanationDocument, "explain", "custom-nginx")["removed"]
    assert check(program, ExplanationDocument, "explain", "custom-nginx", "--diff")["overlay"]


def test_the_documents_of_the_live_state_are_of_their_types(program: Program) -> None:
    assert check(program, RepositoriesDocument, "repos", "--org", "example.com")["repositories"]
    assert check(program, CheckupDocument, "doctor", "--org", "example.com")["findings"]
    assert check(program, MigrationDocument, "migrate", "--org", "example.com", "-o", "new")["waves"]


def test_the_documents_of_overlays_are_of_their_types(program: Program) -> None:
    write_manifest(BOUND)
    assert check(program, TagsExplanationDocument, "explain", "orders-api")["tags"]
    assert program.run("apply", "--yes").code == 0
    assert check(program, HistoryDocument, "history")["runs"][0]["tags"]
    write_manifest(BOUND.replace("dev}", "all}"))
    assert [one for one in check(program, DriftDocument, "drift")["repositories"] if "tags" in one]
