"""`reconciler migrate`: customizations as overlays and bindings, proved tag by tag, and nothing changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.manifest import load
from tests.support.program import Program, write_manifest

ORG = ("--org", "example.com")


def migrate(program: Program, *argv: str) -> tuple[int, dict[str, Any], str]:
    result = program.run("migrate", *ORG, "-o", "new", "--json", *argv)
    return result.code, json.loads(result.out), result.err


def test_every_tag_keeps_its_configuration(program: Program) -> None:
    code, found, problems = migrate(program)
    assert code == 0
    assert found["proven"]
    migrated = [one["repository"] for wave in found["waves"] for one in wave]
    assert "custom-python" in migrated
    assert "data-pipeline is not migrated: it has fields that this version does not support" in problems
    (left_out,) = found["left_out"]
    assert left_out["summary"].startswith("data-pipeline is not migrated")
    assert (left_out["severity"], left_out["repositories"]) == ("warning", ["data-pipeline"])
    assert "in data-pipeline" not in problems
    desired, _ = load(Path("new"))
    assert sorted(str(one.address) for one in desired.repositories) == sorted(migrated)
    with program.emulator() as emulator:
        assert emulator.writes == 0


def test_what_many_share_becomes_one_overlay(program: Program) -> None:
    shared = {"packages": ["bash", "curl"]}
    with program.emulator() as emulator:
        for name in ("custom-nginx", "orders-api", "web-frontend"):
            emulator.edit(name, {"contents": shared}, replace=True)
        emulator.edit("orders-api", {"environment": {"A": "1"}})
    code, found, _ = migrate(program, "custom-nginx", "orders-api", "web-frontend")
    assert code == 0
    (overlay,) = [name for name, users in found["overlays"].items() if len(users) == 3]
    assert found["overlays"] == {
        overlay: ["custom-nginx", "orders-api", "web-frontend"],
        "orders-api": ["orders-api"],
    }


def test_an_overlay_for_all_repositories_would_begin_to_apply(program: Program) -> None:
    with program.emulator() as emulator:
        emulator.bind("corp-env", "example.com/", config={"environment": {"CORP": "1"}})
    code, found, problems = migrate(program, "custom-python")
    assert code == 1
    assert found["waves"] == []
    assert [(one["code"], one["repositories"]) for one in found["left_out"]] == [("not-migrated", ["custom-python"])]
    assert "custom-python is not migrated: some tags would get another configuration" in problems


def test_the_waves_have_the_sizes_that_were_asked_for(program: Program) -> None:
    _, found, _ = migrate(program, "--batch", "2,rest")
    assert [len(wave) for wave in found["waves"]] == [2, len(found["waves"][1])]


def test_the_plan_of_the_manifest_is_refused_until_the_customizations_are_gone(program: Program) -> None:
    assert migrate(program, "custom-python")[0] == 0
    assert program.run("plan", "new").code == 1
    with program.emulator() as emulator:
        emulator.edit("custom-python", {}, replace=True)
    planned = program.run("plan", "new", "--detailed-exitcode", "--no-check")
    assert planned.code == 2, planned.err


@pytest.mark.parametrize("folder", ["new", "new/file"])
def test_a_folder_with_manifests_is_left_alone(program: Program, folder: str) -> None:
    write_manifest("organization: example.com\nrepositories: {}\n", "new/m.yaml")
    Path("new/file").touch()
    result = program.run("migrate", *ORG, "-o", folder)
    assert result.code == 1
    assert "[not-a-new-folder]" in result.err


def test_nothing_to_migrate(program: Program) -> None:
    result = program.run("migrate", *ORG, "-o", "new", "custom-nginx")
    assert result.code == 1
    assert "error: custom-nginx is not migrated: it has no customization of its own [not-migrated]" in result.err
    assert "Nothing to migrate" in result.out
    assert not Path("new").exists()
    result = program.run("migrate", *ORG, "-o", "new", "custom-ngin*")
    assert (result.code, result.err) == (0, "")


def test_a_named_repository_without_a_customization_is_left_out_aloud(program: Program) -> None:
    code, found, problems = migrate(program, "custom-python", "custom-nginx")
    assert code == 1
    assert [one["repository"] for wave in found["waves"] for one in wave] == ["custom-python"]
    (left_out,) = found["left_out"]
    assert (left_out["severity"], left_out["repositories"]) == ("error", ["custom-nginx"])
    assert problems.count("custom-nginx") == 1
    # Of two repositories with one name, one has a customization: that is the one that is meant.
    with program.emulator() as emulator:
        emulator.edit("team-a/custom-node", {"contents": {"packages": ["git"]}}, replace=True)
    assert program.run("migrate", *ORG, "-o", "other", "custom-node").code == 0


@pytest.mark.parametrize("sizes", ["tier=canary,rest", "0"])
def test_waves_of_a_migration_have_no_labels(program: Program, sizes: str) -> None:
    result = program.run("migrate", *ORG, "-o", "new", "--batch", sizes)
    assert result.code == 64
    assert "must be a count, a percentage such as 10%, or `rest`" in result.err
    assert "label" not in result.err


def test_as_text(program: Program) -> None:
    result = program.run("migrate", *ORG, "-o", "new", "custom-python", "custom-redis")
    assert "Migration of example.com: 2 repositories with 2 overlays" in result.out
    assert "Wave 2:\n  custom-redis" in result.out
    assert "Proved: 2 repositories keep the configuration" in result.out
    assert "Nothing was changed." in result.out.splitlines()[-1]
    result = program.run("migrate", *ORG, "-o", "one", "custom-python")
    assert "Proved: 1 repository keeps the configuration" in result.out
