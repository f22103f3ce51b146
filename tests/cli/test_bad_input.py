"""What bad input gets: one clear message on standard error, the right exit code, no traceback, nothing written."""

import socket
from pathlib import Path

import pytest

from reconciler.emulator import Fault, Garble, Status
from tests.support.golden import check
from tests.support.program import Program, Result, write_manifest

GOLDEN = Path(__file__).parent / "golden"
ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"
FIVE = """\
organization: example.com
repositories:
  custom-nginx:
    pakages: [curl]
    environment:
  custom-python: {packages: curl}
  custom-go: {accounts: {users: [{username: app}]}}
  custom-go: {reset: true}
"""


def refused(result: Result, code: int, *words: str) -> None:
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err


@pytest.mark.parametrize("command", ["validate", "plan", "apply"])
def test_no_manifest(program: Program, command: str) -> None:
    refused(program.run(command), 1, "manifests")


@pytest.mark.parametrize("command", ["validate", "plan", "apply"])
def test_five_mistakes_give_five_messages(program: Program, command: str) -> None:
    write_manifest(FIVE)
    result = program.run(command)
    refused(result, 1, "5 errors")
    verdict = "Apply refused: 5 errors. Nothing was changed.\n"
    assert result.err.endswith(verdict) is (command == "apply")
    check(GOLDEN / "five-mistakes.txt", result.err.removesuffix(verdict))
    assert result.out == ""
    assert not Path(".reconciler").exists()


def test_an_unreadable_manifest(program: Program) -> None:
    Path("m.yaml").write_bytes(b"organization: \xff\n")
    refused(program.run("plan", "m.yaml"), 1, "m.yaml", "UTF-8")


def test_an_unknown_repository_is_named_with_the_nearest(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories:\n  custom-ngin: {packages: [curl]}\n")
    for command in ("plan", "apply"):
        refused(program.run(command, *(["--yes"] if command == "apply" else [])), 1, "web.yaml:3:3", '"custom-nginx"')
    with program.emulator() as emulator:
        assert emulator.writes == 0


def test_a_blocked_repository_blocks_the_others(program: Program) -> None:
    write_manifest(ONE + "  custom-ngin: {packages: [curl]}\n")
    refused(program.run("apply", "--yes"), 1, "custom-ngin")
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"] is None


def test_a_name_in_two_folders_has_to_be_qualified(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories:\n  custom-node: {packages: [curl]}\n")
    refused(program.run("plan"), 1, "web.yaml:3:3", "/custom-node", "team-a/custom-node")


def test_an_unknown_organization(program: Program) -> None:
    write_manifest(ONE.replace("example.com", "exampel.com"))
    refused(program.run("plan"), 1, "exampel.com", "example.com")


def test_no_token(program: Program) -> None:
    write_manifest(ONE)
    program.environ = {}
    refused(program.run("plan"), 8, "CHAINGUARD_TOKEN", "TOK", "chainctl auth token")


def test_a_token_that_is_refused(program: Program) -> None:
    write_manifest(ONE)
    program.settings = type(program.settings)(tokens=frozenset({"good"}))
    refused(program.run("plan"), 8)


def test_a_token_that_is_refused_in_the_middle_of_an_apply(program: Program) -> None:
    write_manifest(ONE + "  orders-api: {packages: [curl]}\n")
    program.play(Fault(effect=Status(status=401), method="PATCH"))
    result = program.run("apply", "--yes", "--parallelism", "1")
    assert result.code == 8
    assert "not attempted because the token was rejected" in result.out


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (Status(status=403, message="no"), ["groups.list"]),
        (Status(status=500, message="oops"), ["500"]),
        (Status(status=503, html=True), ["503"]),
        (Status(status=429, retry_after="7"), ["rate limited", "7 s"]),
        (Garble(), ["JSON"]),
        (Garble(truncated=True), ["JSON"]),
    ],
)
def test_an_api_that_answers_badly(program: Program, effect: Status | Garble, words: list[str]) -> None:
    write_manifest(ONE)
    program.play(Fault(effect=effect, times=None))
    for command in (["plan"], ["apply", "--yes"]):
        result = program.run(*command)
        refused(result, 1, *words)
        assert result.out == ""


def test_a_list_that_fails_is_not_an_empty_one(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {legacy-php: {reset: true}}\n")
    program.play(Fault(effect=Status(status=503), path="^/registry/v1/repos", times=None))
    refused(program.run("apply", "--yes"), 1)
    with program.emulator() as emulator:
        assert emulator.repository("legacy-php")["customOverlay"] is not None


def test_an_unreachable_api(program: Program) -> None:
    write_manifest(ONE)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        program.environ = {"CHAINGUARD_TOKEN": "t0ken-that-nobody-may-see"}
        result = program.run("plan", "--api", url)
    refused(result, 1, url)
    assert "t0ken" not in result.err + result.out


@pytest.mark.parametrize("url", ["nonsense", "ftp://example.com", "http://example.com", "https://"])
def test_an_address_that_cannot_be_used(program: Program, url: str) -> None:
    write_manifest(ONE)
    program.environ = {"CHAINGUARD_TOKEN": "x", "RECONCILER_API": url}
    refused(program.run("plan"), 1)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--nonsense"],
        ["plan", "--bad-flag"],
        ["explode"],
        ["apply", "--wait-timeout", "soon"],
        ["apply", "--parallelism", "0"],
        ["plan", "--format", "pdf"],
        ["plan", "--format", "json="],
        ["plan", "--format", "json", "--format", "text"],
        ["emulator"],
        ["emulator", "serve", "--port", "99999"],
        ["logs"],
        ["plan", "--detailed"],
        ["plan", "--owner", ""],
        ["plan", "--repo", ","],
        ["plan", ""],
    ],
)
def test_bad_usage(program: Program, argv: list[str]) -> None:
    write_manifest(ONE)
    result = program.run(*argv)
    refused(result, 64)
    assert result.out == ""
    assert result.err


def test_help_and_version(program: Program) -> None:
    assert program.run("--version").out.startswith("reconciler ")
    assert "plan" in program.run("--help").out
    for command in ("validate", "plan", "apply", "repos", "builds", "logs", "emulator"):
        result = program.run(command, "--help")
        assert (result.code, result.err) == (0, "")
        assert f"reconciler {command}" in result.out


def test_a_format_file_that_cannot_be_written(program: Program) -> None:
    write_manifest(ONE)
    for command in (["plan"], ["apply", "--yes"]):
        refused(program.run(*command, "--format", "json=no/such/folder.json"), 1, "no/such/folder.json")
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"] is None


def test_state_of_the_emulator_that_is_something_else(program: Program) -> None:
    write_manifest(ONE)
    Path(".reconciler").mkdir()
    Path(".reconciler/emulator.db").write_text("this is no database, whatever its name says")
    refused(program.run("plan"), 1, ".reconciler/emulator.db")


def test_a_defect_is_called_one(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(ONE)
    monkeypatch.setattr("reconciler.core.planner.plan", lambda *_, **__: 1 // 0)
    refused(program.run("plan"), 1, "internal-error", "ZeroDivisionError")
    assert "Traceback" in program.run("plan", "--debug").err
