"""`explain`: what the manifest asks of one repository, with the file and line of every value."""

import json
from pathlib import Path

import pytest

from tests.cli.test_examples import example
from tests.support import golden
from tests.support.program import Program, write_manifest

GOLDEN = Path(__file__).parent / "golden"
NO_API = {"RECONCILER_API": "http://127.0.0.1:1"}

MANIFEST = """\
organization: example.com
defaults: {annotations: {com.example.team: web}}
profiles:
  debug: {packages: [bash, curl]}
repositories:
  custom-nginx:
    profiles: [debug]
    packages: [git]
    environment: {API_TOKEN: hunter2, PORT: 8080}
    certificates: {}
  /custom-node: {packages: [git]}
  team-a/custom-node: {packages: [jq]}
  custom-go: {reset: true}
  new-go: {source: custom-go, protect: true}
"""


@pytest.mark.parametrize("repository", ["payments-api", "team-b/reports-api", "edge-gateway", "edge-proxy"])
def test_an_organization_is_explained_to_the_line(repository: str, program: Program) -> None:
    result = program.run("explain", repository, example("organisation"))
    assert (result.code, result.err) == (0, "")
    golden.check(GOLDEN / f"explain-{repository.replace('/', '-')}.txt", result.out)


def test_an_apko_file_is_explained_without_the_api(program: Program) -> None:
    program.environ = NO_API
    result = program.run("explain", "orders-api", example("apko-files"))
    assert (result.code, result.err) == (0, "")
    golden.check(GOLDEN / "explain-orders-api.txt", result.out)


@pytest.mark.parametrize("repository", ["custom-nginx", "/custom-node", "custom-go", "new-go"])
def test_without_globs_no_live_name_is_needed(repository: str, program: Program) -> None:
    program.environ = NO_API
    write_manifest(MANIFEST)
    result = program.run("explain", repository)
    assert result.code == 0
    assert "manifests/web.yaml:" in result.out or "Created from custom-go" in result.out
    assert "hunter2" not in result.out + result.err


def test_the_document(program: Program) -> None:
    write_manifest(MANIFEST)
    document = json.loads(program.run("explain", "custom-nginx", "--format", "json").out)
    assert [(one["path"], one["value"], one["line"], one["layer"]) for one in document["values"]] == [
        ("contents.packages", "bash", 4, {"kind": "profile", "name": "debug"}),
        ("contents.packages", "curl", 4, {"kind": "profile", "name": "debug"}),
        ("contents.packages", "git", 8, {"kind": "entry", "name": None}),
        ("environment.API_TOKEN", "*** (value)", 9, {"kind": "entry", "name": None}),
        ("environment.PORT", "8080", 9, {"kind": "entry", "name": None}),
        ("annotations.com.example.team", "web", 2, {"kind": "defaults", "name": None}),
    ]
    assert [(one["section"], one["line"]) for one in document["empty"]] == [("certificates", 10)]
    assert document["unmanaged"] == ["contents.runtime_repositories", "contents.runtime_keyring", "accounts"]
    assert [one["code"] for one in document["diagnostics"]] == ["secret-in-manifest"]


@pytest.mark.parametrize(
    ("repository", "code", "hint"),
    [
        ("custom-ngnix", "not-in-manifest", "did you mean custom-nginx?"),
        ("custom-node", "ambiguous-repository", "add the folder to its name: /custom-node or team-a/custom-node"),
        ("custom-redis", "not-in-manifest", ""),
    ],
)
def test_a_repository_that_cannot_be_explained(repository: str, code: str, hint: str, program: Program) -> None:
    write_manifest(MANIFEST)
    result = program.run("explain", repository)
    assert (result.code, result.out) == (1, "")
    assert f"[{code}]" in result.err
    assert hint in result.err


def test_layers_that_disagree_are_no_explanation(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {custom-*: {packages: [curl=1]}}\n", "manifests/a.yaml")
    write_manifest("repositories: {'*-go': {packages: [curl=2]}}\n", "manifests/b.yaml")
    result = program.run("explain", "custom-go")
    assert (result.code, result.out) == (1, "")
    assert "manifests/b.yaml:1:36: " in result.err
    assert "first at manifests/a.yaml:2:38" in result.err
