"""What two entries create is found out by the plan, not by the apply."""

from reconciler.emulator import Fault, Omit
from tests.support.program import Program, write_manifest


def test_two_entries_that_create_one_repository_are_blocked(program: Program) -> None:
    write_manifest(
        "organization: example.com\nrepositories:\n"
        "  new: {source: custom-nginx, packages: [curl]}\n"
        "  /new: {source: custom-nginx, packages: [git]}\n"
    )
    result = program.run("plan")
    assert result.code == 1
    assert "manifests/web.yaml:4:3" in result.err
    assert "keep one of the two entries" in result.err
    assert program.run("apply", "--yes").code == 1
    assert "/new" not in program.run("repos").out


def test_a_creation_whose_source_was_dropped_is_not_called_unchanged_afterwards(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories:\n  new: {source: custom-nginx, packages: [curl]}\n")
    program.play(Fault(effect=Omit(fields=("sync_config.source",)), method="POST", times=None))
    assert program.run("apply", "--yes").code == 3
    program.play()
    result = program.run("plan")
    assert '"new" exists, but syncs from no repository: it is not built' in result.err
    assert "create it from `custom-nginx`" in result.err
