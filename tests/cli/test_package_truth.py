"""What is said of a package depends on whether the list of packages shows the truth."""

from typing import Any

from reconciler.emulator import Fault, Respond
from tests.support.program import Program, write_manifest

HEAD = "organization: example.com\nrepositories:\n"


def answers(program: Program, *items: dict[str, Any]) -> None:
    """Every list of packages holds these from now on."""
    program.play(Fault(effect=Respond(body={"items": list(items)}), path="/apk/v1/packages", times=None))


def test_entry_a39_a_package_that_the_change_keeps_is_checked(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [git, nosuch]}}\n")
    assert program.run("apply", "--no-check", "--yes", "--no-wait").code == 0
    program.clock.time += 3600
    write_manifest(f"{HEAD}  custom-nginx: {{environment: {{A: b}}}}\n")
    result = program.run("plan")
    assert result.code == 1
    assert 'manifests/web.yaml:3:3: package "nosuch" does not exist' in result.err


def test_entry_a9_an_empty_list_blocks_nothing(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [crul]}}\n")
    answers(program)
    result = program.run("plan", "--no-resolve")
    assert result.code == 0
    assert 'package "crul" is not in the organization\'s package list, which is empty' in result.err
    assert "--resolve" in result.err
    asked = program.run("plan")
    assert (asked.code, 'package "crul" cannot be installed in custom-nginx' in asked.err) == (1, True)


def test_entry_a9_a_list_that_lacks_what_images_have_blocks_nothing(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [crul]}}\n")
    answers(program, {"packageName": "curl", "version": "8.1-r0"})
    result = program.run("plan", "--no-resolve")
    assert result.code == 0
    assert 'warning: manifests/web.yaml:3:29: package "crul"' in result.err
    assert "is incomplete" in result.err
    assert "--resolve" in result.err


def test_entry_a9_what_an_image_has_exists_whatever_the_list_says(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{environment: {{A: b}}}}\n")
    answers(program)
    result = program.run("plan")
    assert (result.code, result.err) == (0, "")


def test_entry_a9_what_the_catalog_has_for_others_is_not_available(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [crul]}}\n")
    found = {"items": [{"packageName": "crul", "version": "1-r0"}]}
    program.play(Fault(effect=Respond(body=found), path="/apk/v1/packages", nth=3))
    result = program.run("plan")
    assert result.code == 1
    assert 'package "crul" is not available to the organization' in result.err
