"""Plans of overlays and bindings on the command line: what is refused, what is selected, what is pruned."""

import json
from typing import Any

import pytest

from reconciler.emulator import Fault, Status
from tests.support.program import Program, write_manifest

OVERLAYS, BINDINGS = "/registry/v2beta1/overlays", "/registry/v2beta1/overlayBindings"
BOUND = """\
organization: example.com
overlays:
  corp-ca: {environment: {CA: corp}}
  typer: {packages: [jq]}
all_repositories: {overlays: {corp-ca: all}}
repositories:
  orders-api: {overlays: {typer: ["24", "24-dev"]}}
  web-frontend: {overlays: {typer: dev}}
"""


def plan(program: Program, *options: str) -> Any:
    return json.loads(program.run("plan", "--json", *options).out)


def names(document: Any) -> list[str]:
    return [step["name"] for step in document["steps"] if step["kind"] != "repository" and step["action"] != "none"]


def test_an_organization_without_repositories_in_the_manifest_can_be_planned(program: Program) -> None:
    write_manifest("organization: example.com\noverlays: {tools: {packages: [jq]}}\n")
    result = program.run("plan")
    assert result.code == 0
    assert "Plan: 1 overlay to create. No tags will change." in " ".join(result.out.split())


@pytest.mark.parametrize("path", [OVERLAYS, BINDINGS])
@pytest.mark.parametrize(("status", "says"), [(403, "cannot read the overlays"), (404, "does not offer overlays")])
def test_what_cannot_be_read_is_never_called_empty(path: str, status: int, says: str, program: Program) -> None:
    write_manifest(BOUND)
    program.play(Fault(effect=Status(status=status), method="GET", path=f"{path}*", times=None))
    result = program.run("plan")
    assert result.code == 1
    assert says in result.err
    assert "create" not in result.out
    assert program.run("apply", "--yes").code != 0
    with program.emulator() as emulator:
        assert {method for method, *_ in emulator.requests} <= {"GET"}


def test_a_misspelt_tag_stops_the_plan_with_the_nearest(program: Program) -> None:
    write_manifest(BOUND.replace('"24-dev"', '"24-dve"'))
    result = program.run("plan")
    assert result.code == 1
    assert "web.yaml:7:" in result.err
    assert 'did you mean "24-dev"?' in result.err
    assert program.run("apply", "--yes").code == 1
    write_manifest(BOUND.replace('"24-dev"]', '"24-dve"]').replace("}}\n  web", "}, allow_missing_tags: true}\n  web"))
    assert program.run("plan").code == 0


def test_a_selection_takes_what_changes_selected_repositories_alone(program: Program) -> None:
    write_manifest(BOUND)
    found = plan(program, "--repo", "orders-api")
    assert names(found) == ["typer", "typer on orders-api"]
    assert {one["repository"] for effect in found["effects"] for one in effect["tags"]} == {"orders-api"}
    assert "overlays-left-out" in [one["code"] for one in found["diagnostics"]]


def test_pruning_names_everything_that_goes(program: Program) -> None:
    write_manifest(BOUND)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    write_manifest("organization: example.com\nrepositories: {orders-api: {overlays: {typer: all}}}\n")
    assert names(plan(program)) == ["typer on orders-api"]
    assert names(plan(program, "--prune-overlays")) == [
        "typer on orders-api",
        "corp-ca on all repositories",
        "typer on web-frontend",
        "corp-ca",
    ]


def test_a_plan_that_overlays_alone_change_is_not_called_unchanged(program: Program) -> None:
    write_manifest(BOUND)
    assert program.run("plan", "--detailed-exitcode").code == 2
    assert program.run("apply", "--yes", "--no-wait").code == 0
    result = program.run("plan", "--detailed-exitcode")
    assert result.code == 0
    assert "No changes. 2 overlays, 3 bindings and 2 repositories match the manifest." in " ".join(result.out.split())
