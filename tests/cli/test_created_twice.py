"""Entry A6: what two entries create is found out by the plan, not by the apply."""

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
