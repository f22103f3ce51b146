"""Snapshots for those who must not see values: hashes in the file, and a plan that is as exact."""

import json
from pathlib import Path

import pytest

from tests.support.program import Program, write_manifest

HEAD = "organization: example.com\nrepositories:\n"
LIVE = """  custom-nginx:
    packages: [jq]
    environment: {REGION: value-1, MODE: value-2}
    annotations: {com.example.a: value-3}
    contents:
      runtime_repositories: [https://apk.example.com/value-4]
"""


@pytest.fixture
def fork(program: Program) -> Program:
    """A program without API and token, beside a redacted snapshot of what was applied."""
    write_manifest(HEAD + LIVE)
    assert program.run("apply", "--yes").code == 0
    assert program.run("snapshot", "--redact", "-o", "live.json").code == 0
    program.environ = {}
    return program


def test_the_file_has_names_and_no_values(fork: Program) -> None:
    del fork
    text = Path("live.json").read_text(encoding="utf-8")
    assert "value-" not in text
    assert all(name in text for name in ("REGION", "MODE", "com.example.a", '"jq"', "redacted-sha256:"))


def test_the_same_manifest_has_no_changes(fork: Program) -> None:
    result = fork.run("plan", "--against", "live.json", "--detailed-exitcode")
    assert result.code == 0, result.out


def test_what_differs_is_found_and_shown_as_sensitive_in_every_format(fork: Program) -> None:
    write_manifest(HEAD + LIVE.replace("value-2", "other-2").replace("value-4", "other-4").replace("jq", "jq, curl"))
    formats = ("text", "markdown", "html", "json")
    pages = [word for name in formats for word in ("--format", f"{name}=plan.{name}")]
    assert fork.run("plan", "--against", "live.json", *pages).code == 0
    (step,) = json.loads(Path("plan.json").read_text(encoding="utf-8"))["steps"]
    assert [change["path"] for change in step["changes"]] == [
        "contents.packages",
        "contents.runtime_repositories",
        "environment.MODE",
    ]
    assert [change["masked"] for change in step["changes"]] == [False, True, True]
    for name in formats:
        text = Path(f"plan.{name}").read_text(encoding="utf-8")
        assert "curl" in text
        assert not any(word in text for word in ("value-", "other-", "redacted-sha256"))


def test_a_new_repository_hides_its_values_too(fork: Program) -> None:
    write_manifest(f"{HEAD}  new: {{source: custom-base, environment: {{A: value-5}}}}\n")
    result = fork.run("plan", "--against", "live.json")
    assert (result.code, "value-5" in result.out) == (0, False)


def test_such_a_plan_is_not_saved(fork: Program) -> None:
    result = fork.run("plan", "--against", "live.json", "-o", "p.plan")
    assert (result.code, "[plan-of-redacted-snapshot]" in result.err) == (1, True)
    assert not Path("p.plan").exists()


def test_two_snapshots_have_no_hash_in_common(program: Program) -> None:
    write_manifest(HEAD + LIVE)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    hashes = []
    for name in ("a.json", "b.json"):
        assert program.run("snapshot", "--redact", "-o", name).code == 0
        words = Path(name).read_text(encoding="utf-8").split('"')
        hashes.append({word for word in words if word.startswith("redacted-sha256:")})
    assert hashes[0]
    assert not hashes[0] & hashes[1]


def test_builds_that_fail_are_known_to_the_snapshot(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [curl, curl-rustls]}}\n")
    assert program.run("apply", "--no-check", "--yes", "--no-wait").code == 0
    program.clock.time += 3600
    assert program.run("snapshot", "--redact", "-o", "live.json").code == 0
    write_manifest(f"{HEAD}  custom-nginx: {{environment: {{A: b}}}}\n")
    document = json.loads(program.run("plan", "--against", "live.json", "--format", "json").out)
    assert [step["will_build"] for step in document["steps"]] == ["fails_already"]
