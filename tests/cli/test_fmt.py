"""`fmt` and `schema` from the command line."""

import json
from pathlib import Path

import pytest

from tests.support.program import Program, write_manifest

UGLY = "repositories:\n    custom-nginx: {packages:   [curl]}   # why\norganization: example.com\n"
NEAT = "organization: example.com\n\nrepositories:\n  custom-nginx: {packages: [curl]}  # why\n"


def test_files_that_change_are_named_and_written(program: Program) -> None:
    ugly, neat = write_manifest(UGLY, "manifests/a.yaml"), write_manifest(NEAT, "manifests/b.yaml")
    ugly.chmod(0o640)
    result = program.run("fmt")
    assert (result.code, result.out, result.err) == (0, "manifests/a.yaml\n", "")
    assert ugly.read_text() == NEAT == neat.read_text()
    assert ugly.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in Path("manifests").iterdir()) == ["a.yaml", "b.yaml"]
    assert program.run("fmt").out == ""


def test_check_writes_nothing(program: Program) -> None:
    path = write_manifest(UGLY)
    result = program.run("fmt", "--check")
    assert (result.code, result.out, result.err) == (1, "manifests/web.yaml\n", "")
    assert path.read_text() == UGLY
    program.run("fmt", "manifests/web.yaml")
    assert program.run("fmt", "--check").code == 0


def test_a_file_that_is_not_a_yaml_keeps_no_other_from_its_layout(program: Program) -> None:
    write_manifest("a: [\n", "manifests/a.yaml")
    write_manifest("- a\n", "manifests/b.yaml")
    path = write_manifest(UGLY, "manifests/c.yaml")
    result = program.run("fmt")
    assert result.code == 1
    assert path.read_text() == NEAT
    assert "manifests/a.yaml:2:1" in result.err
    assert "manifests/b.yaml:1:1" in result.err
    assert "no-layout" in result.err


@pytest.mark.parametrize("key", ["repositories", "overlays"])
def test_overlay_files_among_the_manifests_are_left_alone(program: Program, key: str) -> None:
    write_manifest(f"organization: example.com\n\n{key}:\n  custom-jre:\n    overlay: build.yaml\n")
    path = write_manifest("contents:   {packages: [curl]}\n", "manifests/build.yaml")
    assert program.run("fmt", "--check").code == 0
    assert program.run("fmt", str(path)).out == "manifests/build.yaml\n"


def test_the_layout_of_the_manifests_in_this_repository(program: Program) -> None:
    root = Path(__file__).parents[2]
    for folder in ("manifests", "docs/examples/organization", "docs/examples/apko-files"):
        assert program.run("fmt", "--check", str(root / folder)).code == 0, folder


def test_schema(program: Program) -> None:
    result = program.run("schema")
    assert (result.code, result.err) == (0, "")
    schema = json.loads(result.out)
    assert schema["properties"]["organization"]["description"]
    keys = "organization owner settings defaults profiles overlays all_repositories folders repositories"
    assert list(schema["properties"]) == keys.split()
