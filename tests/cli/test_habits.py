"""Flags and spellings that people bring from other tools, and settings from the environment and from files."""

from pathlib import Path

import pytest

from tests.support.program import Program, write_manifest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"


@pytest.mark.parametrize(
    "argv",
    [
        ["--api", "emulator", "plan", "--detailed-exitcode"],
        ["--format", "json", "plan", "--detailed-exitcode"],
        ["--json", "plan", "--detailed-exitcode"],
        ["plan", "--json", "--detailed-exitcode"],
        ["plan", "--target", "custom-nginx", "--detailed-exitcode"],
        ["plan", "--repo", "custom-nginx,custom-*", "--detailed-exitcode"],
        ["-v", "--no-color", "plan", "--detailed-exitcode"],
    ],
)
def test_options_where_people_write_them(program: Program, argv: list[str]) -> None:
    write_manifest(ONE)
    result = program.run(*argv)
    assert result.code == 2, result.err
    assert ('"format_version"' in result.out) == ("json" in " ".join(argv))


def test_an_option_after_the_command_goes_before_one_in_front_of_it(program: Program) -> None:
    write_manifest(ONE)
    result = program.run("--api", "http://nonsense.invalid", "plan", "--api", "emulator")
    assert result.code == 0, result.err


@pytest.mark.parametrize("flag", ["-y", "--yes", "--auto-approve"])
def test_every_name_of_yes(program: Program, flag: str) -> None:
    write_manifest(ONE)
    assert program.run("apply", flag, "--no-wait").code == 0


def test_formats_with_commas(program: Program) -> None:
    write_manifest(ONE)
    assert program.run("plan", "--format", "json=p.json,html=p.html").code == 0
    assert Path("p.json").exists()
    assert Path("p.html").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["paln"], ["did you mean plan?", "usage: reconciler"]),
        (["plan", "--detailed"], ["--detailed-exitcode", "usage: reconciler plan"]),
        (["apply", "--auto-aprove"], ["--auto-approve", "usage: reconciler apply"]),
        (["plan", "--repos=x"], ["--repo", "usage: reconciler plan"]),
        (["xyzzy"], ["reconciler --help"]),
        (["apply", "--wait-timeout", "soon"], ['invalid duration "soon"', "2d"]),
    ],
)
def test_a_typing_error_gets_the_nearest_and_the_usage_of_its_command(
    program: Program, argv: list[str], words: list[str]
) -> None:
    result = program.run(*argv)
    assert result.code == 64
    for word in words:
        assert word in result.err


def test_flag_then_environment_then_file_then_default(program: Program) -> None:
    write_manifest(ONE)
    Path("reconciler.toml").write_text('api = "http://127.0.0.1:1"\nwait = false\n', encoding="utf-8")
    assert program.run("plan").code == 0, "the environment goes before the file"
    program.environ = {"TOK": "x"}
    assert program.run("plan").code == 1, "the file names an API that does not answer"
    assert program.run("plan", "--api", "emulator").code == 0, "a flag goes before all"
    program.environ = {"RECONCILER_API": "emulator"}
    assert "not waited for" in program.run("apply", "--yes").out, "the file says not to wait"


def test_the_table_of_a_pyproject(program: Program) -> None:
    write_manifest(ONE)
    Path("pyproject.toml").write_text('[tool.other]\nx = 1\n[tool.reconciler]\napi = "emulator"\n', encoding="utf-8")
    program.environ = {}
    assert program.run("plan").code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('apii = "x"\n', ["reconciler.toml", "apii", "did you mean api?"]),
        ("parallelism = 0\n", ["parallelism", "whole number"]),
        ('color = "red"\n', ["color", "auto"]),
        ("wait = 1\n", ["wait", "true or false"]),
        ("this is not TOML", ["reconciler.toml"]),
    ],
)
def test_a_settings_file_that_is_wrong(program: Program, text: str, words: list[str]) -> None:
    write_manifest(ONE)
    Path("reconciler.toml").write_text(text, encoding="utf-8")
    result = program.run("plan")
    assert result.code == 1
    for word in words:
        assert word in result.err


def test_the_organization_of_the_environment_fills_in_and_never_redirects(program: Program) -> None:
    program.environ["RECONCILER_ORG"] = "example.com"
    assert program.run("repos").code == 0
    write_manifest(ONE.replace("organization: example.com\n", ""))
    assert program.run("plan").code == 0
    program.environ["RECONCILER_ORG"] = "other.example"
    write_manifest(ONE)
    assert "Plan for example.com" in program.run("plan").out


def test_the_manifest_of_the_environment(program: Program) -> None:
    write_manifest(ONE, "elsewhere/web.yaml")
    program.environ["RECONCILER_MANIFEST"] = "elsewhere"
    assert program.run("validate").code == 0
    assert program.run("plan", "--detailed-exitcode").code == 2
    assert program.run("repos").code == 0


def test_durations_with_days(program: Program) -> None:
    write_manifest(ONE)
    assert program.run("builds", "--since", "2d").code == 0
    assert program.run("apply", "--yes", "--wait-timeout", "1d2h").code == 0
