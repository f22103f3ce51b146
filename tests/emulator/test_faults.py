"""Scripted faults, in-process."""

import json
from pathlib import Path

import pytest

from reconciler.emulator import (
    ConnectionDropped,
    Delay,
    Drop,
    Edit,
    Emulator,
    Fault,
    FaultsError,
    Garble,
    Status,
    When,
    load_faults,
)
from tests.support.emulated import GROUPS, REPORTS, REPOS, World, packages
from tests.support.wsgi import call


@pytest.fixture
def world() -> World:
    return World()


def live(world: World, name: str = "orders-api") -> list[str] | None:
    overlay = world.emulator.repository(name)["customOverlay"]
    names: list[str] | None = overlay and overlay["contents"]["packages"]
    return names


def test_a_status_is_answered_as_often_as_asked(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=503, message="try again"), method="GET", times=2))
    replies = [world.get(GROUPS) for _ in range(3)]
    assert [reply.status for reply in replies] == [503, 503, 200]
    assert replies[0].json == {"code": 14, "message": "try again", "details": []}
    assert world.emulator.faults.pending() == ()


def test_a_rate_limit_says_when_to_come_back(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=429, retry_after="7")))
    reply = world.get(GROUPS)
    assert (reply.status, reply.json["code"], reply.headers["Retry-After"]) == (429, 8, "7")
    assert "Retry-After" not in world.get(GROUPS).headers


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_rate_limit_may_be_given_as_a_number(world: World, tmp_path: Path, seconds: int) -> None:
    script = tmp_path / "faults.json"
    script.write_text(json.dumps([{"do": "status", "status": 429, "retry_after": seconds}]), encoding="utf-8")
    world.emulator.faults.add(*load_faults(script))
    assert world.get(GROUPS).headers["Retry-After"] == str(seconds)


def test_a_load_balancer_answers_with_a_page(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=502, html=True)))
    reply = world.get(GROUPS)
    assert reply.status == 502
    assert reply.headers["Content-Type"].startswith("text/html")
    assert reply.body.startswith(b"<!DOCTYPE html>")


def test_a_fault_meets_only_its_method_and_path(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=500), method="GET", path="^/registry/v1/buildreports$"))
    assert world.get(GROUPS).status == 200
    assert world.put_overlay("orders-api", packages("jq")).status == 200
    assert world.get(REPORTS).status == 500


def test_a_fault_can_meet_the_requests_of_one_repository(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=500), method="put", repository="team-a/custom-node"))
    repo = world.emulator.repository("orders-api")
    assert world.put("orders-api", repo).status == 200
    assert world.put("/custom-node", world.emulator.repository("/custom-node")).status == 200
    assert world.put("team-a/custom-node", {}).status == 500


def test_nth_lets_the_first_requests_pass(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=500), path=GROUPS, nth=3, times=2))
    assert [world.get(GROUPS).status for _ in range(5)] == [200, 200, 500, 500, 200]


def test_without_times_a_fault_stays(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=500), times=None))
    assert {world.get(GROUPS).status for _ in range(5)} == {500}
    world.emulator.faults.clear()
    assert world.get(GROUPS).status == 200


def test_one_request_meets_one_answer_at_most(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=503)), Fault(effect=Status(status=429)))
    assert [world.get(GROUPS).status for _ in range(3)] == [503, 429, 200]


def test_a_delay_waits_and_then_answers(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Delay(seconds=90)), Fault(effect=Status(status=504)))
    assert world.get(GROUPS).status == 504
    assert world.waits == [90]


def test_a_refused_write_has_no_effect(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=503), method="PUT"))
    assert world.put("orders-api", {}).status == 503
    assert world.emulator.repository("orders-api")["activeTags"]
    assert world.emulator.writes == 0


def test_a_status_can_hide_a_write_that_took_effect(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=504, when="after"), method="PUT"))
    body = {**world.emulator.repository("orders-api"), "customOverlay": packages("jq")}
    assert world.put("orders-api", body).status == 504
    assert live(world) == ["jq"]
    assert world.emulator.writes == 1


@pytest.mark.parametrize(("when", "packages_after", "writes"), [("before", None, 0), ("after", ["jq"], 1)])
def test_a_dropped_connection(world: World, when: When, packages_after: list[str] | None, writes: int) -> None:
    world.emulator.faults.add(Fault(effect=Drop(when=when), method="PUT"))
    body = {**world.emulator.repository("orders-api"), "customOverlay": packages("jq")}
    with pytest.raises(ConnectionDropped):
        world.put("orders-api", body)
    assert live(world) == packages_after
    assert world.emulator.writes == writes
    assert world.put("orders-api", body).status == 200


def test_a_body_can_be_no_json(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Garble()))
    reply = world.get(GROUPS)
    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = reply.json


def test_a_body_can_be_cut_while_its_length_is_right(world: World) -> None:
    whole = world.get(REPOS).body
    world.emulator.faults.add(Fault(effect=Garble(truncated=True)))
    reply = world.get(REPOS)
    assert reply.body == whole[: len(whole) // 2]
    assert reply.headers["Content-Length"] == str(len(reply.body))


def test_an_edit_before_a_write_is_overwritten_by_it(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Edit(edit="orders-api", overlay=packages("tree")), method="PUT"))
    world.put_overlay("orders-api", packages("jq"))
    assert live(world) == ["jq"]


def test_an_edit_after_a_read_is_seen_by_the_next_read(world: World) -> None:
    world.emulator.faults.add(
        Fault(effect=Edit(edit="orders-api", overlay=packages("tree"), when="after"), method="GET")
    )
    (first,) = world.items(REPOS, ("name", "orders-api"))
    (second,) = world.items(REPOS, ("name", "orders-api"))
    assert first["customOverlay"] is None
    assert second["customOverlay"]["contents"]["packages"] == ["tree"]
    assert world.status("orders-api") == "QUEUED"
    assert world.emulator.writes == 0


def test_an_edit_merges_or_replaces(world: World) -> None:
    change = {"environment": {"GOFLAGS": None, "CGO_ENABLED": "0"}}
    world.emulator.faults.add(Fault(effect=Edit(edit="custom-go", overlay=change)))
    world.get(GROUPS)
    overlay = world.emulator.repository("custom-go")["customOverlay"]
    assert overlay["environment"] == {"CGO_ENABLED": "0", "GOPROXY": "https://goproxy.example.com,direct"}
    assert overlay["contents"]["packages"] == ["git", "make", "openssh-client"]
    world.emulator.faults.add(Fault(effect=Edit(edit="custom-go", overlay=packages("jq"), replace=True)))
    world.get(GROUPS)
    overlay = world.emulator.repository("custom-go")["customOverlay"]
    assert (overlay["environment"], overlay["contents"]["packages"]) == ({}, ["jq"])


def test_an_edit_leaves_the_answer_to_another_fault(world: World) -> None:
    world.emulator.faults.add(
        Fault(effect=Edit(edit="orders-api", overlay=packages("tree"))), Fault(effect=Status(status=503))
    )
    assert world.get(GROUPS).status == 503
    assert live(world) == ["tree"]


def test_faults_are_shared_by_those_who_share_the_state(tmp_path: Path) -> None:
    with Emulator(tmp_path / "state.db") as first, Emulator(tmp_path / "state.db") as second:
        first.faults.add(Fault(effect=Status(status=503), times=2))
        assert call(second, "GET", GROUPS).status == 503
        assert call(first, "GET", GROUPS).status == 503
        assert call(second, "GET", GROUPS).status == 200


def test_a_repository_that_is_not_there_cannot_be_named(world: World) -> None:
    for fault in (Fault(effect=Drop(), repository="nowhere"), Fault(effect=Edit(edit="nowhere"))):
        with pytest.raises(FaultsError, match='no repository is named "nowhere"'):
            world.emulator.faults.add(fault)
    assert world.emulator.faults.pending() == ()


EVERY = (
    Fault(effect=Status(status=429, message="slow", retry_after="1", when="after"), method="PUT", nth=2, times=3),
    Fault(effect=Status(status=503, html=True), path="/repos/", times=None),
    Fault(effect=Delay(seconds=1.5), repository="custom-go"),
    Fault(effect=Drop(when="after")),
    Fault(effect=Garble(truncated=True)),
    Fault(effect=Edit(edit="custom-go", overlay={"environment": {"A": None}}, replace=True, when="after")),
)


@pytest.mark.parametrize("fault", EVERY, ids=["status", "page", "delay", "drop", "garble", "edit"])
def test_a_fault_survives_its_json_form(fault: Fault) -> None:
    assert Fault.from_json(json.loads(fault.to_json())) == fault


def test_a_script_is_a_list_of_faults(tmp_path: Path) -> None:
    script = tmp_path / "faults.json"
    script.write_text(
        json.dumps(
            [
                {"do": "status", "status": 503, "method": "GET", "path": "/groups$", "times": 2},
                {"do": "drop", "when": "after", "method": "PUT", "repository": "custom-node"},
                {"do": "edit", "edit": "custom-go", "overlay": {"environment": {"A": "b"}}, "nth": 2},
            ]
        )
    )
    status, drop, edit = load_faults(script)
    assert status == Fault(effect=Status(status=503), method="GET", path="/groups$", times=2)
    assert drop == Fault(effect=Drop(when="after"), method="PUT", repository="custom-node")
    assert edit == Fault(effect=Edit(edit="custom-go", overlay={"environment": {"A": "b"}}), nth=2)


WRONG = {
    "text": ("{", "not JSON"),
    "object": ("{}", "expected a list"),
    "number": ("[1]", "entry 1: expected an object"),
    "no effect": (
        "[{}]",
        (
            '"do" must be one of status, delay, drop, garble, edit, bind, omit, respond, header, lag, result, '
            "no_reports, parsed_configs, late_conflicts, not_enrolled, not null"
        ),
    ),
    "other effect": ('[{"do": "explode"}]', 'not "explode"'),
    "list as effect": ('[{"do": []}]', r"not \[\]"),
    "misspelled": ('[{"do": "drop"}, {"do": "drop", "methd": "PUT"}]', 'entry 2: unknown key "methd"'),
    "key of another effect": ('[{"do": "drop", "seconds": 1}]', 'unknown key "seconds"'),
    "missing": ('[{"do": "delay"}]', 'needs the key "seconds"'),
    "type": ('[{"do": "status", "status": "503"}]', '"status" must be a whole number, not "503"'),
    "boolean": ('[{"do": "status", "status": true}]', '"status" must be a whole number, not true'),
    "overlay type": ('[{"do": "edit", "edit": "a", "overlay": []}]', '"overlay" must be an object'),
    "overlay key": ('[{"do": "edit", "edit": "a", "overlay": {"packages": []}}]', 'unknown key "packages"'),
    "overlay value": ('[{"do": "edit", "edit": "a", "overlay": {"contents": {"packages": 1}}}]', "packages"),
    "config key": ('[{"do": "bind", "bind": "a", "config": {"packages": []}}]', '"config": unknown key "packages"'),
    "no error": ('[{"do": "status", "status": 200}]', "400 to 599"),
    "never": ('[{"do": "drop", "times": 0}]', "1 or more"),
    "when": ('[{"do": "drop", "when": "during"}]', '"before" or "after", not "during"'),
    "negative": ('[{"do": "delay", "seconds": -1}]', "between 0 and 3600"),
    "pattern": ('[{"do": "drop", "path": "("}]', "not a regular expression"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_wrong_script_is_explained_in_one_line(tmp_path: Path, case: str) -> None:
    script = tmp_path / "faults.json"
    text, message = WRONG[case]
    script.write_text(text)
    with pytest.raises(FaultsError, match=message) as caught:
        load_faults(script)
    assert str(caught.value).startswith(str(script))
    assert "\n" not in str(caught.value)


def test_a_script_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match="No such file"):
        load_faults(tmp_path / "missing.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FaultsError, match="not JSON"):
        load_faults(tmp_path / "binary.json")
