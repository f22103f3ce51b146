"""Packages named by `{{major}}` and `{{minor}}`: accepted, looked up for each stream, proven in what was built."""

from reconciler.emulator import Fault, Omit
from tests.support.program import Program, write_manifest

HEAD = "organization: example.com\nrepositories:\n"


def test_a_template_is_looked_up_for_each_stream(program: Program) -> None:
    write_manifest(HEAD + '  custom-python: {packages: ["py{{major}}.{{minor}}-nothing"]}\n')
    plan = program.run("plan")
    assert plan.code == 1
    told = plan.out + plan.err
    assert 'package "py3.13-nothing" does not exist' in told
    assert 'package "py3.12-nothing" does not exist' in told
    assert "web.yaml:3:30" in told


def test_other_templates_are_refused(program: Program) -> None:
    write_manifest(HEAD + '  custom-python: {packages: ["py{{patch}}-typer", "curl={{major}}"]}\n')
    checked = program.run("validate")
    assert checked.code == 1
    assert checked.err.count("bad-package") == 2
    assert "use `{{major}}` and `{{minor}}` in the name only" in checked.err


def test_a_stream_that_is_not_known_is_reported(program: Program) -> None:
    program.play(Fault(effect=Omit(fields=("activeTags",), when="after"), path="/repos", times=None))
    write_manifest(HEAD + '  custom-python: {packages: ["python-{{major}}.{{minor}}-dev"]}\n')
    plan = program.run("plan")
    assert plan.code == 0, plan.err
    assert "package-template-not-checked" in plan.out + plan.err


def test_it_is_built_and_proven(program: Program) -> None:
    write_manifest(HEAD + '  custom-python: {packages: ["python-{{major}}.{{minor}}-dev"]}\n')
    applied = program.run("apply", "--yes")
    assert applied.code == 0, applied.out + applied.err
    assert "Verified: all" in applied.out
    assert program.run("plan", "--detailed-exitcode").code == 0
