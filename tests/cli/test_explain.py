"""`explain`: what the manifest asks of one repository, with the file and line of every value."""

import json
from pathlib import Path

import pytest

from reconciler.cli import main
from tests.cli.test_examples import example
from tests.support import golden
from tests.support.program import Program, Stream, write_manifest

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
    result = program.run("explain", repository, example("organization"))
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
    assert document["unmanaged"] == [
        "contents.runtime_repositories",
        "contents.runtime_keyring",
        "accounts",
        "guarded_entrypoint",
        "fail_mode",
        "preflight",
        "command_override",
        "truststore",
    ]
    assert [one["code"] for one in document["diagnostics"]] == ["secret-in-manifest"]


@pytest.mark.parametrize(
    ("repository", "code", "hint"),
    [
        ("custom-ngnix", "not-in-manifest", "did you mean custom-nginx?"),
        ("custom-node", "ambiguous-repository", "use one of /custom-node, team-a/custom-node"),
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


LIVE = """\
organization: example.com
defaults: {annotations: {com.example.team: web}}
repositories:
  custom-ruby: {packages: [nodejs-22, git]}
  legacy-php: {reset: true}
  new-go: {source: custom-go, packages: [curl]}
"""


def diff_rows(out: str) -> list[tuple[str, ...]]:
    """The rows of the table: mark, path, live, wanted, source."""
    table = out.partition("\n\n")[0].splitlines()[1:]
    return [(line[:1].strip(), *line[1:].split(maxsplit=3)) for line in table]


def test_the_effective_overlay_next_to_the_live_one(program: Program) -> None:
    write_manifest(LIVE)
    result = program.run("explain", "custom-ruby", "--diff")
    assert (result.code, result.err) == (0, "")
    entry = "manifests/web.yaml:4"
    assert diff_rows(result.out) == [
        ("-", "contents.packages", "bash", "-", entry),
        ("", "contents.packages", "git", "git", entry),
        ("+", "contents.packages", "-", "nodejs-22", entry),
        ("-", "contents.packages", "tmux", "-", entry),
        ("-", "contents.packages", "yaml", "-", entry),
        ("", "environment.RAILS_ENV", '"production"', '"production"', "(not managed)"),
        ("+", "annotations.com.example.team", "-", '"web"', "manifests/web.yaml:2"),
    ]
    assert result.out.endswith("\n\n5 of 7 values of custom-ruby would change.\n")
    assert program.run("apply", "--yes", "--no-wait").code == 0
    applied = program.run("explain", "custom-ruby", "--diff").out
    assert applied.endswith("\n\ncustom-ruby matches the manifest.\n")
    assert {row[0] for row in diff_rows(applied)} == {""}


def test_a_reset_and_a_new_repository_next_to_what_is_live(program: Program) -> None:
    write_manifest(LIVE)
    reset = diff_rows(program.run("explain", "legacy-php", "--diff").out)
    assert reset
    assert {(row[0], row[3], row[4]) for row in reset} == {("-", "-", "manifests/web.yaml:5")}
    new = diff_rows(program.run("explain", "new-go", "--diff").out)
    assert {row[0] for row in new} == {"+"}


def test_the_document_of_a_difference_holds_what_the_plan_would_change(program: Program) -> None:
    write_manifest(LIVE)
    found = json.loads(program.run("explain", "custom-ruby", "--diff", "--json").out)["overlay"]
    (step,) = [
        one for one in json.loads(program.run("plan", "--json").out)["steps"] if one["repository"] == "custom-ruby"
    ]
    changed = {(one["path"], one["kind"]) for one in found if one["kind"] != "same"}
    assert {path for path, _ in changed} == {one["path"] for one in step["changes"]}
    kept = [one for one in found if not one["managed"]]
    assert [(one["path"], one["kind"], one["file"]) for one in kept] == [("environment.RAILS_ENV", "same", None)]
    assert "overlay" not in json.loads(program.run("explain", "custom-ruby", "--json").out)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_difference_keeps_marks_paths_and_lines_in_a_narrow_terminal(columns: int, program: Program) -> None:
    write_manifest(f"organization: example.com\nrepositories:\n  custom-ruby: {{environment: {{A: {'x' * 300}}}}}\n")
    world = program.world()
    world.stdout = Stream(terminal=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        assert main(["explain", "custom-ruby", "--diff", "--no-color"], world) == 0
    lines = world.stdout.getvalue().splitlines()
    (line,) = [one for one in lines if "environment.A" in one]
    assert line.startswith("+")
    assert "manifests/web.yaml:3" in line
    assert len(line) <= columns


def test_sections_that_are_not_managed_fit_a_terminal_and_are_one_line_elsewhere(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories:\n  custom-ruby: {packages: [git]}\n")
    world = program.world()
    world.stdout = Stream(terminal=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        assert main(["explain", "custom-ruby", "--no-color"], world) == 0
    text = world.stdout.getvalue()
    assert all(len(line) <= 80 for line in text.splitlines())
    start = "Not managed: contents.runtime_repositories, contents.runtime_keyring, "
    assert f"{start}environment, annotations" in " ".join(text.splitlines())
    assert f"\n{start}environment, annotations" in program.run("explain", "custom-ruby").out


BOUND = """\
organization: example.com
overlays:
  corp-ca: {environment: {CA: corp, API_TOKEN: hunter2}, packages: [git]}
  debug-tools: {packages: [curl, git], environment: {CA: debug, API_TOKEN: hunter3}}
  typer: {packages: [jq]}
all_repositories: {overlays: {corp-ca: all}}
folders: {team-a: {overlays: {debug-tools: dev}}}
repositories:
  orders-api: {overlays: {typer: ["24", "24-dev"], debug-tools: dev}}
"""


@pytest.mark.parametrize("target", ["orders-api:24-dev", "orders-api", "edge-gateway:latest-dev", "custom-go:1.25"])
def test_a_tag_gets_values_from_every_layer(target: str, program: Program) -> None:
    write_manifest(BOUND)
    result = program.run("explain", target)
    assert result.code == 0
    assert "hunter" not in result.out
    golden.check(GOLDEN / f"explain-tags-{target.replace(':', '-')}.txt", result.out)


def test_the_document_of_a_tag_has_sources_and_what_they_override(program: Program) -> None:
    write_manifest(BOUND)
    document = json.loads(program.run("explain", "orders-api:24-dev", "--json").out)
    (found,) = document["tags"]
    assert found["tags"] == ["24-dev"]
    assert [(one["overlay"], one["scope"]["kind"], one["kind"]) for one in found["layers"]] == [
        ("corp-ca", "organization", "all"),
        ("debug-tools", "repository", "variant"),
        ("typer", "repository", "exact"),
    ]
    values = {one["path"]: one for one in found["values"] if one["part"] == "environment"}
    assert values["environment.CA"]["value"] == "debug"
    (source,) = values["environment.CA"]["sources"]
    assert (source["overlay"], source["file"], source["line"]) == ("debug-tools", "manifests/web.yaml", 4)
    (weaker,) = values["environment.CA"]["overrides"]
    assert (weaker["value"], weaker["overlay"], weaker["line"]) == ("corp", "corp-ca", 3)
    assert values["environment.API_TOKEN"]["masked"]
    git = next(one for one in found["values"] if one["key"] == "git")
    assert [one["overlay"] for one in git["sources"]] == ["corp-ca", "debug-tools"]


def test_a_tag_next_to_what_is_live(program: Program) -> None:
    write_manifest(BOUND)
    result = program.run("explain", "orders-api:24", "--diff")
    assert result.code == 0
    assert "+ contents.packages" in " ".join(result.out.split())
    assert "4 of 4 values would change." in result.out


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("orders-api:24-dve", 'did you mean "24-dev"'),
        ("orders-apo:24", 'did you mean "orders-api"'),
        ("custom-node:24", "use one of /custom-node, team-a/custom-node"),
    ],
)
def test_an_unknown_tag_or_repository_is_named_with_the_nearest(target: str, says: str, program: Program) -> None:
    write_manifest(BOUND)
    result = program.run("explain", target)
    assert result.code == 1
    assert says in result.err
