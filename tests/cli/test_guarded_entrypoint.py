"""The Guarded Entrypoint from manifest to image: imported, turned on for many and off for one, and never lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Program, write_manifest

HEAD = "organization: example.com\n"
ALL: dict[str, Any] = {
    "contents": {"packages": ["curl"]},
    "environment": {"DB_PASSWORD": "cg+vault://secret/data/db#password"},
    "guardedEntrypoint": True,
    "failMode": "FAIL_MODE_OPEN",
    "preflight": [
        {"tcp": "${DB_HOST}:5432", "timeout": "30s", "interval": "500ms", "onFailure": "ON_FAILURE_CONTINUE"},
        {"path": "/run/ready"},
    ],
    "commandOverride": {"mode": "MODE_PREPEND", "command": ["/bin/sh", "-c", "exec $$0"]},
    "truststore": {"sources": ["/etc/a.pem"], "output": "/etc/store"},
}
EMPTY_COMMAND = {"guardedEntrypoint": True, "commandOverride": {}}
VERSIONS = pytest.mark.parametrize("version", ["v1", "v2"])


def edit(program: Program, name: str, overlay: dict[str, Any]) -> None:
    with program.emulator() as emulator:
        emulator.edit(name, overlay, replace=True)
    program.clock.time += 3600  # its builds are over


def live(program: Program, name: str) -> dict[str, Any]:
    with program.emulator() as emulator:
        found: dict[str, Any] = emulator.repository(name)["customOverlay"]
    return found


def guarded(overlay: dict[str, Any]) -> dict[str, Any]:
    names = ("guardedEntrypoint", "failMode", "preflight", "commandOverride", "truststore")
    zeros: tuple[Any, ...] = (None, False, [], "FAIL_MODE_UNSPECIFIED")
    return {name: overlay.get(name) for name in names if overlay.get(name) not in zeros}


@VERSIONS
def test_what_is_imported_plans_to_no_change(program: Program, version: str) -> None:
    edit(program, "custom-nginx", ALL)
    edit(program, "custom-python", EMPTY_COMMAND)
    imported = program.run("import", "--org", "example.com", "-o", "manifests", "--api-version", version)
    assert imported.code == 0, imported.err
    text = "".join(path.read_text(encoding="utf-8") for path in Path("manifests").glob("*.yaml"))
    for line in ("guarded_entrypoint: true", "fail_mode: open", "on_failure: continue", "mode: prepend"):
        assert line in text
    assert "command_override: {}" in text
    plan = program.run("plan", "--detailed-exitcode", "--api-version", version)
    assert plan.code == 0, plan.out
    assert program.run("fmt", "--check", "manifests").code == 0


def fleet(off: str = "") -> str:
    names = [f"service-{number:02}" for number in range(40)]
    entries = [
        f"  {name}: {{source: custom-nginx, profiles: [guarded]{off if name == names[7] else ''}}}" for name in names
    ]
    profile = '    guarded_entrypoint: true\n    preflight: [{tcp: "db:5432", timeout: 30s}]\n'
    return f"{HEAD}profiles:\n  guarded:\n{profile}repositories:\n" + "\n".join(entries) + "\n"


def test_on_for_forty_through_a_profile_and_off_again_for_one(program: Program) -> None:
    write_manifest(fleet())
    assert program.run("apply", "--yes", "--no-wait").code == 0
    on = {"guardedEntrypoint": True, "preflight": [{"tcp": "db:5432", "timeout": "30s"}]}
    assert all(guarded_alike(live(program, f"service-{number:02}"), on) for number in range(40))
    assert program.run("plan", "--detailed-exitcode").code == 0
    write_manifest(fleet(off=", guarded_entrypoint: false"))
    plan = program.run("plan")
    assert "guarded entrypoint -on" in plan.out
    assert "preflight -tcp=db:5432,timeout=30s" in plan.out
    document = json.loads(program.run("plan", "--format", "json").out)
    assert document["counts"] == {**document["counts"], "update": 1, "unchanged": 39}
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert guarded(live(program, "service-07")) == {}
    assert guarded_alike(live(program, "service-08"), on)
    assert program.run("plan", "--detailed-exitcode").code == 0


def guarded_alike(overlay: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether the settings are these; of a check only what is given counts."""
    found = guarded(overlay)
    checks = [
        {key: value for key, value in check.items() if value and not str(value).endswith("_UNSPECIFIED")}
        for check in found.get("preflight", [])
    ]
    return {**found, **({"preflight": checks} if checks else {})} == wanted


@VERSIONS
def test_everything_survives_an_update_that_does_not_mention_it(program: Program, version: str) -> None:
    edit(program, "custom-nginx", ALL)
    before = guarded(live(program, "custom-nginx"))
    write_manifest(HEAD + "repositories:\n  custom-nginx: {packages: [git]}\n")
    applied = program.run("apply", "--yes", "--no-wait", "--api-version", version)
    assert applied.code == 0, applied.err
    after = live(program, "custom-nginx")
    assert after["contents"]["packages"] == ["git"]
    assert guarded(after) == before
    assert len(before) == 5


@VERSIONS
def test_each_section_is_managed_by_itself(program: Program, version: str) -> None:
    edit(program, "custom-nginx", ALL)
    before = guarded(live(program, "custom-nginx"))
    write_manifest(HEAD + "repositories:\n  custom-nginx: {fail_mode: closed, preflight: [{path: /p}]}\n")
    assert program.run("apply", "--yes", "--no-wait", "--api-version", version).code == 0
    after = guarded(live(program, "custom-nginx"))
    assert after["failMode"] == "FAIL_MODE_CLOSED"
    assert [check["path"] for check in after["preflight"]] == ["/p"]
    assert (after["commandOverride"], after["guardedEntrypoint"]) == (before["commandOverride"], True)


def test_off_while_the_live_overlay_holds_more_is_refused_before_anything_is_sent(program: Program) -> None:
    edit(program, "custom-nginx", ALL)
    write_manifest(HEAD + "repositories:\n  custom-nginx:\n    guarded_entrypoint: false\n    preflight: []\n")
    plan = program.run("plan", "--debug")
    assert plan.code == 1
    assert "`fail_mode` requires `guarded_entrypoint: true`" in plan.err + plan.out
    assert "web.yaml:4:5" in plan.err + plan.out
    assert 'write `fail_mode: ""` to remove it' in plan.err + plan.out
    assert program.run("apply", "--yes").code == 1
    assert guarded(live(program, "custom-nginx"))["failMode"] == "FAIL_MODE_OPEN"
    off = 'guarded_entrypoint: false, preflight: [], fail_mode: "", command_override: null, truststore: {}'
    write_manifest(HEAD + f"repositories:\n  custom-nginx: {{{off}}}\n")
    applied = program.run("apply", "--yes", "--no-wait")
    assert applied.code == 0, applied.err
    assert guarded(live(program, "custom-nginx")) == {}
    assert "is a secret reference, and `guarded_entrypoint` is not on" in applied.out + applied.err


def test_a_key_without_the_wrapper_is_refused_before_anything_is_sent(program: Program) -> None:
    write_manifest(HEAD + "repositories:\n  custom-nginx:\n    preflight: [{path: /p}]\n")
    plan = program.run("plan")
    assert plan.code == 1
    assert "web.yaml:4:5" in plan.out + plan.err
    assert "guarded-entrypoint-required" in plan.out + plan.err


def test_what_is_written_is_proven_by_the_builds(program: Program) -> None:
    edit(program, "custom-nginx", {"contents": {"packages": ["curl"]}})
    write_manifest(
        HEAD + "repositories:\n  custom-nginx:\n    guarded_entrypoint: true\n    fail_mode: open\n"
        "    preflight: [{tcp: 'db:5432'}, {path: /p, timeout: 1m, on_failure: continue}]\n"
        "    command_override: {mode: override, command: [nginx, -g, '${OPTIONS}']}\n"
    )
    applied = program.run("apply", "--yes")
    assert applied.code == 0, applied.err
    assert "erified" in applied.out


def test_it_is_explained_and_listed(program: Program) -> None:
    edit(program, "custom-nginx", ALL)
    write_manifest(fleet())
    explained = program.run("explain", "service-03")
    assert explained.code == 0, explained.err
    assert "tcp=db:5432,timeout=30s" in explained.out
    assert "guarded_entrypoint" in explained.out
    assert "guarded entrypoint" in program.run("repos").out


def test_secrets_in_a_command_are_shown_nowhere(program: Program) -> None:
    write_manifest(
        HEAD + "repositories:\n  custom-nginx:\n    guarded_entrypoint: true\n"
        "    command_override: {mode: override, command: [app, --token, hunter2]}\n"
        "    truststore: {output: /x, password: hunter3}\n"
    )
    for output in ("text", "json", "markdown", "html"):
        plan = program.run("plan", "--format", output)
        assert "hunter" not in plan.out + plan.err
        assert "--token" in plan.out
    assert "passed through" in program.run("plan").out
