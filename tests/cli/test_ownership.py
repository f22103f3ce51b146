"""Owners across runs, selection by labels, owners and files, and repositories with errors that are left out."""

import json
from pathlib import Path

import pytest

from tests.support.program import Program, write_manifest

A = """\
organization: example.com
owner: team-a
repositories:
  custom-nginx: {packages: [curl], labels: {tier: canary}}
"""
B = """\
organization: example.com
owner: team-b
repositories:
  custom-nginx: {packages: [git]}
  orders-api: {packages: [curl]}
"""


def actions(program: Program, *argv: str) -> dict[str, str]:
    document = json.loads(program.run("plan", "--format", "json", *argv).out)
    return {step["repository"]: step["action"] for step in document["steps"]}


def test_a_repository_that_another_owner_wrote_last_is_not_taken_over(program: Program) -> None:
    write_manifest(A, "a/m.yaml")
    write_manifest(B, "b/m.yaml")
    assert program.run("apply", "a", "--yes", "--no-wait").code == 0
    refused = program.run("apply", "b", "--yes", "--no-wait")
    assert refused.code == 1
    assert "belongs to team-a, whose run" in refused.err
    assert actions(program, "b") == {"custom-nginx": "blocked", "orders-api": "update"}
    assert program.run("apply", "b", "--yes", "--no-wait", "--take-over").code == 0
    assert actions(program, "a") == {"custom-nginx": "blocked"}


def test_a_manifest_without_owner_takes_nothing_over_either(program: Program) -> None:
    write_manifest(A, "a/m.yaml")
    write_manifest(B.replace("owner: team-b\n", ""), "b/m.yaml")
    assert program.run("apply", "a", "--yes", "--no-wait").code == 0
    assert actions(program, "b")["custom-nginx"] == "blocked"


def test_what_nobody_owns_may_be_taken(program: Program) -> None:
    write_manifest(A.replace("owner: team-a\n", ""), "a/m.yaml")
    write_manifest(B, "b/m.yaml")
    assert program.run("apply", "a", "--yes", "--no-wait").code == 0
    assert actions(program, "b")["custom-nginx"] == "update"


def test_a_revert_leaves_the_repository_to_its_owner(program: Program) -> None:
    write_manifest(A, "a/m.yaml")
    write_manifest(B, "b/m.yaml")
    assert program.run("apply", "a", "--yes", "--no-wait").code == 0
    run = json.loads(program.run("history", "--format", "json").out)["runs"][0]["id"]
    assert program.run("revert", run, "--yes", "--no-wait").code == 0
    assert actions(program, "b")["custom-nginx"] == "blocked"


def test_prune_leaves_the_repositories_of_other_owners(program: Program) -> None:
    write_manifest(A, "a/m.yaml")
    write_manifest(B.replace("  custom-nginx: {packages: [git]}\n", ""), "b/m.yaml")
    assert program.run("apply", "a", "--yes", "--no-wait").code == 0
    pruned = actions(program, "b", "--prune", "--max-removal", "100%")
    assert "custom-nginx" not in pruned
    assert "reset" in pruned.values()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--label", "tier=canary"), {"custom-nginx"}),
        (("--label", "tier=canary,tier=rest"), {"custom-nginx", "custom-redis"}),
        (("--label", "tier=canary", "--label", "zone=x"), {"custom-nginx"}),
        (("--owner", "team-b"), {"orders-api"}),
        (("--owner", "team-a,team-b"), {"custom-nginx", "custom-redis", "orders-api"}),
        (("--file", "manifests/b.yaml"), {"orders-api"}),
        (("--file", "a.*", "--exclude", "custom-r*"), {"custom-nginx"}),
    ],
)
def test_selection(program: Program, options: tuple[str, ...], expected: set[str]) -> None:
    more = "  custom-redis: {packages: [curl]}\n  'custom-r*': {labels: {tier: rest}}\n"
    more += "  'custom-ng*': {labels: {zone: x}}\n"
    write_manifest(A + more, "manifests/a.yaml")
    write_manifest(B.replace("  custom-nginx: {packages: [git]}\n", ""), "manifests/b.yaml")
    assert set(actions(program, *options)) - {"custom-ruby"} == expected


@pytest.mark.parametrize("options", [("--label", "tier=none"), ("--owner", "nobody"), ("--file", "x*")])
def test_a_selection_that_matches_nothing_is_an_error(program: Program, options: tuple[str, ...]) -> None:
    write_manifest(A)
    result = program.run("plan", *options)
    assert result.code == 1
    assert f'{options[0]} "{options[1]}" matches no repository in the plan' in result.err


def test_what_has_errors_is_left_out_and_named(program: Program) -> None:
    write_manifest(A + "  nowhere: {packages: [curl]}\n")
    assert program.run("apply", "--yes", "--no-wait").code == 1
    assert program.run("plan", "--skip-blocked", "--detailed-exitcode").code == 2
    result = program.run("apply", "--yes", "--no-wait", "--skip-blocked")
    assert result.code == 3
    assert "nowhere" in result.out
    assert "1 not attempted" in result.out.splitlines()[-1]
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"]["contents"]["packages"] == ["curl"]


def test_a_saved_plan_keeps_labels_owner_and_what_is_left_out(program: Program) -> None:
    write_manifest(A + "  nowhere: {packages: [curl]}\n")
    assert program.run("plan", "--skip-blocked", "-o", "p").code == 0
    assert program.run("apply", "p", "--no-wait").code == 3
    write_manifest(B, "b/m.yaml")
    assert actions(program, "b")["custom-nginx"] == "blocked"
    assert Path("p").exists()
