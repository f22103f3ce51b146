"""Guarded Entrypoint: what is refused of it, how it is kept, and what builds show of it."""

import json
from typing import Any

import pytest

from reconciler.emulator import EmulatorSettings, Fault, NotEnrolled
from tests.support.emulated import REPOS, World
from tests.support.wsgi import Params, Reply, call

REPO = "custom-go"
FULL: dict[str, Any] = {
    "guardedEntrypoint": True,
    "failMode": "FAIL_MODE_OPEN",
    "preflight": [
        {"tcp": "redis:6379", "path": "", "timeout": "60s", "interval": "1s", "onFailure": "ON_FAILURE_CONTINUE"},
        {"tcp": "", "path": "/run/${NAME}", "timeout": "", "interval": "", "onFailure": "ON_FAILURE_UNSPECIFIED"},
    ],
    "commandOverride": {"mode": "MODE_PREPEND", "command": ["run", "--password=${DB_PASSWORD}", "$${x"]},
}
DESCRIPTION = "rpc error: code = InvalidArgument desc ="
COMMAND = f"custom_overlay.command_override: {DESCRIPTION}"


@pytest.fixture
def world() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))


def guarded(**more: Any) -> dict[str, Any]:
    return {"guardedEntrypoint": True, **more}


def put(world: World, overlay: dict[str, Any]) -> Reply:
    return world.put(REPO, {**world.emulator.repository(REPO), "customOverlay": overlay})


def patch(world: World, overlay: dict[str, Any], mask: str = "") -> Reply:
    params: Params = [("updateMask", mask)] if mask else []
    path = f"/registry/v2/repos/{world.id(REPO)}"
    return call(world.emulator, "PATCH", path, body={"customOverlay": overlay}, params=params)


def checked(**check: Any) -> dict[str, Any]:
    return guarded(preflight=[{"tcp": "db:5432"}, check])


def command(*words: str, mode: str = "MODE_DEFAULT") -> dict[str, Any]:
    return guarded(commandOverride={"mode": mode, "command": list(words)})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "checks alone": ({"preflight": [{"tcp": "db:1"}]}, "custom_overlay.preflight requires guarded_entrypoint"),
    "command alone": ({"commandOverride": {}}, "custom_overlay.command_override requires guarded_entrypoint"),
    "mode alone": ({"failMode": "FAIL_MODE_CLOSED"}, "custom_overlay.fail_mode requires guarded_entrypoint"),
    "truststore alone": ({"truststore": {"output": "/t"}}, "custom_overlay.truststore requires guarded_entrypoint"),
    "many checks": (guarded(preflight=[{"tcp": "db:1"}] * 33), "custom_overlay.preflight: at most 32 entries"),
    "no target": (
        checked(timeout="1s"),
        f"custom_overlay.preflight[1]: {DESCRIPTION} exactly one of tcp or path is required",
    ),
    "two targets": (
        checked(tcp="a:1", path="/a"),
        f"custom_overlay.preflight[1]: {DESCRIPTION} exactly one of tcp or path is required",
    ),
    "no duration": (
        checked(tcp="a:1", timeout="abc"),
        f'custom_overlay.preflight[1]: {DESCRIPTION} timeout "abc": time: invalid duration "abc"',
    ),
    "no unit": (
        checked(tcp="a:1", interval="5"),
        f'custom_overlay.preflight[1]: {DESCRIPTION} interval "5": time: invalid duration "5"',
    ),
    "negative": (
        checked(tcp="a:1", timeout="-5s"),
        f'custom_overlay.preflight[1]: {DESCRIPTION} timeout "-5s" must be non-negative',
    ),
    "comma": (
        checked(tcp="a:1,b:2"),
        f"custom_overlay.preflight[1]: {DESCRIPTION} tcp \"a:1,b:2\" must not contain ',' or '='",
    ),
    "equals sign": (
        checked(path="/a=b"),
        f"custom_overlay.preflight[1]: {DESCRIPTION} path \"/a=b\" must not contain ',' or '='",
    ),
    "nothing to prepend": (
        command(mode="MODE_PREPEND"),
        f'{COMMAND} mode "prepend" requires a non-empty command',
    ),
    "nothing to run": (
        command(mode="MODE_OVERRIDE"),
        f'{COMMAND} mode "override" requires a non-empty command',
    ),
    "unknown mode": (
        guarded(commandOverride={"mode": 99}),
        f'{COMMAND} mode "99" must be "default", "prepend", or "override"',
    ),
    "NUL": (command("a", "b\0"), f"{COMMAND} command[1] contains a NUL byte"),
    "open reference": (
        command("${A} ${B"),
        f"{COMMAND} command[0] has an unterminated ${{ reference",
    ),
    "bad name": (command("$$${A-B}"), f"{COMMAND} command[0] has an invalid variable name in a ${{...}} reference"),
    "unknown fail mode": (guarded(failMode=99), 'custom_overlay.fail_mode must be one of "closed" or "open", got "99"'),
    "reserved variable": (
        guarded(environment={"GUARDED_DISABLE": "1"}),
        "environment variable \"GUARDED_DISABLE\" uses reserved prefix 'GUARDED_'",
    ),
    "other template": (
        {"contents": {"packages": ["py{{major}}.{{patch}}-x"]}},
        'custom_overlay.contents.packages: package "py{{major}}.{{patch}}-x" uses the unsupported template {{patch}}',
    ),
}


@pytest.mark.parametrize("reason", sorted(REFUSED))
def test_refused(world: World, reason: str) -> None:
    overlay, message = REFUSED[reason]
    before = world.emulator.repository(REPO)
    for reply in (put(world, overlay), patch(world, overlay, "custom_overlay")):
        assert (reply.status, reply.json["code"], reply.json["message"]) == (400, 3, message)
    assert world.emulator.repository(REPO) == before


@pytest.mark.parametrize("key", ["failMode", "commandOverride", "preflight"])
def test_an_unknown_name_of_an_enum_is_refused_before_all_rules(world: World, key: str) -> None:
    values = {"failMode": "HALF", "commandOverride": {"mode": "MODE_X"}, "preflight": [{"onFailure": "FAIL"}]}
    reply = put(world, {key: values[key]})
    assert reply.status == 400
    assert "invalid value for enum field" in reply.json["message"]


def test_the_environment_of_the_apko_overlay_has_reserved_names_too(world: World) -> None:
    before = world.emulator.repository(REPO)
    text = "environment:\n  GUARDED_DISABLE: '1'\n"
    reply = world.put(REPO, {**before, "sync_config": {**before["sync_config"], "apkoOverlay": text}})
    assert reply.json["message"] == (
        "sync_config.apko_overlay.environment: variable \"GUARDED_DISABLE\" uses reserved prefix 'GUARDED_'"
    )


def test_an_organization_that_is_not_enrolled(world: World) -> None:
    outside = World(EmulatorSettings(automatic_rebuilds=False, not_enrolled=frozenset({"guarded_entrypoint"})))
    world.emulator.faults.add(Fault(effect=NotEnrolled(feature="guarded_entrypoint"), times=None))
    for each in (outside, world):
        for reply in (put(each, FULL), patch(each, FULL)):
            assert (reply.status, reply.json["code"]) == (403, 7)
            assert reply.json["message"] == "using custom_overlay.guarded_entrypoint is not allowed"
        assert put(each, {"environment": {"A": "cg+vault://secret/app#KEY"}}).status == 200


def test_it_is_kept_and_shown_in_both_versions(world: World) -> None:
    assert put(world, FULL).status == 200
    v1 = world.emulator.repository(REPO)["customOverlay"]
    v2 = world.get(f"/registry/v2/repos/{world.id(REPO)}").json["customOverlay"]
    assert {key: v1[key] for key in FULL} == {key: v2[key] for key in FULL} == FULL
    assert "truststore" not in v1


def test_zero_values_are_shown(world: World) -> None:
    assert put(world, {"environment": {"A": "1"}}).status == 200
    shown = world.emulator.repository(REPO)["customOverlay"]
    assert {key: shown[key] for key in FULL} == {
        "guardedEntrypoint": False,
        "failMode": "FAIL_MODE_UNSPECIFIED",
        "preflight": [],
        "commandOverride": None,
    }


def test_an_empty_command_is_not_an_absent_one(world: World) -> None:
    assert put(world, guarded()).status == 200
    world.clock.advance(60)
    assert put(world, guarded(commandOverride={})).status == 200
    shown = world.emulator.repository(REPO)["customOverlay"]["commandOverride"]
    assert shown == {"mode": "MODE_UNSPECIFIED", "command": []}
    world.clock.advance(60)
    assert environment(world)["GUARDED_COMMAND_MODE"] == "default"


def test_a_merge_by_leaf_keeps_what_it_does_not_name(world: World) -> None:
    assert put(world, {**FULL, "truststore": {"output": "/t", "sources": ["/a"]}}).status == 200
    reply = patch(world, {"environment": {"A": "1"}, "preflight": [{"path": "/b"}], "commandOverride": {"mode": 1}})
    assert reply.status == 200
    shown = reply.json["customOverlay"]
    assert shown["guardedEntrypoint"] is True
    assert shown["failMode"] == "FAIL_MODE_OPEN"
    assert [check["path"] for check in shown["preflight"]] == ["/b"]
    assert shown["commandOverride"] == {"mode": "MODE_DEFAULT", "command": FULL["commandOverride"]["command"]}
    assert shown["truststore"] == {"output": "/t", "sources": ["/a"]}


def test_the_mask_of_the_whole_overlay_turns_it_off(world: World) -> None:
    assert put(world, {**FULL, "truststore": {"output": "/t"}}).status == 200
    shown = patch(world, {"environment": {"A": "1"}}, "custom_overlay").json["customOverlay"]
    assert (shown["guardedEntrypoint"], shown["preflight"], shown["commandOverride"]) == (False, [], None)
    assert "truststore" not in shown


@pytest.mark.parametrize("value", [{"sources": [{"path": "/a"}], "output": "/t", "mode": 7}, ["a"], "text"])
def test_a_truststore_is_stored_as_given(world: World, value: Any) -> None:
    assert put(world, guarded(truststore=value)).status == 200
    assert world.emulator.repository(REPO)["customOverlay"]["truststore"] == value


def environment(world: World) -> dict[str, str]:
    found: dict[str, str] = json.loads(world.reports(REPO)[0]["config"])["environment"]
    return found


def test_a_build_shows_it(world: World) -> None:
    assert put(world, FULL).status == 200
    world.clock.advance(60)
    report = world.reports(REPO)[0]
    config = json.loads(report["config"])
    assert report["result"] == "Success"
    assert {key: value for key, value in config["environment"].items() if key.startswith("GUARDED_")} == {
        "GUARDED_FAIL_MODE": "open",
        "GUARDED_PREFLIGHT_0": "tcp=redis:6379,timeout=60s,interval=1s,on_failure=continue",
        "GUARDED_PREFLIGHT_1": "path=/run/${NAME}",
        "GUARDED_COMMAND_MODE": "prepend",
        "GUARDED_COMMAND": '["run","--password=${DB_PASSWORD}","$${x"]',
    }
    assert config["entrypoint"]["command"] == "/usr/bin/guarded-entrypoint /usr/bin/go"
    assert "guarded-entrypoint" in config["contents"]["packages"]


def test_a_closed_fail_mode_shows_nothing(world: World) -> None:
    assert put(world, guarded(failMode="FAIL_MODE_CLOSED")).status == 200
    world.clock.advance(60)
    assert not [name for name in environment(world) if name.startswith("GUARDED_")]


def test_an_old_wrapper_is_refused_and_its_tags_are_no_longer_rebuilt() -> None:
    world = World()
    tags = world.emulator.repository(REPO)["activeTags"]
    pinned = guarded(contents={"packages": ["guarded-entrypoint=1.2.4-r0"]})
    assert put(world, pinned).json["activeTags"] == tags
    world.clock.advance(2)
    (report,) = [each for each in world.reports(REPO) if not each["config"]]
    assert (report["result"], report["digest"], report["lockedConfig"]) == ("Failure", "", "")
    reason = "the listed wrapper version does not read every GUARDED_* setting"
    assert f"guarded entrypoint refused for tags [{tags[0]}] (digest sha256:" in report["log"]
    assert f"): {reason}; " in report["log"]
    assert world.status(REPO) == "FAILED"
    reader = f"/registry/v2/repos/{world.id(REPO)}"
    assert world.emulator.repository(REPO)["activeTags"] == world.get(reader).json["activeTags"] == []
    assert next(each for each in world.items(REPOS, ("name", REPO)) if each["id"] == world.id(REPO))["activeTags"] == []
    world.clock.advance(2 * 86400)
    assert world.reports(REPO) == []


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_tags_come_back_when_the_refusal_is_resolved(world: World, version: str) -> None:
    tags = world.emulator.repository(REPO)["activeTags"]
    world.emulator.edit(REPO, guarded(environment={"GUARDED_DISABLE": "true"}), replace=True)
    world.clock.advance(60)
    assert world.emulator.repository(REPO)["activeTags"] == []
    assert "the environment sets GUARDED_DISABLE" in world.reports(REPO)[0]["log"]
    described = {**world.emulator.repository(REPO), "description": "another"}
    described["customOverlay"] = {**described["customOverlay"], "environment": {}, "guardedEntrypoint": False}
    if version == "v1":
        assert world.put(REPO, described).status == 200
    else:
        assert patch(world, {}, "custom_overlay").status == 200
    assert world.emulator.repository(REPO)["activeTags"] == tags
    world.clock.advance(60)
    assert {report["result"] for report in world.reports(REPO)[: len(tags)]} == {"Success"}


def test_a_write_that_leaves_the_refusal_alone_leaves_the_tags_away(world: World) -> None:
    put(world, guarded(contents={"packages": ["guarded-entrypoint=1.2.4-r0"]}))
    world.clock.advance(60)
    path = f"/registry/v2/repos/{world.id(REPO)}"
    reply = call(world.emulator, "PATCH", path, body={"activeTags": [], "description": "another"})
    assert (reply.status, reply.json["activeTags"]) == (200, [])
    assert world.put(REPO, world.emulator.repository(REPO)).json["activeTags"] == []


@pytest.mark.parametrize("value", ["", "0", " FALSE ", "no", "off"])
def test_the_escape_hatch_counts_as_set_by_its_value(world: World, value: str) -> None:
    world.emulator.edit(REPO, guarded(environment={"GUARDED_DISABLE": value}), replace=True)
    world.clock.advance(60)
    assert world.reports(REPO)[0]["result"] == "Success"


def test_versions_in_package_names_are_those_of_the_stream(world: World) -> None:
    assert put(world, {"contents": {"packages": ["go-{{major}}.{{minor}}", "jq"]}}).status == 200
    shown = world.emulator.repository(REPO)["customOverlay"]["contents"]["packages"]
    assert shown == ["go-{{major}}.{{minor}}", "jq"]
    world.clock.advance(60)
    since = ("startedSince", "2023-11-14T22:13:20Z")
    reports = world.reports(REPO, since)
    configs = [json.loads(report["config"]) for report in reports]
    found = {name for config in configs for name in config["contents"]["packages"] if name.startswith("go-")}
    assert found == {"go-1.24", "go-1.25"}
    assert {report["result"] for report in reports} == {"Success"}


def test_an_image_without_such_a_version_fails_its_build(world: World) -> None:
    world.put_overlay("custom-base", {"contents": {"packages": ["x-{{minor}}"]}})
    world.clock.advance(60)
    report = world.reports("custom-base")[0]
    assert report["result"] == "Failure"
    assert 'package "x-{{minor}}": the main package of the image has no such version' in report["log"]
